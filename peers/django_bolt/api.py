"""The routes. Handlers are synchronous: bolt then changes threads once for each request."""

import os
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django_bolt import BoltAPI, Request, Response
from django_bolt.error_handlers import BoltError

from peers.django_bolt.models import Item
from peers.django_bolt.schemas import Changes, NewItem
from peers.shared.headers import refusal

Handler = Callable[..., Any]
LARGEST_ID = 2**63 - 1
CENT = Decimal("0.01")
FIELDS = ("id", "name", "description", "price", "quantity", "created_at", "updated_at")
# Dictionaries straight from the rows; no model instances are made and filled.
ITEMS = Item.objects.order_by("-id").values(*FIELDS)  # type: ignore[attr-defined]
WRITABLE = ("name", "description", "price", "quantity")
OF_ITEMS = {"Allow": "GET, HEAD, OPTIONS, POST"}
OF_ITEM = {"Allow": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"}
ROUTES = re.compile(r"/items(/[0-9]{1,19})?/?")

signature = {"X-Served-By": f"django-bolt/{os.getpid()}"}


def sign() -> None:
    """Answer with this process's number from now on."""
    signature["X-Served-By"] = f"django-bolt/{os.getpid()}"


os.register_at_fork(after_in_child=sign)  # bolt loads the application before it forks


def bare(error: BoltError, request: Request) -> Response:
    """Refuse without a body, whoever refuses: bolt's core, its parser or a handler."""
    if error.status == 404 and (known := ROUTES.fullmatch(request.path)):
        allowed = OF_ITEM if known[1] else OF_ITEMS  # the path is one, so the method is none
        return Response(b"", 405, {**signature, **allowed})
    if isinstance(error.exception, OperationalError | InterfaceError):
        return Response(b"", 503, {**signature, "Retry-After": "1"})
    return _bare(400 if isinstance(error.exception, UnicodeDecodeError) else error.status)


api = BoltAPI(
    trailing_slash="keep",  # else one form of a path is redirected to the other
    enable_logging=False,
    compression=False,
    validate_response=False,  # what comes from the table is not checked once more
    error_formatter=bare,
)


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Register a handler for both forms of a path, with and without the slash at its end."""

    def registered(handler: Handler) -> Handler:
        for form in (path, f"{path}/"):
            getattr(api, method)(form)(handler)
        return handler

    return registered


@route("head", "/items")
@route("get", "/items")
def list_items(request: Request, limit: str = "20", cursor: str | None = None) -> Any:
    """Return the newest items older than `cursor`; one more is read to know if there are more."""
    most, before = _number(limit), _number(cursor or "x")
    if refused := _refused(request):
        return refused
    if most is None or not 1 <= most <= 100 or (cursor is not None and before is None):
        return _bare(400)
    older = ITEMS if before is None else ITEMS.filter(id__lt=before)
    items = list(older[: most + 1])
    following = None
    if len(items) > most:
        del items[most:]
        host = request.headers["host"]
        following = f"http://{host}/items/?limit={most}&cursor={items[-1]['id']}"
    return _json({"next": following, "previous": None, "results": items})


@route("post", "/items")
def create(request: Request, item: NewItem) -> Any:
    """Insert an item; what the database returns is its id."""
    if refused := _refused(request):
        return refused
    values = {name: getattr(item, name) for name in WRITABLE}
    values["price"] = Decimal(item.price).quantize(CENT) + 0  # as the table has it; never -0.00
    made = Item.objects.create(**values)  # type: ignore[attr-defined]
    place = {"Location": f"/items/{made.id}/"}
    return _json({name: getattr(made, name) for name in FIELDS}, 201, place)


@route("head", "/items/{item_id}")
@route("get", "/items/{item_id}")
def retrieve(request: Request, item_id: str) -> Any:
    """Return an item."""
    return _refused(request) or _one(_number(item_id))


@route("put", "/items/{item_id}")
def replace(request: Request, item_id: str, item: NewItem) -> Any:
    """Set all fields of an item."""
    return _refused(request) or _update(item_id, item)


@route("patch", "/items/{item_id}")
def change(request: Request, item_id: str, changes: Changes) -> Any:
    """Set the fields that were sent, so that concurrent changes of other fields survive."""
    return _refused(request) or _update(item_id, changes)


@route("delete", "/items/{item_id}")
def destroy(request: Request, item_id: str) -> Any:
    """Delete an item; nothing hangs on it, so nothing is collected and no transaction opened."""
    if refused := _refused(request):
        return refused
    number = _number(item_id)
    rows = Item.objects.filter(id=number)  # type: ignore[attr-defined]
    return _bare(204 if number is not None and rows._raw_delete(rows.db) else 404)


@route("options", "/items")
def methods_of_items() -> Any:
    """Tell what can be done with all items."""
    return Response(b"", 200, {**signature, **OF_ITEMS})


@route("options", "/items/{item_id}")
def methods_of_item(item_id: str) -> Any:
    """Tell what can be done with an item."""
    return Response(b"", 200, {**signature, **OF_ITEM})


def _update(item_id: str, sent: NewItem | Changes) -> Any:
    number = _number(item_id)
    values = {name: getattr(sent, name) for name in WRITABLE}
    values = {name: value for name, value in values.items() if value is not msgspec.UNSET}
    rows = Item.objects.filter(id=number)  # type: ignore[attr-defined]
    rows.update(**values, updated_at=Now())
    return _one(number)


def _one(number: int | None) -> Response:
    for item in ITEMS.filter(id=number) if number is not None else ():
        return _json(item)
    return _bare(404)


def _number(text: str) -> int | None:
    """Return what a path or a query means by digits, None for what no row can have."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None


def _refused(request: Request) -> Response | None:
    headers = request.headers
    status = refusal(request.method, headers.get("accept"), headers.get("content-type"))
    return _bare(status) if status else None


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, {**signature, **(headers or {})})


def _bare(status: int) -> Response:
    return Response(b"", status, signature)
