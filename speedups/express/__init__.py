"""The express lane: plain requests for finished answers, past what Django does for any request.

    application = ExpressLane(get_wsgi_application())

Routing, middleware, signals and request and response objects cost several times what the answer
costs. For a request that `speedups.answers` would answer anyway, none of them has a say that is
not known before. So this WSGI application finds the route, asks the gate, runs the statement and
answers; every other request, and every error, is Django's.

A middleware takes part through a static method `express(environ, answer)` that does for such a
request what the middleware does: call `answer(environ)` and return what it gives, perhaps with
headers added, or None to leave the request to Django. Authentication and permission classes take
part by naming, in `decides_by`, the environment keys that alone decide for a method of a view.
The lane never asks them itself: a request that the framework has let in is remembered by those
keys, and the next one like it goes through. Whatever knows neither keeps the lane closed:
`manage.py speedups` tells what.
"""

from speedups.express.lane import ExpressLane, closed_because
from speedups.express.routes import stepped_aside

__all__ = ["ExpressLane", "closed_because", "stepped_aside"]
