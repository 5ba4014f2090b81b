"""Requests that overlap: one worker that does not wait for its database.

    application = ExpressLane(get_wsgi_application())
    application.overlap = overlapping(application)

`drf_speedups.worker.BufferedWorker` asks an application that has an attribute `overlap` for each
request before it makes a WSGI environment: plain requests for finished answers are sent to the
database as they come, over a few links that keep many statements under way (libpq's pipeline mode),
and answered as their results come. Everything else goes the WSGI way, alone, as before. Other
servers never see it.
"""

from drf_speedups.overlap.lane import OverlapLane
from drf_speedups.overlap.opening import overlapping, stays_closed

__all__ = ["OverlapLane", "overlapping", "stays_closed"]
