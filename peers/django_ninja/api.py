"""The operations, each with as few statements as Django's ORM can say it in."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic import BeforeValidator, Field

from peers.django_ninja.models import Item
from peers.shared.schemas import LARGEST_ID, Changes, NewItem, plain_digits

FIELDS = ("id", "name", "description", "price", "quantity", "created_at", "updated_at")
ITEMS = Item.objects.order_by("-id").values(*FIELDS)  # type: ignore[attr-defined]  # no instances
CENT = Decimal("0.01")
Limit = Annotated[int, BeforeValidator(plain_digits), Field(ge=1, le=100)]
Cursor = Annotated[int | None, BeforeValidator(plain_digits), Field(le=LARGEST_ID)]
encode = msgspec.json.Encoder(decimal_format="string").encode


class FastRenderer(BaseRenderer):
    """Answers by msgspec instead of Django's JSON encoder."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return the body."""
        return encode(data)


class FastParser(Parser):
    """Bodies by msgspec: strictly JSON in UTF-8, which `json.loads` is not."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return what the body holds; what Ninja makes of any error is a 400."""
        return msgspec.json.decode(request.body)


class Api(NinjaAPI):
    """Tells the length of answers, as CommonMiddleware would: without it they go out chunked."""

    def get_content_type(self) -> str:
        """JSON has no charset."""
        return FastRenderer.media_type

    def create_response(self, *arguments: Any, **options: Any) -> HttpResponse:
        """Return an answer."""
        answer = super().create_response(*arguments, **options)
        answer.headers["Content-Length"] = str(len(answer.content))
        return answer


api = Api(renderer=FastRenderer(), parser=FastParser(), docs_url=None, openapi_url=None)


# Without `response=`: what comes from the table is not checked against a schema once more.


@api.api_operation(["GET", "HEAD"], "/items")
def list_items(request: HttpRequest, limit: Limit = 20, cursor: Cursor = None) -> Any:
    """Return the newest items older than `cursor`; one more is read to know if there are more."""
    older = ITEMS if cursor is None else ITEMS.filter(id__lt=cursor)
    items = list(older[: limit + 1])
    following = None
    if len(items) > limit:
        del items[limit:]
        place = f"/items/?limit={limit}&cursor={items[-1]['id']}"
        following = request.build_absolute_uri(place)
    return {"next": following, "previous": None, "results": items}


@api.post("/items")
def create(request: HttpRequest, item: NewItem) -> Any:
    """Insert an item; what the database returns is its id."""
    values = item.model_dump()
    values["price"] = values["price"].quantize(CENT) + 0  # as the table has it; never -0.00
    made = Item.objects.create(**values)  # type: ignore[attr-defined]
    answer = api.create_response(
        request, {name: getattr(made, name) for name in FIELDS}, status=201
    )
    answer.headers["Location"] = f"/items/{made.id}/"
    return answer


@api.api_operation(["GET", "HEAD"], "/items/{rowid:item_id}")
def retrieve(request: HttpRequest, item_id: int) -> Any:
    """Return an item."""
    return _one(item_id)


@api.put("/items/{rowid:item_id}")
def replace(request: HttpRequest, item_id: int, item: NewItem) -> Any:
    """Set all fields of an item."""
    return _update(item_id, item.model_dump())


@api.patch("/items/{rowid:item_id}")
def change(request: HttpRequest, item_id: int, changes: Changes) -> Any:
    """Set the fields that were sent, so that concurrent changes of other fields survive."""
    return _update(item_id, changes.model_dump(exclude_unset=True))


@api.delete("/items/{rowid:item_id}")
def destroy(request: HttpRequest, item_id: int) -> Any:
    """Delete an item; nothing hangs on it, so nothing is collected and no transaction opened."""
    rows = Item.objects.filter(id=item_id)  # type: ignore[attr-defined]
    if not rows._raw_delete(rows.db):
        raise Http404
    return HttpResponse(status=204)


@api.api_operation(["OPTIONS"], "/items")
def methods_of_collection(request: HttpRequest) -> Any:
    """Tell what can be done with all items."""
    return HttpResponse(headers={"Allow": "GET, HEAD, OPTIONS, POST"})


@api.api_operation(["OPTIONS"], "/items/{rowid:item_id}")
def methods_of_item(request: HttpRequest, item_id: int) -> Any:
    """Tell what can be done with an item."""
    return HttpResponse(headers={"Allow": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"})


def _update(item_id: int, values: dict[str, Any]) -> Any:
    rows = Item.objects.filter(id=item_id)  # type: ignore[attr-defined]
    rows.update(**values, updated_at=Now())
    return _one(item_id)


def _one(item_id: int) -> Any:
    for item in ITEMS.filter(id=item_id):
        return item
    raise Http404


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def database_away(_request: HttpRequest, _error: Exception) -> HttpResponse:
    """Answer 503 when there is no connection to be had."""
    return HttpResponse(status=503, headers={"Retry-After": "1"})
