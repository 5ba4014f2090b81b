"""Every method that the frameworks call on the way of an action, overridden: nobody passes it by.

The methods are not listed here: requests to a stock view set are watched, and whatever method of a
view set, serializer, model and so on runs is overridden by one that counts, in a class that
otherwise is the framework's. Then either the action has stepped aside, or the method is called as
often as with stock and the answers are the same, by the pieces and through the lane.
"""

import contextlib
import functools
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.validators import MaxLengthValidator
from django.db import connection, connections, models
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import override_settings
from rest_framework import negotiation, pagination, parsers, renderers, serializers, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.routers import SimpleRouter

from drf_speedups.answers import FinishedAnswers
from drf_speedups.answers.view import Knowledge
from drf_speedups.eligibility import StepAside
from drf_speedups.eligibility.members import _undecorated, function_of
from drf_speedups.pagination import KeysetPagination
from drf_speedups.serializers.shared_fields import SharedFields
from drf_speedups.writes import SingleStatementWrites
from tests.speedups.library.comparing import NOW, Request, answer, forget, served
from tests.speedups.library.conversing import LANE, PIECES
from tests.speedups.library.odd_models import BigKey

pytestmark = pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"])
COLUMN: Any = BigKey._meta.get_field("name")
ROLES: dict[str, type] = {
    "view": viewsets.ModelViewSet, "serializer": serializers.ModelSerializer,
    "field": serializers.CharField, "validator": MaxLengthValidator,
    "paginator": pagination.CursorPagination, "renderer": renderers.JSONRenderer,
    "parser": parsers.JSONParser, "negotiator": negotiation.DefaultContentNegotiation,
    "permission": BasePermission, "authenticator": BaseAuthentication, "model": models.Model,
    "column": models.CharField, "manager": models.Manager, "rows": models.QuerySet,
    "database": DatabaseWrapper,
}  # fmt: skip
BODY = b'{"name": "n", "rank": 1}'
REQUESTS = {
    "list": [Request("GET", "/it/?limit=1"), Request("GET", "/it/?cursor=cD0y&limit=1")],
    "retrieve": [Request("GET", "/it/1/"), Request("GET", "/it/9/")],
    "create": [Request("POST", "/it/", BODY), Request("POST", "/it/", b'{"name": ""}')],
    "update": [Request("PUT", "/it/1/", BODY), Request("PUT", "/it/9/", BODY)],
    "partial_update": [
        Request("PATCH", "/it/1/", BODY),
        Request("PATCH", "/it/1/", b'{"rank": ""}'),
    ],
    "destroy": [Request("DELETE", "/it/2/"), Request("DELETE", "/it/2/")],
}
# Called for each statement, of which there are fewer; and what `upkeep` calls only when it is due.
WHEN_DUE = ("ensure_connection", "close_if_health_check_failed", "close_if_unusable_or_obsolete")
WHO_LETS_IN = {"permission", "authenticator"}
counted: Counter[str] = Counter()


class Parts:
    """The classes of a view set; one of them may be replaced."""

    def __init__(self, role: str = "", name: str = "") -> None:
        self.chosen = {one: base for one, base in ROLES.items() if one != "database"}
        self.chosen |= {"paginator": KeysetPagination, "permission": Open}
        self.role, self.name = role, name

    def view_set(self, with_pieces: bool) -> Any:
        """Return the class of the view set."""
        made = dict(self.chosen)
        if self.role in made and self.role not in {"model", "column", "view", "serializer"}:
            made[self.role] = counting(made[self.role], self.name)
        field = made["field"](validators=[made["validator"](20)])
        meta = type("Meta", (), {"model": BigKey, "fields": ["id", "name", "rank"]})
        bases = (SharedFields,) if with_pieces else ()
        serializer: Any = type(
            "Written", (*bases, made["serializer"]), {"Meta": meta, "name": field}
        )
        if self.role == "serializer":
            serializer = counting(serializer, self.name)
        mixins = (FinishedAnswers, SingleStatementWrites) if with_pieces else ()
        view: Any = type("Seen", (*mixins, made["view"]), {
            "queryset": made["rows"](BigKey), "serializer_class": serializer,
            "pagination_class": made["paginator"], "renderer_classes": [made["renderer"]],
            "parser_classes": [made["parser"]], "permission_classes": [made["permission"]],
            "authentication_classes": [made["authenticator"]] if self.role == "authenticator"
            else [], "content_negotiation_class": made["negotiator"],
        })  # fmt: skip
        return counting(view, self.name) if self.role == "view" else view

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Replace what is not of the view set while this lasts."""
        with contextlib.ExitStack() as undo:
            if self.role == "model":
                own = overriding(BigKey, lambda: BigKey, self.name)
                undo.enter_context(mock.patch.object(BigKey, self.name, own))
            elif self.role in {"column", "database"}:
                one: Any = COLUMN if self.role == "column" else connections["default"]
                before = type(one)
                one.__class__ = counting(before, self.name)
                undo.callback(setattr, one, "__class__", before)
            elif self.role == "manager":
                manager = counting(models.Manager, self.name)()
                manager.model, manager.name = BigKey, "objects"
                undo.enter_context(mock.patch.dict(vars(BigKey._meta), default_manager=manager))
            yield


class Open(BasePermission):
    """Lets everybody in, and says so: else no request would get into the lane."""

    decides_by = ()


def counting(base: Any, name: str) -> Any:
    """Return a class whose own method of this name counts and does what its base does."""
    made: Any = type(base)("Own", (base,), {"__module__": __name__} | (
        {"Meta": base.Meta} if hasattr(base, "Meta") else {}))  # fmt: skip
    setattr(made, name, overriding(base, lambda: made, name))
    return made


def overriding(base: Any, own: Callable[[], type], name: str) -> Any:
    """Return a member like that of the base, with its function's name and module."""
    stock = next(vars(kind)[name] for kind in base.__mro__ if name in vars(kind))
    if isinstance(stock, property | functools.cached_property) or hasattr(stock, "func"):

        def get(self: Any) -> Any:
            counted[name] += 1
            return getattr(super(own(), self), name)

        return property(get, getattr(stock, "fset", None))

    @functools.wraps(function_of(stock))
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        counted[name] += 1
        found = getattr(super(own(), self), name)
        return found(self, *args, **kwargs) if name == "__new__" else found(*args, **kwargs)

    return classmethod(call) if isinstance(stock, classmethod) else call


def codes() -> dict[Any, tuple[str, str]]:
    """Return whose method each code is."""
    found: dict[Any, tuple[str, str]] = {}
    for role, base in ROLES.items():
        for kind in base.__mro__[:-1]:
            for name, member in vars(kind).items():
                code = getattr(function_of(member), "__code__", None)
                if code is not None:
                    found.setdefault(_undecorated(function_of(member)).__code__, (role, name))
    return found


def ask(view: Any, pieces: tuple[str, ...] | None, requests: list[Request]) -> Any:
    """Return what a view set answers and how often the counting method was called."""
    forget()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE library_bigkey RESTART IDENTITY")
        cursor.execute("INSERT INTO library_bigkey (name, rank, price) "
                       "SELECT 'n', n, 1 FROM generate_series(1, 3) n")  # fmt: skip
    router = SimpleRouter()
    router.register("it", view, basename="it")
    urls: Any = tuple(router.urls)
    with (
        mock.patch("django.utils.timezone.now", return_value=NOW),
        override_settings(ROOT_URLCONF=urls, SPEEDUPS=pieces or ()),
        served() as application,
    ):
        for one in requests:  # what is done once, at the first request
            answer(application, one)
        counted.clear()
        return [answer(application, one) for one in requests], dict(counted)


def watched() -> dict[tuple[str, str], set[str]]:
    """Return the methods that run with stock, and on the way of which actions."""
    whose, seen = codes(), defaultdict(set)
    for action, requests in REQUESTS.items():

        def note(frame: Any, event: str, _arg: Any, action: str = action) -> None:
            if event == "call" and frame.f_code in whose:
                seen[whose[frame.f_code]].add(action)

        view = Parts().view_set(with_pieces=False)
        sys.setprofile(note)
        try:
            ask(view, None, requests)
        finally:
            sys.setprofile(None)
    return seen


@pytest.mark.timeout(600)
@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.torture)])
def test_no_method_on_the_way_of_an_action_is_passed_by(everything, subtests):
    """Where an action has stepped aside, the other pieces may still do; `everything` asks them."""
    ways = watched()
    assert len(ways) > 150
    assert {role for role, _ in ways} == {*ROLES} - {"authenticator"}
    for name in WHEN_DUE:
        ways.pop(("database", name), None)
    ways[("authenticator", "authenticate")] = {*REQUESTS}
    aside = 0
    for (role, name), actions in sorted(ways.items()):
        with subtests.test(f"{role}.{name}"):
            aside += _check(role, name, actions, everything)
    assert aside > 300


def _check(role: str, name: str, actions: set[str], everything: bool) -> int:
    """Fail if somebody passes a method by; return how many actions stepped aside for it."""
    parts = Parts(role, name)
    with parts.outside():
        known = Knowledge(parts.view_set(with_pieces=True)).actions
        on = sorted(one for one in actions if not isinstance(known[one], StepAside))
        asked = REQUESTS if everything else on
        requests = [request for one in asked for request in REQUESTS[one]]
        if requests:
            stock = ask(parts.view_set(with_pieces=False), None, requests)
            for pieces in (PIECES, LANE) if everything else (LANE,):
                ours = ask(parts.view_set(with_pieces=True), pieces, requests)
                assert ours[0] == stock[0]
                # `writes` reads the body before it knows whether there is a row.
                assert ours[1] == stock[1] or (everything and role not in WHO_LETS_IN)
    return len(actions) - len(on)
