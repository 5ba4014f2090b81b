"""POST, PUT, PATCH and DELETE of a row."""

import json
from functools import partial
from inspect import getattr_static
from types import CodeType, FunctionType
from typing import Any

from django.db import models
from django.http.response import ResponseHeaders
from rest_framework.mixins import CreateModelMixin
from rest_framework.settings import api_settings

from drf_speedups.answers.action import Action, Plan, json_answer
from drf_speedups.answers.light_request import Answer, LightRequest
from drf_speedups.answers.writing import Writing
from drf_speedups.database.json_sql import readable
from drf_speedups.database.statements import Rows, Slot, Statement
from drf_speedups.eligibility.models import (
    DELETED,
    check_default,
    check_deleting,
    check_key,
    check_manager,
)
from drf_speedups.eligibility.own_code import check_computes
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.views import HEADERS
from drf_speedups.writes import SingleStatementWrites

MOST_STATEMENTS = 64  # one for each set of columns that clients send; each connection prepares it
OF_A_VIEW = frozenset({"request", "path", "META"})  # what the lane has of a view and its request
# Headers that the framework puts in the place of those of a new row, or adds to.
SAID_LATER = frozenset({"allow", "content-length", "content-type", "vary"})


class Create(Writing):
    """POST of a row."""

    name, method = "create", "POST"

    def prepare(self, view_class: Any) -> None:
        """Compile the INSERT."""
        super().prepare(view_class)
        manager = self.model._default_manager
        check_manager(manager)
        unless(manager.db == self.using, "new rows go to another database than the queryset's")
        check_key(self.key)
        for field in self.fields:
            check_default(field)
        columns = ", ".join(self.quoted(field.column) for field in self.fields)
        places = ", ".join("%s" for _ in self.fields)
        sql = (
            f"INSERT INTO {self.table} ({columns}) VALUES ({places}) RETURNING {self.json.written}"  # noqa: S608
        )
        self.statement = Statement(sql, [Slot() for _ in self.fields], self.using)
        self.may_wait = (
            any(field.unique or field.is_relation for field in self.fields)
            or any(
                not isinstance(rule, models.CheckConstraint)
                for rule in self.model._meta.constraints
            )
            or bool(self.model._meta.unique_together)
        )
        self.headers = Headers(view_class, self.serializer)
        self.lane = self.headers.light

    def plan(self, request: LightRequest, kwargs: dict[str, Any]) -> Plan | None:
        """Return the new row as PostgreSQL has it and writes it."""
        values = None if kwargs else self.values_of(request)
        if values is None:
            return None
        for field in self.fields:
            if field.name not in values:
                values[field.name] = self.unsent(field)
        parameters = self.parameters(self.fields, values)
        if parameters is None:
            return None
        return Plan(self.statement, parameters, partial(self._created, request), changes=True)

    def _created(self, request: LightRequest, rows: Rows) -> Answer:
        text = rows[0][0] or b""
        answer = json_answer(text, status=201)
        answer.headers += self.headers.of(request, text)
        return answer


class Headers:
    """The headers of a new row: by the framework's method or by the view set's own."""

    def __init__(self, view_class: Any, serializer: Any) -> None:
        self._kind = view_class
        self._method = view_class.get_success_headers
        self._stock = self._method is CreateModelMixin.get_success_headers
        self._none = self._stock and api_settings.URL_FIELD_NAME not in serializer.fields
        self.light = self._stock or self._is_light(view_class)
        own = self.light and not self._stock
        said = _said(self._method)
        self._needs_whole = own and "META" in said
        unless("serializer" not in said, "get_success_headers looks at the serializer of a row")

    def _is_light(self, view_class: Any) -> bool:
        """Tell whether the method needs no more of the view than the request's path."""
        if type(getattr_static(view_class, HEADERS)) is not FunctionType:
            return False
        try:
            check_success_headers(self._method, view_class)
        except StepAside:
            return False
        return True

    def of(self, request: LightRequest, text: bytes) -> list[tuple[str, str]]:
        """Return them. Raises `BadHeaderError`, or what the view set's method raises."""
        if self._none:
            return []
        new: dict[str, Any] = self._made(request, json.loads(text.decode())) or {}
        return [(name, _safe(name, value)) for name, value in new.items()]

    def _made(self, request: LightRequest, row: Any) -> Any:
        if request.view is not None:
            return request.view.get_success_headers(row)
        view = self._kind.__new__(self._kind)  # with what its class has, and this request alone
        view.request = request.whole() if self._needs_whole else request
        return self._method(view, row)


def _codes(method: Any) -> list[CodeType]:
    """Return the code of a function and of those within it; nothing of what is no function."""
    codes = [one for one in (getattr(method, "__code__", None),) if one is not None]
    for code in codes:
        codes += [one for one in code.co_consts if isinstance(one, CodeType)]
    return codes


def _said(method: Any) -> set[Any]:
    """Return the names and texts in the code of a function."""
    said = [word for code in _codes(method) for word in (*code.co_names, *code.co_consts)]
    said += [one for word in said if isinstance(word, tuple) for one in word]  # a dictionary's keys
    return set(said)


def check_success_headers(method: Any, view_class: Any) -> None:
    """Raise `StepAside` if a method that makes headers looks at more than the request's path."""
    check_computes(method, OF_A_VIEW, view_class)
    words = {word for code in _codes(method) for word in code.co_names}
    plain = OF_A_VIEW.union(*(dir(kind) for kind in (str, dict, int)))
    unless(words <= plain, f"{method.__qualname__} needs more than the path of the request")
    texts = {one.lower() for one in _said(method) if isinstance(one, str)}
    unless(not texts & SAID_LATER, f"{method.__qualname__} says what is said once more")


def _safe(name: str, value: Any) -> str:
    """Return a header's value as Django sends it. Raises `BadHeaderError`."""
    if type(value) is str and value.isascii() and value.isprintable():
        return value
    checked = ResponseHeaders({})
    checked[name] = value
    return str(checked[name])


class Update(Writing):
    """PUT of a row."""

    name, method = "update", "PUT"

    def prepare(self, view_class: Any) -> None:
        """Look at what changes with every change; what clients send is compiled as it comes."""
        super().prepare(view_class)
        single = issubclass(view_class, SingleStatementWrites)
        unless(
            single, "rows are fetched before they are changed: add the base SingleStatementWrites"
        )
        self.dated = [field for field in self.fields if hasattr(field, "auto_now")]
        where, self.where_parameters = self.condition()
        self.where = f"{where} AND {self.json.foreseen}"
        self.statements: dict[tuple[str, ...], Statement] = {}

    def plan(self, request: LightRequest, kwargs: dict[str, Any]) -> Plan | None:
        """Return the row as it is then; the framework answers if there is none."""
        key = self.key_of(kwargs)
        values = self.values_of(request) if key is not None else None
        if values is None:
            return None
        values |= {field.name: field.pre_save(self.blank, add=False)
                   for field in self.dated if field.auto_now}  # fmt: skip
        changed = [field for field in self.fields if field.name in values]
        statement = self._statement(changed)
        parameters = self.parameters(changed, values)
        if statement is None or parameters is None:
            return None
        return Plan(statement, [*parameters, key], _changed, changes=True)

    def _statement(self, changed: list[Any]) -> Statement | None:
        """Return the UPDATE of these columns; None if there are too many different ones."""
        columns = tuple(field.column for field in changed)
        if columns not in self.statements and columns:
            if len(self.statements) >= MOST_STATEMENTS:
                return None
            places = ", ".join(f"{self.quoted(column)} = %s" for column in columns)
            sql = f"UPDATE {self.table} SET {places}{self.where} RETURNING {self.json.written}"  # noqa: S608
            parameters = [*(Slot() for _ in columns), *self.where_parameters]
            self.statements[columns] = Statement(sql, parameters, self.using)
        return self.statements.get(columns)


def _changed(rows: Rows) -> Answer | None:
    written = rows[0][0] if rows else None
    return None if written is None else json_answer(written)


class PartialUpdate(Update):
    """PATCH of a row."""

    name, method, partial = "partial_update", "PATCH", True


class Destroy(Action):
    """DELETE of a row."""

    name, method, heard = "destroy", "DELETE", DELETED

    def prepare(self, view_class: Any) -> None:
        """Compile the DELETE."""
        single = issubclass(view_class, SingleStatementWrites)
        unless(
            single, "rows are fetched before they are deleted: add the base SingleStatementWrites"
        )
        check_deleting(self.model)
        where, parameters = self.condition()
        sql = f"DELETE FROM {self.table}{where} AND {readable(self.model)} RETURNING 1"  # noqa: S608
        self.statement = Statement(sql, parameters, self.using)

    def plan(self, request: LightRequest, kwargs: dict[str, Any]) -> Plan | None:
        """Delete the row; the framework answers if there is none."""
        key = self.key_of(kwargs)
        if key is None or not self.table_is_known():
            return None
        return Plan(self.statement, [key], _gone, changes=True)


def _gone(rows: Rows) -> Answer | None:
    return Answer(b"", 204, []) if rows else None
