"""GET of a row and of a page of rows."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.pagination import Cursor

from speedups.answers.action import Action, filled, json_answer
from speedups.answers.links import page_links
from speedups.pagination import KeysetPagination
from speedups.statements import ANY_LIMIT, ANY_NUMBER, Rows, Statement, compiled
from speedups.stepping_aside import stock, unless

PAGING = (
    "decode_cursor", "encode_cursor", "get_next_link", "get_ordering", "get_page_size",
    "get_paginated_response", "get_previous_link", "paginate_queryset",
)  # fmt: skip


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
        found = self.statement.rows(filled(self.parameters, {ANY_NUMBER: key}))
        return json_answer(found[0][1]) if found else None


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
        return json_answer(b'%b"results":[%b]}' % (links, results))

    def _read(self, cursor: Cursor | None, limit: int) -> Rows:
        """Return the rows of a page and one more, if there is one."""
        if cursor is None:
            parameters = filled(self.first_parameters, {ANY_LIMIT: limit + 1})
            return self.first.rows(parameters)
        found = {ANY_LIMIT: limit + 1, ANY_NUMBER: cursor.position}
        return self.later.rows(filled(self.later_parameters, found))


class _Asked:
    """As much of the framework's request as a paginator looks at."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.query_params = request.GET
