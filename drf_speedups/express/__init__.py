"""The express lane: plain requests for finished answers, past what Django does for any request.

    application = ExpressLane(get_wsgi_application())  # what else wraps Django goes around the lane

Routing, middleware, signals and request and response objects cost several times what the answer
costs. For a request that `drf_speedups.answers` would answer anyway, none of them has a say that is
not known before. So this WSGI application finds the route, asks the gate, runs the statement and
answers; every other request, and every error, is Django's.

A middleware takes part through two static methods: `admits(environ)` tells whether such a request
may pass it here, by its headers and its method alone, for that is asked once for all requests with
the same headers; `complete(request, answer)` does for an answer what the middleware does, and adds
to `answer.headers`. There `request.META` may have the headers only: what the request line says is
in `request.method`, `path` and `query_string`. A subclass with anything of its own has to have both
again. Authentication and permission classes take part by
naming, in the tuple `decides_by`, the environment keys that alone decide for a method of a view.
The lane never asks them itself: a request that the framework has let in is remembered by those
keys, and the next one like it goes through. Whatever knows neither keeps the lane closed:
`manage.py speedups` tells what.
"""

from drf_speedups.express.lane import ExpressLane, closed_because
from drf_speedups.express.routes import stepped_aside

__all__ = ["ExpressLane", "closed_because", "stepped_aside"]
