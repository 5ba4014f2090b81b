"""POST, PUT, PATCH and DELETE of a row."""

import json
from typing import Any

from django.db import models
from django.db.models.expressions import Expression

from speedups.answers.action import Action, ViewOf, filled, json_answer
from speedups.answers.asked import Answer, Asked
from speedups.answers.writing import Writing
from speedups.plain import check_deleting, fills_in
from speedups.statements import ANY_NUMBER, Statement
from speedups.stepping_aside import stock, unless
from speedups.validation import Values
from speedups.writes import SingleStatementWrites, once_more_after_deadlock

MOST_STATEMENTS = 64  # one for each set of columns that clients send; each connection prepares it


class Create(Writing):
    """POST of a row."""

    name, method, uses = "create", "POST", ("perform_create",)

    def prepare(self, view_class: Any) -> None:
        """Compile the INSERT."""
        super().prepare(view_class)
        stock(view_class.serializer_class, "create", "save")
        managed = type(self.model._default_manager) is models.Manager
        unless(managed, "the model has a manager of its own")
        by_database = [f for f in self.fields if isinstance(self._unsent(f), Expression)]
        unless(not by_database, "the database fills in a default")
        columns = ", ".join(self.quoted(field.column) for field in self.fields)
        places = ", ".join("%s" for _ in self.fields)
        sql = f"INSERT INTO {self.table} ({columns}) VALUES ({places}) RETURNING {self.returned}"  # noqa: S608
        self.statement = Statement(sql, self.using)

    def answer(self, view_of: ViewOf, asked: Asked, kwargs: dict[str, Any]) -> Answer | None:
        """Return the new row as PostgreSQL has it and writes it."""
        values = None if kwargs else self.values_of(asked)
        if values is None:
            return None
        parameters = self._parameters(values)
        ((text,),) = once_more_after_deadlock(lambda: self.statement.rows(parameters))
        answer = json_answer(text, status=201)
        new = _success_headers(view_of(asked), asked, json.loads(text.decode()))
        answer.headers += [(name, str(value)) for name, value in new.items()]
        return answer

    def _parameters(self, values: Values) -> list[Any]:
        """Return a value for each column: sent, or automatic, or the model's default."""
        return [
            self.parameter(
                field, values[field.name] if field.name in values else self._unsent(field)
            )
            for field in self.fields
        ]

    def _unsent(self, field: Any) -> Any:
        return field.pre_save(self.blank, add=True) if fills_in(field) else field.get_default()


class Update(Writing):
    """PUT of a row."""

    name, method, uses = "update", "PUT", ("get_object", "check_object_permissions")

    def prepare(self, view_class: Any) -> None:
        """Look at what changes with every change; what clients send is compiled as it comes."""
        super().prepare(view_class)
        single = issubclass(view_class, SingleStatementWrites)
        unless(single, "rows are fetched before they are changed: see speedups.writes")
        stock(view_class, "update", "perform_update", "_target")
        stock(view_class.serializer_class, "update", "save")
        self.automatic = [field for field in self.fields if getattr(field, "auto_now", False)]
        self.where, self.where_parameters = self.condition()
        self.statements: dict[tuple[str, ...], Statement] = {}

    def answer(self, view_of: ViewOf, asked: Asked, kwargs: dict[str, Any]) -> Answer | None:
        """Return the row as it is then; the framework answers if there is none."""
        key = self.key_of(kwargs)
        values = self.values_of(asked) if key is not None else None
        if values is None:
            return None
        values |= {field.name: field.pre_save(self.blank, add=False) for field in self.automatic}
        changed = [field for field in self.fields if field.name in values]
        statement = self._statement(changed)
        if statement is None:
            return None
        parameters = [self.parameter(field, values[field.name]) for field in changed]
        parameters += filled(self.where_parameters, {ANY_NUMBER: key})
        rows = once_more_after_deadlock(lambda: statement.rows(parameters))
        return json_answer(rows[0][0]) if rows else None

    def _statement(self, changed: list[Any]) -> Statement | None:
        """Return the UPDATE of these columns; None if there are too many different ones."""
        columns = tuple(field.column for field in changed)
        if columns not in self.statements and columns:
            if len(self.statements) >= MOST_STATEMENTS:
                return None
            places = ", ".join(f"{self.quoted(column)} = %s" for column in columns)
            sql = f"UPDATE {self.table} SET {places}{self.where} RETURNING {self.returned}"  # noqa: S608
            self.statements[columns] = Statement(sql, self.using)
        return self.statements.get(columns)


class PartialUpdate(Update):
    """PATCH of a row."""

    name, method, partial = "partial_update", "PATCH", True


class Destroy(Action):
    """DELETE of a row."""

    name, method, uses = "destroy", "DELETE", ("get_object", "check_object_permissions")

    def prepare(self, view_class: Any) -> None:
        """Compile the DELETE."""
        single = issubclass(view_class, SingleStatementWrites)
        unless(single, "rows are fetched before they are deleted: see speedups.writes")
        stock(view_class, "_target", "perform_destroy")
        check_deleting(self.model)
        where, self.parameters = self.condition()
        self.statement = Statement(f"DELETE FROM {self.table}{where}", self.using)  # noqa: S608

    def answer(self, view_of: ViewOf, asked: Asked, kwargs: dict[str, Any]) -> Answer | None:
        """Delete the row; the framework answers if there is none."""
        key = self.key_of(kwargs)
        if key is None:
            return None
        parameters = filled(self.parameters, {ANY_NUMBER: key})
        if not once_more_after_deadlock(lambda: self.statement.count(parameters)):
            return None
        return Answer(b"", 204, [])


def _success_headers(view: Any, asked: Asked, row: Any) -> dict[str, str]:
    """Return the headers of a new row; a method of the view's own may need DRF's request."""
    try:
        found: dict[str, str] = view.get_success_headers(row)
    except Exception:  # noqa: BLE001  (if it was not that, it comes again)
        view.request = view.initialize_request(asked.django)
        found = view.get_success_headers(row)
    return found
