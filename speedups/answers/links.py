"""The links of a keyset page, as the framework writes them, without taking URLs apart."""

import base64
import re
from typing import Any
from urllib.parse import quote_plus

from rest_framework.pagination import Cursor

from speedups.statements import Rows

PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
PLAIN_HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]+")
KNOWN = {"limit", "cursor"}


def page_links(asked: Any, cursor: Cursor | None, page: Rows, limit: int) -> bytes | None:
    """Return the begin of a page's JSON with both links; None where URLs need more care."""
    request = asked._request
    host = request.get_host()
    given = asked.query_params
    plain = PLAIN_PATH.fullmatch(request.path) and PLAIN_HOST.fullmatch(host)
    if (
        not plain
        or not KNOWN.issuperset(given)
        or any(len(given.getlist(name)) > 1 for name in given)
    ):
        return None
    base = f"{request.scheme}://{host}{request.path}?cursor="
    rest = f"&limit={given['limit']}" if "limit" in given else ""
    following, before = "null", "null"
    if len(page) > limit:
        following = f'"{base}{_encoded(f"p={int(page[limit - 1][0])}")}{rest}"'
    if cursor is not None:
        if not page:
            return None
        before = f'"{base}{_encoded(f"r=1&p={int(page[0][0])}")}{rest}"'
    return f'{{"next":{following},"previous":{before},'.encode()


def _encoded(position: str) -> str:
    return quote_plus(base64.b64encode(position.encode()).decode())
