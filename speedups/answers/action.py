"""What every action has in common.

`answer` returns None for a request that is not plain, not valid or finds no row: the framework
then answers it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import connections, models
from django.db.models.expressions import RawSQL

from speedups.answers.asked import JSON, Answer, Asked
from speedups.json_sql import json_object
from speedups.plain import check_permissions, check_rows
from speedups.statements import ANY_NUMBER, compiled
from speedups.stepping_aside import stock, unless

OF_JSON = ("Content-Type", JSON)
MOST_DIGITS = 20  # of a key: no column holds more

ViewOf = Callable[[Asked], Any]


class Action:
    """An action of one view set; constructing it raises `StepAside` where it cannot be answered."""

    name: ClassVar[str]
    method: ClassVar[str]
    uses: ClassVar[tuple[str, ...]] = ()  # methods of the view set besides the action's own

    def __init__(self, view_class: Any) -> None:
        stock(view_class, self.name, *self.uses)
        allowed = self.method.lower() in view_class.http_method_names
        unless(allowed, f"{self.method} is not among the view set's http_method_names")
        if "get_object" in self.uses:
            stock(view_class, "get_permissions")
            check_permissions([one() for one in view_class.permission_classes])
        self.rows: models.QuerySet[Any] = view_class.queryset.order_by()
        self.using = self.rows.db
        self.model: Any = self.rows.model
        self.key: Any = self.model._meta.pk
        self.keyword = view_class.lookup_url_kwarg or view_class.lookup_field
        by_key = view_class.lookup_field in {"pk", self.key.name}
        unless(by_key, "rows are not looked up by their primary key")
        unless(isinstance(self.key, models.IntegerField), "the primary key is no integer")
        check_rows(view_class.queryset)
        operations = connections[self.using].ops
        self.quoted = operations.quote_name
        self.table = self.quoted(self.model._meta.db_table)
        limits = operations.integer_field_range(self.key.get_internal_type())
        self.least, self.most = limits
        self.prepare(view_class)

    def prepare(self, view_class: Any) -> None:
        """Compile what the action needs. Raises `StepAside`."""
        raise NotImplementedError

    def answer(self, view_of: ViewOf, asked: Asked, kwargs: dict[str, Any]) -> Answer | None:
        """Return the answer, or None to leave the request to the framework.

        `view_of` makes the view of this request, for methods that a project may define.
        """
        raise NotImplementedError

    def key_of(self, kwargs: dict[str, Any]) -> str | None:
        """Return the row's key out of the URL; None if no row can have it."""
        text = str(kwargs.get(self.keyword, ""))
        if len(kwargs) != 1 or not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS):
            return None
        return text if self.least <= int(text) <= self.most else None

    def condition(self) -> tuple[str, tuple[Any, ...]]:
        """Return the WHERE of one row, `ANY_NUMBER` standing for its key."""
        sql, parameters = compiled(self.rows.filter(pk=ANY_NUMBER).values_list("pk"))
        _, where, condition = sql.partition(" WHERE ")
        return where + condition, parameters

    def with_json(self, view_class: Any, rows: models.QuerySet[Any]) -> Any:
        """Return a query of keys and finished JSON."""
        written = RawSQL(json_object(view_class.serializer_class()), ())  # noqa: S611
        return rows.annotate(finished_json=written).values_list(self.key.name, "finished_json")


def json_answer(body: bytes, status: int = 200) -> Answer:
    """Return JSON; its two line separators escaped, as the framework does it for JavaScript."""
    if b"\xe2\x80" in body:  # the begin of both, and of few other characters
        body = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return Answer(body, status, [OF_JSON])


def filled(parameters: tuple[Any, ...], values: dict[int, Any]) -> list[Any]:
    """Return parameters with each stand-in replaced."""
    return [values.get(one, one) if type(one) is int else one for one in parameters]
