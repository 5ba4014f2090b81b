"""GET of a row and of a page of rows."""

from typing import Any

from django.http import QueryDict
from rest_framework.exceptions import APIException

from speedups.answers.action import Action, ViewOf, filled, json_answer
from speedups.answers.asked import Answer, Asked
from speedups.answers.links import Page, page_links, page_of
from speedups.pagination import KeysetPagination
from speedups.statements import ANY_LIMIT, ANY_NUMBER, Rows, Statement, compiled
from speedups.stepping_aside import stock, unless

MOST_REMEMBERED = 256  # query strings
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
        self.statement = Statement(sql, self.using)

    def answer(self, view_of: ViewOf, asked: Asked, kwargs: dict[str, Any]) -> Answer | None:
        """Return the row as PostgreSQL writes it."""
        key = self.key_of(kwargs)
        if key is None:
            return None
        found = self.statement.rows(filled(self.parameters, {ANY_NUMBER: key}))
        return json_answer(found[0][1]) if found else None


class List(Action):
    """GET of a page of rows, forwards."""

    name, method = "list", "GET"
    uses = ("paginate_queryset", "get_paginated_response", "paginator")

    def prepare(self, view_class: Any) -> None:
        """Compile the SELECT of the first page and of the later ones."""
        paginator = view_class.pagination_class
        unless(paginator and issubclass(paginator, KeysetPagination), "pages are not keyset pages")
        stock(paginator, *PAGING)
        by_key = paginator.ordering in {"-pk", f"-{self.key.name}"}
        unless(by_key, "pages are not ordered by the newest key")
        parameters = (paginator.cursor_query_param, paginator.page_size_query_param)
        unless(parameters == ("cursor", "limit"), "the parameters of pages have names of their own")
        self.paginator: Any = paginator()
        self.first_pages: dict[str, Page] = {}  # by query string
        ordered = self.with_json(view_class, self.rows.order_by("-pk"))
        self.first, self.first_parameters = self._page(ordered)
        self.later, self.later_parameters = self._page(ordered.filter(pk__lt=ANY_NUMBER))

    def _page(self, rows: Any) -> tuple[Statement, tuple[Any, ...]]:
        sql, parameters = compiled(rows[:ANY_LIMIT])
        return Statement(sql, self.using), (*parameters, ANY_LIMIT)

    def answer(self, view_of: ViewOf, asked: Asked, kwargs: dict[str, Any]) -> Answer | None:
        """Return the page of the rows as PostgreSQL writes them."""
        if kwargs:
            return None
        page = self._page_of(asked.META.get("QUERY_STRING", ""))
        if page is None:
            return None
        rows = self._read(page)
        links = page_links(asked, page, rows)
        if links is None:
            return None
        results = b",".join([written for _, written in rows[: page.limit]])
        return json_answer(b'%b"results":[%b]}' % (links, results))

    def _page_of(self, query: str) -> Page | None:
        """Return which page a query string asks for; None if the framework has to say."""
        if query in self.first_pages:
            return self.first_pages[query]
        wanted = _Wanted(query)
        try:
            limit = self.paginator.get_page_size(wanted)
            cursor = self.paginator.decode_cursor(wanted)
        except APIException:
            return None
        page = page_of(wanted.query_params, limit, cursor)
        if page and cursor is None and len(self.first_pages) < MOST_REMEMBERED:
            self.first_pages[query] = page
        return page

    def _read(self, page: Page) -> Rows:
        """Return the rows of a page and one more, if there is one."""
        found = {ANY_LIMIT: page.limit + 1}
        if page.position is None:
            return self.first.rows(filled(self.first_parameters, found))
        found[ANY_NUMBER] = page.position
        return self.later.rows(filled(self.later_parameters, found))


class _Wanted:
    """As much of the framework's request as a paginator looks at."""

    def __init__(self, query: str) -> None:
        self.query_params = QueryDict(query.encode("latin-1"))  # as WSGI has it
