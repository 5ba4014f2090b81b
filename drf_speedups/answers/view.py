"""The mixin, and what is known about each view set."""

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import setting_changed
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from drf_speedups.answers.action import Action
from drf_speedups.answers.changing import Create, Destroy, PartialUpdate, Update
from drf_speedups.answers.light_request import DjangoRequest
from drf_speedups.answers.reading import List, Retrieve
from drf_speedups.eligibility.database import BACKEND
from drf_speedups.eligibility.driver import DatabaseWrapper
from drf_speedups.eligibility.members import piece
from drf_speedups.eligibility.reasons import StepAside, switched_on
from drf_speedups.eligibility.serializers import OfFields
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.eligibility.views import (
    DESCRIBING,
    OF_A_REQUEST,
    check_framework,
    deciding,
    gives_json,
    in_default_timezone,
)

ACTIONS = (Retrieve, List, Create, Update, PartialUpdate, Destroy)
# Where the express lane leaves an error for the framework to answer; None if it was no error.
FAILED = "drf_speedups.failed"
MOST_REMEMBERED = 1024  # verdicts
LONGEST_REMEMBERED = 1024  # characters of what decides one
# The framework's own that the pieces stand in for, or go past.
AROUND_IT = (WSGIHandler, WSGIRequest, Request, Response, QuerySet, DatabaseWrapper)
_describing = operator.attrgetter(*DESCRIBING)


@piece
class FinishedAnswers:
    # Mixin for a `ModelViewSet`; goes before it in the list of bases. (No docstrings: they would
    # become those of the view sets, in descriptions that clients read.)

    def dispatch(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Everything around an action stays the framework's; only the action gets a short way.
        kind: Any = type(self)
        action = knowledge(kind).of(self, request.method)
        if action is not None:
            method = action.method.lower()
            setattr(self, method, functools.partial(_finished, self, action, getattr(self, method)))
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


def _finished(
    view: Any, action: Action, stock: Callable[..., Any], request: Any, *args: Any, **kwargs: Any
) -> Any:
    """Answer with finished JSON if that is all there is to do, else as the framework does."""
    if FAILED in request.META:
        error = request.META.pop(FAILED)
        if error is None:  # the lane has tried, and the action would find the same
            return stock(request, *args, **kwargs)
        raise error  # a change must not be tried again from the start
    kind: Any = type(view)
    known = knowledge(kind)
    same = view.request is request and known.describes(view)
    if same and gives_json(request) and in_default_timezone():
        known.remember(action, view)
        answer = action.answer(DjangoRequest(view), view.kwargs)
        if answer is not None:
            return answer.response()
    return stock(request, *args, **kwargs)


class Knowledge:
    """What one view set does: the actions that can be answered, and for the others why not."""

    def __init__(self, view_class: Any) -> None:
        self.actions: dict[str, Action | StepAside] = {}
        for action_class in ACTIONS:
            self.actions[action_class.name] = _looked_at(action_class, view_class)
        self._kind = view_class
        self._described = tuple([_kept(getattr(view_class, name, None)) for name in DESCRIBING])
        self._unchanged = Unchanged(_on_the_way(view_class), run=BACKEND.run)
        self._fields = OfFields(getattr(view_class, "serializer_class", None))
        self.deciding = _deciding(view_class)
        self._let_in: set[tuple[Any, ...]] = set()

    def of(self, view: Any, method: str | None) -> Action | None:
        """Return the action of a view's request if it may be answered."""
        name = str(getattr(view, "action_map", {}).get(str(method).lower()))
        action = self.actions.get(name)
        known = isinstance(action, Action) and action.method == method
        return action if known else None  # type: ignore[return-value]

    def describes(self, view: Any) -> bool:
        """Tell whether a view still is what was looked at."""
        return OF_A_REQUEST.issuperset(vars(view)) and self.holds(view)

    def holds(self, view: Any = None) -> bool:
        """Tell whether a view, or its class, still has what was looked at."""
        same = _describing(self._kind if view is None else view) == self._described
        return same and bool(self._unchanged) and bool(self._fields)

    def remember(self, action: Action, view: Any) -> None:
        """Keep that the framework has let in such a request, if that can be told by its headers.

        Not who was let in by another way than the view set's own, as with `force_authenticate`.
        """
        asked = map(type, view.request.authenticators)
        if self.deciding is not None and [*asked] == [*view.authentication_classes]:
            verdict = self._verdict(action, view.request.META)
            if any(len(said) > LONGEST_REMEMBERED for said in verdict if said):
                return
            if len(self._let_in) >= MOST_REMEMBERED:
                self._let_in.clear()
            self._let_in.add(verdict)

    def lets_in(self, action: Action, environ: dict[str, Any]) -> bool:
        """Tell whether the framework has let in such a request before."""
        return self._verdict(action, environ) in self._let_in

    def _verdict(self, action: Action, environ: dict[str, Any]) -> tuple[Any, ...]:
        return action.name, *[environ.get(name) for name in self.deciding or ()]


@functools.cache
def knowledge(view_class: Any) -> Knowledge:
    """Return what is known about a view set; looked at once, at its first request."""
    return Knowledge(view_class)


def _forget(**_kwargs: Any) -> None:
    """Let all be looked at anew: a test has changed a setting."""
    knowledge.cache_clear()


setting_changed.connect(_forget)


def _looked_at(action_class: type[Action], view_class: Any) -> Action | StepAside:
    try:
        switched_on("answers")
        check_framework()
        return action_class(view_class)
    except StepAside as reason:
        return reason
    except EmptyResultSet:
        return StepAside(
            "the queryset can never have a row: none(), or a condition such as pk__in=[]"
        )
    except Exception as error:  # noqa: BLE001  (if it matters, the framework meets it)
        return StepAside(f"Django cannot build it: {type(error).__name__}: {error}")


def _kept(value: Any) -> Any:
    """Return a copy of what may be changed in its place."""
    return [*value] if type(value) is list else value


def _on_the_way(kind: Any) -> Iterator[Any]:
    """Yield the classes whose code runs for a view set's requests."""
    yield from (kind, getattr(getattr(kind, "queryset", None), "model", None), *AROUND_IT)
    for name in DESCRIBING:
        value = getattr(kind, name, None)
        yield from value if isinstance(value, list | tuple) else (value,)
    serializer = getattr(kind, "serializer_class", None)
    yield from map(type, getattr(serializer, "_declared_fields", {}).values())
    yield from getattr(serializer, "serializer_field_mapping", {}).values()


def _deciding(view_class: Any) -> tuple[str, ...] | None:
    try:
        return deciding(view_class)
    except StepAside:
        return None


def explained(view_class: Any) -> Iterator[tuple[str, str]]:
    """Yield each action and how it is answered: "on", or the reason why not."""
    for name, action in knowledge(view_class).actions.items():
        yield name, str(action) if isinstance(action, StepAside) else "on"
