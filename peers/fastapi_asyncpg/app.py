"""The routes. Each request sends one statement and answers with bytes, past FastAPI's models."""

import msgspec
from fastapi import Request, Response

from peers.fastapi_asyncpg import database, statements
from peers.fastapi_common.edge import Edge
from peers.fastapi_common.service import Cursor, ItemId, Limit, origin, service
from peers.shared.schemas import Changes, NewItem

api = service(database.connections, *database.AWAY)
# Around everything: what FastAPI itself refuses is signed too
app = Edge(api, "fastapi-asyncpg")
encode = msgspec.json.Encoder(decimal_format="string").encode  # half of orjson's time


class Json(Response):
    """Rows as JSON. A `Response` is sent as it is: no model is filled in, none is checked."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return the bytes to send."""
        return encode(content)


@api.api_route("/items/{item_id:rowid}", methods=["GET", "HEAD"])
async def retrieve(item_id: ItemId) -> Response:
    """Return an item."""
    return _one(await database.row(statements.RETRIEVE, item_id))


@api.api_route("/items", methods=["GET", "HEAD"])
async def list_items(request: Request, limit: Limit = 20, cursor: Cursor = None) -> Response:
    """Return the newest items older than `cursor`; one more is read to know if there are more."""
    if cursor is None:
        rows = await database.rows(statements.NEWEST, limit + 1)
    else:
        rows = await database.rows(statements.OLDER, limit + 1, cursor)
    older = None
    if len(rows) > limit:
        rows.pop()
        older = f"{origin(request)}/items/?limit={limit}&cursor={rows[-1]['id']}"
    return Json({"next": older, "previous": None, "results": list(map(dict, rows))})


@api.post("/items")
async def create(request: Request) -> Response:
    """Insert an item and return it as the database has it."""
    new = NewItem.model_validate_json(await request.body())
    values = (new.name, new.description, new.price, new.quantity)
    (item,) = await database.rows(statements.CREATE, *values)
    return Json(dict(item), 201, {"Location": f"/items/{item['id']}/"})


@api.put("/items/{item_id:rowid}")
async def replace(item_id: ItemId, request: Request) -> Response:
    """Set all fields of an item."""
    new = NewItem.model_validate_json(await request.body())
    values = (new.name, new.description, new.price, new.quantity)
    return _one(await database.row(statements.UPDATE, item_id, *values))


@api.patch("/items/{item_id:rowid}")
async def change(item_id: ItemId, request: Request) -> Response:
    """Set the fields that were sent."""
    changes = Changes.model_validate_json(await request.body())
    sent = changes.model_dump(exclude_unset=True)
    values = (sent.get(name) for name in ("name", "description", "price", "quantity"))
    return _one(await database.row(statements.UPDATE, item_id, *values))


@api.delete("/items/{item_id:rowid}")
async def destroy(item_id: ItemId) -> Response:
    """Delete an item; of several requests at once only one finds it."""
    gone = await database.row(statements.DELETE, item_id)
    return Response(status_code=404 if gone is None else 204)


def _one(item: database.Row | None) -> Response:
    return Response(status_code=404) if item is None else Json(dict(item))
