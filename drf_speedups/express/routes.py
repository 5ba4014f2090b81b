"""From a path to a view set's action, as Django's resolver and the framework's `as_view` do it."""

from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import DEFAULT_CONVERTERS
from django.urls.resolvers import LocalePrefixPattern, RegexPattern, RoutePattern
from rest_framework.exceptions import APIException
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from drf_speedups.answers.action import Action
from drf_speedups.answers.view import LONGEST_REMEMBERED, FinishedAnswers, knowledge
from drf_speedups.eligibility.members import Role, check_members
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.views import (
    OF_A_ROUTE,
    check_lane,
    deciding,
    gives_json,
    in_default_timezone,
    is_open,
)

AS_VIEW: Any = ModelViewSet.as_view({"get": "list"})
MOST_REMEMBERED = 256  # Accept headers
NO_VIEW_SET = "it is no view set with finished answers"
OF_ROUTES = (URLPattern, URLResolver, RegexPattern, RoutePattern, LocalePrefixPattern)
CONVERTERS = {type(one) for one in DEFAULT_CONVERTERS.values()}

Kwargs = dict[str, Any]


class Endpoint:
    """A route to a view set that may be answered in the lane."""

    def __init__(self, callback: Any, route: str) -> None:
        given = _given(callback)
        kind = given["cls"]
        extra = set(given["initkwargs"]) - OF_A_ROUTE
        unless(not extra, f"as_view() was given {', '.join(sorted(extra))}")
        check_lane(kind)
        unless(kind.dispatch is not APIView.dispatch, "FinishedAnswers stands behind what it is to "
               "replace: put it first")  # fmt: skip
        deciding(kind)
        self.route = route
        self._make: Callable[[], Any] = lambda: kind(**given["initkwargs"])
        self._actions: dict[str, str] = given["actions"]
        self.known = knowledge(kind)
        view = self._make()
        unless(self.known.describes(view), "its view sets get something of their own when made")
        view.action_map = self._actions
        for method, name in self._actions.items():
            setattr(view, method, getattr(view, name))
        if "get" in self._actions:  # as the framework does it at the first request
            view.head = view.get
        self.headers = [*view.default_response_headers.items()]
        self._gated = not is_open(kind)
        self._accepted: dict[str | None, bool] = {}
        self._by_method = {
            action.method: action
            for method, name in self._actions.items()
            if isinstance(action := self.known.actions.get(name), Action)
            and action.method == method.upper()
            and action.lane
        }
        unless(self._by_method, self._reason())

    def _reason(self) -> str:
        """Return why no action is in the lane."""
        found = [self.known.actions.get(name) for name in self._actions.values()]
        reasons = [str(one) for one in found if isinstance(one, StepAside)]
        return reasons[0] if reasons else "the lane has not what it looks at of each request"

    def action(self, environ: dict[str, Any]) -> Action | None:
        """Return the action of a request that may be answered; None if it is Django's."""
        action = self._by_method.get(environ["REQUEST_METHOD"])
        if action is None or not in_default_timezone() or not self.known.holds():
            return None
        if self._gated and not self.known.lets_in(action, environ):
            return None  # and if the framework lets it in, it remembers that
        accept = environ.get("HTTP_ACCEPT")
        accepted = self._accepted.get(accept)
        if accepted is None:
            accepted = self._remember(accept, environ)
        return action if accepted else None

    def _remember(self, accept: str | None, environ: dict[str, Any]) -> bool:
        """Return whether a client gets plain JSON; its Accept header alone decides that."""
        if accept and len(accept) > LONGEST_REMEMBERED:
            return False
        if len(self._accepted) >= MOST_REMEMBERED:
            self._accepted.clear()
        view = self._make()
        view.action_map, view.format_kwarg = self._actions, None
        try:
            asked = view.initialize_request(WSGIRequest(environ))
            chosen = view.perform_content_negotiation(asked)
            asked.accepted_renderer, asked.accepted_media_type = chosen
        except APIException:
            accepted = False
        except (SuspiciousOperation, ValueError):  # too many parameters, say: Django refuses it
            return False
        else:
            accepted = gives_json(asked)
        self._accepted[accept] = accepted
        return accepted


class Routes:
    """All routes in the order in which Django tries them, as far as the last endpoint."""

    def __init__(self) -> None:
        for kind in OF_ROUTES:
            check_members(kind, Role(kind))
        routes = [*_endpoints()]
        while routes and not isinstance(routes[-1][1], Endpoint):
            routes.pop()
        self._chains = [
            (_matcher(_patterns(chain)), endpoint) if isinstance(endpoint, Endpoint)
            else (_suspicion(_patterns(chain)), None)
            for chain, endpoint in routes
        ]  # fmt: skip

    def find(self, path: str) -> tuple[Endpoint, Kwargs] | None:
        """Return the first route that matches, None if it is no endpoint's or there is none."""
        for match, endpoint in self._chains:
            kwargs = match(path)
            if kwargs is not None:
                return (endpoint, kwargs) if endpoint else None
        return None


def _matcher(patterns: tuple[Any, ...]) -> Callable[[str], Kwargs | None]:
    """Return what tells whether a path matches these patterns, and the keywords in it."""
    root, *others = patterns
    alone = others[0] if len(others) == 1 and str(root) == "^/" else None
    if type(alone) is RegexPattern and isinstance(vars(alone)["_regex"], str):
        return _expression(alone)  # one that is translated is another for each language

    def match(path: str) -> Kwargs | None:
        kwargs: Kwargs = {}
        for pattern in patterns:
            found = pattern.match(path)
            if found is None:
                return None
            path, _, more = found
            kwargs |= more
        return kwargs

    return match


def _suspicion(patterns: tuple[Any, ...]) -> Callable[[str], Kwargs | None]:
    """Return what tells whether a path may match these patterns, whatever their converters say."""

    def match(path: str) -> Kwargs | None:
        for pattern in patterns:
            if type(pattern) is RoutePattern:
                found = pattern.regex.search(path)
                rest = found and path[found.end() :]
            else:
                rest = next(iter(pattern.match(path) or ()), None)
            if rest is None:
                return None
            path = rest
        return {}

    return match


def _expression(pattern: Any) -> Callable[[str], Kwargs | None]:
    """Return the same for a regular expression right below the root, without its detours."""
    regex = pattern.regex
    whole = pattern._is_endpoint and regex.pattern.endswith("$")
    search = regex.fullmatch if whole else regex.search
    alone = next(iter(regex.groupindex), None) if regex.groups == 1 else None

    def match(path: str) -> Kwargs | None:
        found = search(path[1:]) if path[:1] == "/" else None
        if found is None:
            return None
        if alone:
            return {} if found[1] is None else {alone: found[1]}
        return {name: value for name, value in found.groupdict().items() if value is not None}

    return match


def _chains(resolver: URLResolver, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield each route with the resolvers around it, in the order in which Django tries them."""
    around = (*before, resolver)
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _chains(one, around)
        else:
            yield (*around, one)


def _patterns(chain: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the patterns that a path has to match one after the other."""
    return tuple(one.pattern for one in chain)


def _endpoints() -> Iterator[tuple[tuple[Any, ...], Endpoint | StepAside]]:
    """Yield all routes, each with its endpoint or the reason why it has none.

    A route that is looked up in a way of its own may take any path from those behind it.
    """
    odd = ""
    for chain in _chains(get_resolver()):
        odd = odd or next((str(one) for one in chain if not _is_known(one)), "")
        yield chain, _endpoint(chain, odd)


def _is_known(route: Any) -> bool:
    """Tell whether Django's own code alone says which paths are a route's, and whose they are."""
    if type(route) not in OF_ROUTES or type(route.pattern) not in OF_ROUTES:
        return False
    return not {"resolve", "match"} & {*vars(route), *vars(route.pattern)}


def _endpoint(chain: tuple[Any, ...], odd: str) -> Endpoint | StepAside:
    last: URLPattern = chain[-1]
    try:
        kind = getattr(getattr(last, "callback", None), "cls", None)
        unless(isinstance(kind, type) and issubclass(kind, FinishedAnswers), NO_VIEW_SET)
        unless(not odd, f"{odd} is looked up in a way of its own")
        given = [getattr(one, "default_kwargs", {}) for one in chain[:-1]]
        unless(not any([*given, last.default_args]), "the route has arguments of its own")
        converters = {type(one) for at in _patterns(chain) for one in at.converters.values()}
        unless(converters <= CONVERTERS, "the route has converters of its own")
        named = not isinstance(last.pattern, RegexPattern) or (
            last.pattern.regex.groups == len(last.pattern.regex.groupindex)
        )
        unless(named, "the route has arguments without names")
        return Endpoint(last.callback, _route(chain))
    except StepAside as reason:
        return reason
    except Exception as error:  # noqa: BLE001  (if it matters, the framework meets it)
        return StepAside(f"its view cannot be made: {type(error).__name__}: {error}")


def _route(chain: tuple[Any, ...]) -> str:
    return "".join(str(pattern) for pattern in _patterns(chain[1:]))


def stepped_aside() -> Iterator[tuple[str, str]]:
    """Yield the routes to view sets with finished answers that are not in the lane, and why."""
    for chain, endpoint in _endpoints():
        if isinstance(endpoint, StepAside) and str(endpoint) != NO_VIEW_SET:
            yield _route(chain), str(endpoint)


def _given(callback: Any) -> dict[str, Any]:
    """Return what `as_view` was given. Raises `StepAside` for anything but what it returns."""
    made = _enclosed(callback, AS_VIEW)
    view = made and _enclosed(made.get("view_func"), AS_VIEW.__wrapped__)
    if not view:
        raise StepAside("something is wrapped around the view")
    return view


def _enclosed(function: Any, like: Any) -> dict[str, Any] | None:
    """Return what a function has enclosed if its code is the very code of another one."""
    same = type(function) is FunctionType and function.__code__ is like.__code__
    if not same:
        return None
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}
