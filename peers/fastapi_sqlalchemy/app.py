"""The routes. Statements, not units of work: each request sends exactly one to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from sqlalchemy import delete, exc, func, insert, select, update

from peers.fastapi_common.edge import Edge
from peers.fastapi_common.service import Cursor, ItemId, Limit, origin, service
from peers.fastapi_sqlalchemy.database import engine, session_of
from peers.shared.item_table import Item
from peers.shared.schemas import Changes, ItemOut, NewItem, Page

Row = TypeVar("Row")


@asynccontextmanager
async def _pool() -> AsyncIterator[None]:
    yield
    await engine.dispose()


api = service(_pool, exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
# Around everything: what FastAPI itself refuses is signed too
app = Edge(api, "fastapi-sqlalchemy")


@api.api_route("/items/{item_id:rowid}", methods=["GET", "HEAD"], response_model=ItemOut)
async def retrieve(item_id: ItemId) -> Item:
    """Return an item."""
    async with session_of() as session:
        return _found(await session.scalar(select(Item).where(Item.id == item_id)))


@api.api_route("/items", methods=["GET", "HEAD"], response_model=Page)
async def list_items(request: Request, limit: Limit = 20, cursor: Cursor = None) -> dict[str, Any]:
    """Return the newest items older than `cursor`; one more is read to know if there are more."""
    query = select(Item).order_by(Item.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Item.id < cursor)
    async with session_of() as session:
        items = (await session.scalars(query)).all()
    older = None
    if len(items) > limit:
        items = items[:limit]
        older = f"{origin(request)}/items/?limit={limit}&cursor={items[-1].id}"
    return {"next": older, "results": items}


@api.post("/items", status_code=201, response_model=ItemOut)
async def create(request: Request, response: Response) -> Item:
    """Insert an item and return it as the database has it."""
    values = NewItem.model_validate_json(await request.body()).model_dump()
    async with session_of() as session:
        item = (await session.scalars(insert(Item).values(values).returning(Item))).one()
    response.headers["Location"] = f"/items/{item.id}/"
    return item


@api.put("/items/{item_id:rowid}", response_model=ItemOut)
async def replace(item_id: ItemId, request: Request) -> Item:
    """Set all fields of an item."""
    item = NewItem.model_validate_json(await request.body())
    return await _update(item_id, item.model_dump())


@api.patch("/items/{item_id:rowid}", response_model=ItemOut)
async def change(item_id: ItemId, request: Request) -> Item:
    """Set the fields that were sent, so that concurrent changes of other fields survive."""
    changes = Changes.model_validate_json(await request.body())
    return await _update(item_id, changes.model_dump(exclude_unset=True))


@api.delete("/items/{item_id:rowid}", status_code=204, response_class=Response)
async def destroy(item_id: ItemId) -> None:
    """Delete an item; of several requests at once only one finds it."""
    async with session_of() as session:
        _found(await session.scalar(delete(Item).where(Item.id == item_id).returning(Item.id)))


async def _update(item_id: int, values: dict[str, Any]) -> Item:
    statement = (
        update(Item)
        .where(Item.id == item_id)
        .values(**values, updated_at=func.now())
        .returning(Item)
        .execution_options(synchronize_session=False)
    )
    async with session_of() as session:
        return _found(await session.scalar(statement))


def _found(row: Row | None) -> Row:
    if row is None:
        raise HTTPException(404)
    return row
