"""From a path to a view set's action, as Django's resolver and the framework's `as_view` do it."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.viewsets import ModelViewSet

from speedups.answers.action import Action
from speedups.answers.asked import Asked
from speedups.answers.view import FinishedAnswers, in_default_timezone, knowledge
from speedups.stepping_aside import StepAside, stock, unless

AS_VIEW: Any = ModelViewSet.as_view({"get": "list"})
MOST_REMEMBERED = 1024  # verdicts
NO_VIEW_SET = "it is no view set with finished answers"

Kwargs = dict[str, Any]


class Stop:
    """A route to a view set that may be answered in the lane."""

    def __init__(self, callback: Any, route: str) -> None:
        _check_callback(callback)
        self.route = route
        self._callback = callback
        self.actions: dict[str, str] = callback.actions
        if "get" in self.actions:  # as the framework does it at the first request
            self.actions.setdefault("head", self.actions["get"])
        view = self.view_of(None)
        self.known = knowledge(callback.cls)
        unless(self.known.describes(view), "as_view() was given something of its own")
        self.headers = [*view.default_response_headers.items()]
        self._gated = bool(view.authentication_classes or view.permission_classes)
        self._deciding = _deciding(view)
        unless(not self.known.has_own_gate, "it has its own gate")
        self._let_in: set[tuple[Any, ...]] = set()
        self._by_method = {
            action.method: action
            for method, name in self.actions.items()
            if isinstance(action := self.known.actions.get(name), Action)
            and action.method == method.upper()
        }

    def action(self, environ: dict[str, Any]) -> Action | None:
        """Return the action of a request that may be answered; None if it is Django's."""
        action = self._by_method.get(environ["REQUEST_METHOD"])
        if action is None or not in_default_timezone():
            return None
        accepted = self.known.accepted.get(environ.get("HTTP_ACCEPT"))
        if accepted is None:
            asked = Asked(environ, environ["PATH_INFO"])
            accepted = self.known.accepts_json(self.view_of(asked), asked.django)
        if not accepted or (self._gated and not self._lets_in(action, environ)):
            return None
        return action

    def view_of(self, asked: Any) -> Any:
        """Return the view of a request as the framework makes it."""
        view = self._callback.cls(**self._callback.initkwargs)
        view.action_map = self.actions
        for method, name in self.actions.items():
            setattr(view, method, getattr(view, name))
        view.request, view.args, view.kwargs = asked, (), {}
        return view

    def _lets_in(self, action: Action, environ: dict[str, Any]) -> bool:
        """Tell whether authentication and permissions let such a request in."""
        key = (action.method, *[environ.get(name) for name in self._deciding])
        if key in self._let_in:
            return True
        asked = Asked(environ, environ["PATH_INFO"])
        view = self.view_of(asked)
        view.action = action.name
        try:
            view.request = view.initialize_request(asked.django)
            view.initial(view.request)
        except (APIException, PermissionDenied):  # Django's way meets it again and answers it
            return False
        if len(self._let_in) >= MOST_REMEMBERED:
            self._let_in.clear()
        self._let_in.add(key)
        return True


class Routes:
    """All routes in the order in which Django tries them, as far as the last one of a stop."""

    def __init__(self) -> None:
        chains = [*_chains(get_resolver())]
        while chains and not isinstance(chains[-1][1], Stop):
            chains.pop()
        self._chains = [
            (_matcher(patterns), stop if isinstance(stop, Stop) else None)
            for patterns, stop in chains
        ]

    def find(self, path: str) -> tuple[Stop, Kwargs] | None:
        """Return the first route that matches, None if it is no stop's or there is none."""
        for match, stop in self._chains:
            kwargs = match(path)
            if kwargs is not None:
                return (stop, kwargs) if stop else None
        return None


def _matcher(patterns: tuple[Any, ...]) -> Callable[[str], Kwargs | None]:
    """Return what tells whether a path matches these patterns, and the keywords in it."""
    root, *others = patterns
    if len(others) == 1 and type(others[0]) is RegexPattern and str(root) == "^/":
        return _expression(others[0])

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


def _expression(pattern: Any) -> Callable[[str], Kwargs | None]:
    """Return the same for a regular expression right below the root, without its detours."""
    regex = pattern.regex
    whole = pattern._is_endpoint and regex.pattern.endswith("$")
    search = regex.fullmatch if whole else regex.search

    def match(path: str) -> Kwargs | None:
        found = search(path[1:]) if path[:1] == "/" else None
        if found is None:
            return None
        return {name: value for name, value in found.groupdict().items() if value is not None}

    return match


def _chains(resolver: URLResolver, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Yield the patterns that a path has to match one after the other, and the stop, if any."""
    patterns = (*before, resolver.pattern)
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _chains(one, patterns)
        else:
            chain = (*patterns, one.pattern)
            yield chain, _stop(one, "".join(str(pattern) for pattern in chain[1:]))


def _stop(pattern: URLPattern, route: str) -> Stop | StepAside:
    try:
        unless(not pattern.default_args, "the route has arguments of its own")
        named = not isinstance(pattern.pattern, RegexPattern) or (
            pattern.pattern.regex.groups == len(pattern.pattern.regex.groupindex)
        )
        unless(named, "the route has arguments without names")
        return Stop(pattern.callback, route)
    except StepAside as reason:
        return reason


def stepped_aside() -> Iterator[tuple[str, str]]:
    """Yield the routes to view sets with finished answers that are not in the lane, and why."""
    for patterns, stop in _chains(get_resolver()):
        if isinstance(stop, StepAside) and str(stop) != NO_VIEW_SET:
            yield "".join(str(pattern) for pattern in patterns[1:]), str(stop)


def _check_callback(callback: Any) -> None:
    """Raise `StepAside` unless it is what `as_view` returns, with nothing around it."""
    view_class = getattr(callback, "cls", None)
    ours = isinstance(view_class, type) and issubclass(view_class, FinishedAnswers)
    unless(ours, NO_VIEW_SET)
    around, view = (_code(one) for one in (callback, getattr(callback, "__wrapped__", None)))
    plain = around is _code(AS_VIEW) and view is _code(AS_VIEW.__wrapped__)
    unless(plain, "something is wrapped around the view")
    unless(callback.cls.dispatch is FinishedAnswers.dispatch, "dispatch is its own")
    stock(callback.cls, "__init__", "as_view", of=("django", "rest_framework", "speedups"))


def _code(function: Any) -> Any:
    return getattr(function, "__code__", None)


def _deciding(view: Any) -> tuple[str, ...]:
    """Return the environment keys that decide who gets in. Raises `StepAside` if anything may."""
    names: list[str] = []
    for gate in (*view.authentication_classes, *view.permission_classes):
        decides_by = () if gate is AllowAny else getattr(gate, "decides_by", None)
        if decides_by is None:
            name = getattr(gate, "__name__", "a composed permission")
            raise StepAside(f"{name} does not say what it decides by")
        names += decides_by
    return tuple(names)
