"""POST and DELETE of a row."""

import io
import json
from typing import Any

from django.db import connections, models
from django.db.models import signals
from django.db.models.expressions import Expression
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException

from speedups.answers.action import JSON, Action, filled, json_answer
from speedups.json_sql import json_object
from speedups.shared_fields import check_shareable
from speedups.statements import ANY_NUMBER, Statement, compiled
from speedups.stepping_aside import StepAside, stock, unless
from speedups.writes import SingleStatementWrites, once_more_after_deadlock


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
        answer = json_answer(text, status=201)
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
        parameters = filled(self.parameters, {ANY_NUMBER: key})
        if not once_more_after_deadlock(lambda: self.statement.count(parameters)):
            return None
        answer = HttpResponse(status=204)
        del answer.headers["Content-Type"]  # as the framework's empty answers
        return answer


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
