"""The links of a keyset page, as the framework writes them, without taking URLs apart."""

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from rest_framework.pagination import Cursor

from drf_speedups.answers.light_request import LightRequest
from drf_speedups.database.statements import Rows

PLAIN_PATH = re.compile(r"(?!//)[A-Za-z0-9_./-]+")
PLAIN_ORIGIN = re.compile(r"https?://[A-Za-z0-9_.:\[\]-]+")
KNOWN = {"limit", "cursor"}


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: rows after `position`, or the first; `rest` ends each link."""

    limit: int
    position: int | None
    rest: str


def page_of(given: Any, limit: int, cursor: Cursor | None) -> Page | None:
    """Return the page that query parameters ask for; None where links need more care."""
    plain = KNOWN.issuperset(given) and all(len(given.getlist(name)) == 1 for name in given)
    if not plain or (cursor is not None and cursor.reverse):
        return None
    rest = f"&limit={given['limit']}" if "limit" in given else ""
    return Page(limit, int(cursor.position or 0) if cursor else None, rest)


def page_links(request: LightRequest, page: Page, rows: Rows) -> bytes | None:
    """Return the begin of a page's JSON with both links; None where URLs need more care."""
    origin = request.origin()
    if not (PLAIN_PATH.fullmatch(request.path) and PLAIN_ORIGIN.fullmatch(origin)):
        return None
    base = f"{origin}{request.path}?cursor="
    following, before = "null", "null"
    if len(rows) > page.limit:
        following = f'"{base}{_encoded(f"p={_key(rows[page.limit - 1])}")}{page.rest}"'
    if page.position is not None:
        if not rows:
            return None
        before = f'"{base}{_encoded(f"r=1&p={_key(rows[0])}")}{page.rest}"'
    return f'{{"next":{following},"previous":{before},'.encode()


def _key(row: tuple[bytes | None, ...]) -> int:
    return int(row[0] or b"")


def _encoded(position: str) -> str:
    return quote_plus(base64.b64encode(position.encode()).decode())
