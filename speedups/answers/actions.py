"""One class per action: what it needs to know, compiled once, and its answer to a request.

`answer` returns None for a request that is not plain, not valid or finds no row.
"""

import io
import json
from typing import Any, ClassVar

from django.db import connections, models
from django.db.models import signals
from django.db.models.expressions import Expression, RawSQL
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.pagination import Cursor

from speedups.answers.links import page_links
from speedups.json_sql import json_object
from speedups.pagination import KeysetPagination
from speedups.shared_fields import check_shareable
from speedups.statements import ANY_LIMIT, ANY_NUMBER, Rows, Statement, compiled
from speedups.stepping_aside import StepAside, stock, unless
from speedups.writes import SingleStatementWrites, once_more_after_deadlock

JSON = "application/json"
PAGING = (
    "decode_cursor", "encode_cursor", "get_next_link", "get_ordering", "get_page_size",
    "get_paginated_response", "get_previous_link", "paginate_queryset",
)  # fmt: skip


class Action:
    """An action of one view set; constructing it raises `StepAside` where it cannot be answered."""

    name: ClassVar[str]
    method: ClassVar[str]
    uses: ClassVar[tuple[str, ...]] = ()  # methods of the view set besides the action's own

    def __init__(self, view_class: Any) -> None:
        stock(view_class, self.name, *self.uses)
        self.rows: models.QuerySet[Any] = view_class.queryset.order_by()
        self.model: Any = self.rows.model
        self.key: Any = self.model._meta.pk
        self.keyword = view_class.lookup_url_kwarg or view_class.lookup_field
        by_key = view_class.lookup_field in {"pk", self.key.name}
        unless(by_key, "rows are not looked up by their primary key")
        unless(isinstance(self.key, models.IntegerField), "the primary key is no integer")
        self._check_rows(view_class.queryset)
        limits = connections[self.rows.db].ops.integer_field_range(self.key.get_internal_type())
        self.least, self.most = limits
        self.prepare(view_class)

    def _check_rows(self, rows: Any) -> None:
        query = rows.query
        joins = query.select_related or rows._prefetch_related_lookups or len(query.alias_map) > 1
        unless(not joins, "the queryset joins tables")
        unless(not (query.is_sliced or query.combinator or query.distinct), "the queryset is cut")
        unless(not (query.annotations or query.deferred_loading[0]), "the queryset is annotated")

    def prepare(self, view_class: Any) -> None:
        """Compile what the action needs. Raises `StepAside`."""
        raise NotImplementedError

    def answer(
        self, view: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return the answer, or None to leave the request to the framework."""
        raise NotImplementedError

    def key_of(self, kwargs: dict[str, Any]) -> str | None:
        """Return the row's key out of the URL; None if no row can have it."""
        text = str(kwargs.get(self.keyword, ""))
        if len(kwargs) != 1 or not (text.isascii() and text.isdigit()):
            return None
        return text if self.least <= int(text) <= self.most else None

    def with_json(self, view_class: Any, rows: models.QuerySet[Any]) -> Any:
        """Return a query of keys and finished JSON."""
        written = RawSQL(json_object(view_class.serializer_class()), ())  # noqa: S611
        return rows.annotate(finished_json=written).values_list(self.key.name, "finished_json")


class Retrieve(Action):
    """GET of one row."""

    name, method, uses = "retrieve", "GET", ("get_object", "check_object_permissions")

    def prepare(self, view_class: Any) -> None:
        """Compile the SELECT."""
        rows = self.with_json(view_class, self.rows.filter(pk=ANY_NUMBER))
        sql, self.parameters = compiled(rows)
        self.statement = Statement(sql, self.rows.db)

    def answer(
        self, view: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return the row as PostgreSQL writes it."""
        key = self.key_of(kwargs)
        if key is None:
            return None
        found = self.statement.rows(_filled(self.parameters, {ANY_NUMBER: key}))
        return _answer(found[0][1]) if found else None


class List(Action):
    """GET of a page of rows, forwards."""

    name, method, uses = "list", "GET", ("paginate_queryset", "get_paginated_response")

    def prepare(self, view_class: Any) -> None:
        """Compile the SELECT of the first page and of the later ones."""
        paginator = view_class.pagination_class
        unless(paginator and issubclass(paginator, KeysetPagination), "pages are not keyset pages")
        stock(paginator, *PAGING)
        unless(paginator.ordering in {"-id", "-pk"}, "pages are not ordered by the newest key")
        self.paginator = paginator()
        ordered = self.with_json(view_class, self.rows.order_by("-pk"))
        self.first, self.first_parameters = self._page(ordered)
        self.later, self.later_parameters = self._page(ordered.filter(pk__lt=ANY_NUMBER))

    def _page(self, rows: Any) -> tuple[Statement, tuple[Any, ...]]:
        sql, parameters = compiled(rows[:ANY_LIMIT])
        return Statement(sql, self.rows.db), (*parameters, ANY_LIMIT)

    def answer(
        self, view: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return the page of the rows as PostgreSQL writes them."""
        if kwargs:
            return None
        asked = _Asked(request)
        try:
            limit = self.paginator.get_page_size(asked)
            cursor = self.paginator.decode_cursor(asked)
        except APIException:
            return None
        if cursor is not None and cursor.reverse:
            return None
        page = self._read(cursor, limit)
        links = page_links(asked, cursor, page, limit)
        if links is None:
            return None
        results = b",".join([written for _, written in page[:limit]])
        return _answer(b'%b"results":[%b]}' % (links, results))

    def _read(self, cursor: Cursor | None, limit: int) -> Rows:
        """Return the rows of a page and one more, if there is one."""
        if cursor is None:
            parameters = _filled(self.first_parameters, {ANY_LIMIT: limit + 1})
            return self.first.rows(parameters)
        found = {ANY_LIMIT: limit + 1, ANY_NUMBER: cursor.position}
        return self.later.rows(_filled(self.later_parameters, found))


class Create(Action):
    """POST of a row."""

    name, method, uses = "create", "POST", ("perform_create",)

    def prepare(self, view_class: Any) -> None:
        """Compile the INSERT and build the serializer that checks every body."""
        serializer_class = view_class.serializer_class
        stock(serializer_class, "create", "save", "validate", "run_validation", "is_valid")
        own = [name for name in dir(serializer_class) if name.startswith("validate_")]
        unless(own == ["validate_empty_values"], "the serializer validates by methods of its own")
        self.serializer = serializer_class()
        check_shareable(serializer_class, self.serializer.fields)
        unless(not self.serializer.validators, "the serializer validates rows as a whole")
        _check_saving(self.model)
        parsers = [parser for parser in view_class.parser_classes if parser.media_type == JSON]
        unless(parsers, "no parser reads JSON")
        self.parser = parsers[0]()
        self.fields = [f for f in self.model._meta.local_concrete_fields if f is not self.key]
        self.blank = self.model()
        by_database = [f for f in self.fields if isinstance(self._unsent(f), Expression)]
        unless(not by_database, "the database fills in a default")
        sources = {field.source for field in self.serializer._writable_fields}
        unless(sources <= {f.name for f in self.fields}, "a field is no column of the table")
        self.statement = Statement(self._sql(view_class), self.rows.db)

    def _sql(self, view_class: Any) -> str:
        quote = connections[self.rows.db].ops.quote_name
        columns = ", ".join(quote(field.column) for field in self.fields)
        places = ", ".join("%s" for _ in self.fields)
        table, written = (
            quote(self.model._meta.db_table),
            json_object(view_class.serializer_class()),
        )
        return f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING {written}"  # noqa: S608

    def answer(
        self, view: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return the new row as PostgreSQL has it and writes it."""
        if kwargs or request.META.get("CONTENT_TYPE") != JSON:
            return None
        try:
            data = self.parser.parse(io.BytesIO(request.body), JSON)
            values = self.serializer.run_validation(data)
        except APIException:
            return None
        parameters = self._parameters(values)
        return self._insert(view, parameters)

    def _insert(self, view: Any, parameters: list[Any]) -> HttpResponse:
        ((text,),) = once_more_after_deadlock(lambda: self.statement.rows(parameters))
        answer = _answer(text, status=201)
        for name, value in view.get_success_headers(json.loads(text)).items():
            answer.headers[name] = value
        return answer

    def _parameters(self, values: dict[str, Any]) -> list[Any]:
        """Return a value for each column: sent, or automatic, or the model's default."""
        connection = connections[self.rows.db]
        return [
            field.get_db_prep_save(
                values[field.name] if field.name in values else self._unsent(field), connection
            )
            for field in self.fields
        ]

    def _unsent(self, field: Any) -> Any:
        if type(field).pre_save is models.Field.pre_save:
            return field.get_default()
        return field.pre_save(self.blank, add=True)  # `auto_now`, say, whatever the row holds


class Destroy(Action):
    """DELETE of a row."""

    name, method, uses = "destroy", "DELETE", ("get_object", "check_object_permissions")

    def prepare(self, view_class: Any) -> None:
        """Compile the DELETE."""
        single = issubclass(view_class, SingleStatementWrites)
        unless(single, "rows are fetched before they are deleted: see speedups.writes")
        stock(view_class, "_target")
        sql, self.parameters = compiled(self.rows.filter(pk=ANY_NUMBER).values_list("pk"))
        table = connections[self.rows.db].ops.quote_name(self.model._meta.db_table)
        _, where, condition = sql.partition(" WHERE ")
        self.statement = Statement(f"DELETE FROM {table}{where}{condition}", self.rows.db)  # noqa: S608

    def answer(
        self, view: Any, request: HttpRequest, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Delete the row; the framework answers if there is none."""
        key = self.key_of(kwargs)
        if key is None:
            return None
        parameters = _filled(self.parameters, {ANY_NUMBER: key})
        if not once_more_after_deadlock(lambda: self.statement.count(parameters)):
            return None
        answer = HttpResponse(status=204)
        del answer.headers["Content-Type"]  # as the framework's empty answers
        return answer


ACTIONS = {action.name: action for action in (Retrieve, List, Create, Destroy)}


class _Asked:
    """As much of the framework's request as a paginator looks at."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.query_params = request.GET


def _answer(body: bytes, status: int = 200) -> HttpResponse:
    """Return JSON; its two line separators escaped, as the framework does it for JavaScript."""
    if b"\xe2\x80" in body:  # the begin of both, and of few other characters
        body = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return HttpResponse(body, status=status, content_type=JSON)


def _filled(parameters: tuple[Any, ...], values: dict[int, Any]) -> list[Any]:
    """Return parameters with each stand-in replaced."""
    return [values.get(one, one) if type(one) is int else one for one in parameters]


def _check_saving(model: Any) -> None:
    """Raise `StepAside` if saving a row of the model does more than one INSERT."""
    stock(model, "save", "save_base", "_do_insert", "__init__", of=("django",))
    unless(not model._meta.parents, "the model has parents")
    unless(type(model._default_manager) is models.Manager, "the model has a manager of its own")
    listened = (signals.pre_init, signals.post_init, signals.pre_save, signals.post_save)
    heard = any(signal.has_listeners(model) for signal in listened)
    unless(not heard, "something listens to the model's signals")
    if any(type(field).__module__.partition(".")[0] != "django" for field in model._meta.fields):
        raise StepAside("the model has fields of its own kind")
