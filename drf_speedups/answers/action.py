"""What every action has in common.

An action does not execute: `plan` says which statement with which values, and how an answer is made
of its rows. `plan`, and a plan's `answer`, return None for a request that is not plain, not valid
or finds no row: the framework then answers it.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from django.db import connections, models
from django.db.models.expressions import RawSQL

from drf_speedups.answers.light_request import JSON, Answer, LightRequest
from drf_speedups.database.json_sql import NUMBERS, json_object
from drf_speedups.database.statements import Rows, Slot, Statement, compiled
from drf_speedups.eligibility.database import check_database, check_table
from drf_speedups.eligibility.models import (
    READ,
    Silence,
    check_column,
    check_condition,
    check_reading,
    check_rows,
)
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.views import check_view_set
from drf_speedups.writes import once_more_after_deadlock

OF_JSON = ("Content-Type", JSON)
MOST_DIGITS = 20  # of a key: no column holds more


class Plan(NamedTuple):
    """What is to be executed for one request."""

    statement: Statement
    values: list[Any]  # one for each slot of the statement
    answer: Callable[[Rows], Answer | None]
    changes: bool = False  # a change that the database sacrificed is tried once more


class Action:
    """An action of one view set; constructing it raises `StepAside` where it cannot be answered."""

    name: ClassVar[str]
    method: ClassVar[str]
    heard: ClassVar[tuple[Any, ...]] = READ  # signals that nobody may listen to
    lane: bool = True  # whether it can do without the framework's view and request
    may_wait: bool = True  # for another transaction
    changes: bool = True  # rows
    _table: StepAside | bool | None = None  # looked at by the first request

    def __init__(self, view_class: Any) -> None:
        check_view_set(view_class, self.name)
        allowed = self.method.lower() in view_class.http_method_names
        unless(allowed, f"{self.method} is not among the view set's http_method_names")
        check_rows(view_class.queryset)
        check_condition(view_class.queryset.query)
        self.rows: models.QuerySet[Any] = view_class.queryset.order_by()
        self.using = self.rows.db
        check_database(self.using)
        self.model: Any = self.rows.model
        check_reading(self.model)
        self.silence = Silence(self.model, self.heard)
        self.silence.check()
        self.key: Any = self.model._meta.pk
        self.keyword = view_class.lookup_url_kwarg or view_class.lookup_field
        by_key = view_class.lookup_field in {"pk", self.key.name}
        unless(by_key, "rows are not looked up by their primary key")
        unless(check_column(self.key) in NUMBERS, "the primary key is no integer")
        operations = connections[self.using].ops
        self.quoted = operations.quote_name
        self.table = self.quoted(self.model._meta.db_table)
        self.least, self.most = operations.integer_field_range(self.key.get_internal_type())
        self.prepare(view_class)

    def prepare(self, view_class: Any) -> None:
        """Compile what the action needs. Raises `StepAside`."""
        raise NotImplementedError

    def plan(self, request: LightRequest, kwargs: dict[str, Any]) -> Plan | None:
        """Return what is to be executed, or None to leave the request to the framework."""
        raise NotImplementedError

    def answer(self, request: LightRequest, kwargs: dict[str, Any]) -> Answer | None:
        """Execute and return the answer, or None. Raises Django's database errors."""
        plan = self.plan(request, kwargs) if self.silence else None
        if plan is None:
            return None
        if plan.changes:
            return plan.answer(once_more_after_deadlock(lambda: plan.statement.rows(plan.values)))
        return plan.answer(plan.statement.rows(plan.values))

    def table_is_known(self) -> bool:
        """Tell whether the table is as the model says; asks the database once."""
        if self._table is None:
            try:
                compared = check_table(self.model, self.using, changes=self.changes)
                self.may_wait |= compared and self.changes
                self._table = True
            except StepAside as reason:
                self._table = reason
        return self._table is True

    def key_of(self, kwargs: dict[str, Any]) -> int | None:
        """Return the row's key out of the URL; None if no row can have it."""
        text = str(kwargs.get(self.keyword, ""))
        if len(kwargs) != 1 or not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS):
            return None
        key = int(text)
        return key if self.least <= key <= self.most else None

    def check_same_model(self, serializer: Any) -> None:
        """Raise `StepAside` unless a serializer is of the rows' own model."""
        model = getattr(getattr(serializer, "Meta", None), "model", None)
        unless(model is self.model, "the serializer is of another model")

    def condition(self) -> tuple[str, list[Any]]:
        """Return the WHERE of one row, a slot standing for its key."""
        sql, parameters = compiled(self.rows.filter(pk=self.slot()).values_list("pk"))
        _, where, condition = sql.partition(" WHERE ")
        return where + condition, parameters

    def slot(self) -> Slot:
        """Return an expression for a key."""
        return Slot(self.key)

    def with_json(self, view_class: Any, rows: models.QuerySet[Any]) -> Any:
        """Return a query of keys and finished JSON, NULL for a row that the framework must see.

        Raises `StepAside`.
        """
        serializer = view_class.serializer_class()
        self.check_same_model(serializer)
        written = RawSQL(str(json_object(serializer)), ())  # noqa: S611
        return rows.annotate(finished_json=written).values_list(self.key.name, "finished_json")


def json_answer(body: bytes, status: int = 200) -> Answer:
    """Return JSON; its two line separators escaped, as the framework does it for JavaScript."""
    if b"\xe2\x80" in body:  # the begin of both, and of few other characters
        body = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return Answer(body, status, [OF_JSON])
