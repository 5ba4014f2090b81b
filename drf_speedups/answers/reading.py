"""GET of a row and of a page of rows."""

from functools import partial
from typing import Any

from rest_framework.exceptions import APIException

from drf_speedups.answers.action import Action, Plan, json_answer
from drf_speedups.answers.light_request import Answer, LightRequest
from drf_speedups.answers.page_links import Page, page_links, page_of
from drf_speedups.database.statements import ANY_LIMIT, Rows, Statement, compiled
from drf_speedups.eligibility.reasons import unless
from drf_speedups.eligibility.views import check_pages
from drf_speedups.pagination import KeysetPagination

MOST_REMEMBERED = 256  # query strings


class Retrieve(Action):
    """GET of one row."""

    name, method, may_wait, changes = "retrieve", "GET", False, False

    def prepare(self, view_class: Any) -> None:
        """Compile the SELECT."""
        rows = self.with_json(view_class, self.rows.filter(pk=self.slot()))
        self.statement = Statement(*compiled(rows), self.using)

    def plan(self, request: LightRequest, kwargs: dict[str, Any]) -> Plan | None:
        """Return the row as PostgreSQL writes it."""
        key = self.key_of(kwargs)
        if key is None or not self.table_is_known():
            return None
        return Plan(self.statement, [key], _row)


def _row(rows: Rows) -> Answer | None:
    written = rows[0][1] if rows else None
    return None if written is None else json_answer(written)


class List(Action):
    """GET of a page of rows, forwards."""

    name, method, may_wait, changes = "list", "GET", False, False

    def prepare(self, view_class: Any) -> None:
        """Compile the SELECT of the first page and of the later ones."""
        paginator = view_class.pagination_class
        check_pages(paginator, KeysetPagination)
        by_key = paginator.ordering in {"-pk", f"-{self.key.name}"}
        unless(by_key, "pages are not ordered by the newest key")
        parameters = (paginator.cursor_query_param, paginator.page_size_query_param)
        unless(parameters == ("cursor", "limit"), "the parameters of pages have names of their own")
        self.paginator: Any = paginator()
        self.first_pages: dict[str, Page] = {}  # by query string
        ordered = self.with_json(view_class, self.rows.order_by("-pk"))
        self.first = Statement(*compiled(ordered[:ANY_LIMIT]), self.using)
        later = ordered.filter(pk__lt=self.slot())[:ANY_LIMIT]
        self.later = Statement(*compiled(later), self.using)

    def plan(self, request: LightRequest, kwargs: dict[str, Any]) -> Plan | None:
        """Return the page of the rows as PostgreSQL writes them, and one row more."""
        page = None if kwargs else self._page(request)
        if page is None or not self.table_is_known():
            return None
        answer = partial(_page, request, page)
        if page.position is None:
            return Plan(self.first, [page.limit + 1], answer)
        if not self.least <= page.position <= self.most:
            return None
        return Plan(self.later, [page.position, page.limit + 1], answer)

    def _page(self, request: LightRequest) -> Page | None:
        """Return which page is asked for; None if the framework has to say."""
        query = request.query_string if request.view is None else None
        if query in self.first_pages:
            return self.first_pages[query]
        wanted = _Wanted()
        try:
            wanted.query_params = request.query()
            limit = self.paginator.get_page_size(wanted)
            cursor = self.paginator.decode_cursor(wanted)
        except (APIException, ValueError):
            return None
        page = page_of(wanted.query_params, limit, cursor)
        if page and cursor is None and query and len(self.first_pages) < MOST_REMEMBERED:
            self.first_pages[query] = page
        return page


def _page(request: LightRequest, page: Page, rows: Rows) -> Answer | None:
    links = page_links(request, page, rows)
    written = [text for _, text in rows[: page.limit] if text is not None]
    if links is None or len(written) < min(len(rows), page.limit):
        return None
    return json_answer(b'%b"results":[%b]}' % (links, b",".join(written)))


class _Wanted:
    """As much of the framework's request as a paginator looks at."""

    query_params: Any = None
