"""The faults that the pieces once had, put back one by one: the drawn view sets find each.

The default run asks the row that was made for a fault. The long one (`pytest -m torture`) draws
view sets until one of them shows the fault.
"""

import contextlib
from collections.abc import Callable
from types import FunctionType
from typing import Any
from unittest import mock

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db.models.sql.compiler import SQLCompiler
from hypothesis import HealthCheck, Phase, find
from hypothesis import settings as how
from rest_framework.views import APIView

from drf_speedups import writes
from drf_speedups.answers import action, changing, reading, view, writing
from drf_speedups.database import json_sql, statements
from drf_speedups.eligibility import members, models, serializers, views
from drf_speedups.express.routes import Endpoint
from tests.speedups.library.comparing import forget
from tests.speedups.library.conversing import differences
from tests.speedups.library.drawn import Spec
from tests.speedups.test_drawn import specs

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.torture,
]  # half a minute
EXAMPLES = 1500
FRAMEWORKS = ("rest_framework", "django", "drf_speedups")


def nothing(*_args: Any, **_kwargs: Any) -> None:
    """Check nothing."""


def patched(*places: tuple[Any, str, Any]) -> contextlib.ExitStack:
    undo = contextlib.ExitStack()
    for owner, name, new in places:
        undo.enter_context(mock.patch.object(owner, name, new))
    return undo


def by_name() -> contextlib.ExitStack:
    """Believe a function's `__module__`, which `functools.wraps` copies."""
    stock = members.own_members

    def own_members(subject: type, known: Any) -> Any:
        for kind, name, member in stock(subject, known):
            function = members.function_of(member)
            module = getattr(function, "__module__", "") or ""
            if not isinstance(function, FunctionType) or module.split(".")[0] not in FRAMEWORKS:
                yield kind, name, member

    return patched((members, "own_members", own_members))


def past_mixins() -> contextlib.ExitStack:
    """Look at nothing that stands behind the pieces, and do not run it."""
    stock = view.FinishedAnswers.dispatch

    def dispatch(self: Any, *args: Any, **kwargs: Any) -> Any:
        with mock.patch.object(type(self).__mro__[3], "dispatch", APIView.dispatch, create=True):
            return stock(self, *args, **kwargs)

    return patched(
        (view.FinishedAnswers, "dispatch", dispatch), (action, "check_view_set", nothing)
    )


def twice() -> contextlib.ExitStack:
    """Let the pieces ask who it is before the framework does."""
    stock = view.FinishedAnswers.dispatch

    def dispatch(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        asked = self.initialize_request(request, *args, **kwargs)
        with contextlib.suppress(Exception):
            self.initial(asked, *args, **kwargs)
        return stock(self, request, *args, **kwargs)

    return patched((view.FinishedAnswers, "dispatch", dispatch))


def same_page() -> contextlib.ExitStack:
    """Forget the condition of a later page."""

    def plan(self: Any, asked: Any, kwargs: Any) -> Any:
        found = stock(self, asked, kwargs)
        return found and found._replace(statement=self.first, values=found.values[-1:])

    stock = reading.List.plan
    return patched((reading.List, "plan", plan))


def without_types() -> contextlib.ExitStack:
    """Send all parameters as unknown text."""

    def native(sql: str, parameters: Any, link: Any) -> Any:
        slots = [one if isinstance(one, statements.Slot) else statements.Slot()
                 for one in parameters]  # fmt: skip
        found = stock(sql, slots, link)
        fixed = tuple(None if isinstance(one, statements.Slot) else str(one).encode()
                      for one in parameters)  # fmt: skip
        places = tuple(n for n, one in enumerate(fixed) if one is None)
        return found._replace(fixed=fixed, slots=places)

    stock = statements._native
    return patched((statements, "_native", native))


def unconverted() -> contextlib.ExitStack:
    """Read a changed row as the driver gives it."""

    def update_returning(rows: Any, values: Any) -> Any:
        with mock.patch.object(SQLCompiler, "get_converters", return_value={}):
            return stock(rows, values)

    stock = writes.update_returning
    return patched((writes, "update_returning", update_returning))


def gate_in_the_lane() -> contextlib.ExitStack:
    """Ask authentication and permissions in front of Django."""

    def answer(self: Any, environ: Any) -> Any:
        made = self._make()
        made.action_map, made.args, made.kwargs = self._actions, (), {}
        made.request = made.initialize_request(WSGIRequest(environ))
        made.initial(made.request)
        return stock(self, environ)

    stock = Endpoint.action
    return patched((Endpoint, "action", answer))


FAULTS: dict[str, tuple[Callable[[], contextlib.ExitStack], Spec]] = {
    "eligibility by name": (by_name, Spec(around="refuse", wrapped="destroy")),
    "mixins passed by": (past_mixins, Spec(mixin="door")),
    "pages that repeat": (same_page, Spec(model="SmallKey")),
    "parameters without types": (without_types, Spec(rows="sum")),
    "the model's reading code passed by": (
        lambda: patched((action, "check_reading", nothing), (writing, "check_saving", nothing),
                        (models, "_check_columns", nothing)),
        Spec(model="OwnFromDb"),
    ),
    "no converters in RETURNING": (
        unconverted, Spec(model="WithDocument")
    ),
    "JSON of whatever is there": (
        lambda: patched((json_sql.Json, "__str__", lambda self: self.written)),
        Spec(model="Old", odd="null"),
    ),
    "rows that Python cannot read": (
        lambda: patched((json_sql, "readable", lambda _model: "true")), Spec(odd="infinity")
    ),
    "a key without its default": (
        lambda: patched((changing, "check_key", nothing)), Spec(model="DefaultKey")
    ),
    "a default that can change": (
        lambda: patched((serializers, "_check_default", nothing)), Spec(fields="loose default")
    ),
    "messages in the first language": (
        lambda: patched((serializers, "Formatted", lambda lazy: lazy)), Spec(fields="plain")
    ),
    "a time zone not seen": (
        lambda: patched((view, "in_default_timezone", lambda: True)), Spec(mixin="abroad")
    ),
    "authentication asked twice": (twice, Spec(who="once")),
    "signals connected later": (
        lambda: patched((models.Silence, "__bool__", lambda self: True)), Spec(signal="made")
    ),
    "headers unchecked": (
        lambda: patched((changing, "_safe", lambda _name, value: value)), Spec(model="WithUrl")
    ),
    "a gate that breaks in the lane": (gate_in_the_lane, Spec(who="breaks")),
    "generic views": (
        lambda: patched((view.Knowledge, "of", lambda self, one, method: one.action_map[method])),
        Spec(kind="rows"),
    ),
    "a promise inherited": (
        lambda: patched((views, "_decides_by", lambda gate: gate.decides_by)),
        Spec(who="inherits", may="signed in"),
    ),
}  # fmt: skip


def shows(spec: Spec) -> bool:
    """Tell whether anything differs, or breaks."""
    forget()
    try:
        return bool(differences(spec))
    except Exception:  # noqa: BLE001  (that, too)
        return True


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_put_back_shows_in_its_row(fault):
    put_back, spec = FAULTS[fault]
    with put_back():
        assert shows(spec)


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_put_back_is_found_by_drawing(fault):
    put_back, _ = FAULTS[fault]
    with put_back():
        found = find(specs, shows, settings=how(
            max_examples=EXAMPLES, database=None, phases=[Phase.generate], deadline=None,
            suppress_health_check=list(HealthCheck),
        ))  # fmt: skip
    assert found
