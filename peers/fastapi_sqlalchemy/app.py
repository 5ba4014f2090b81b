"""The routes. Statements, not units of work: each request sends exactly one to the database."""

import gc
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, ValidationError
from sqlalchemy import delete, exc, func, insert, select, update
from starlette.convertors import Convertor, register_url_convertor

from peers.fastapi_sqlalchemy.database import Item, engine, session_of
from peers.fastapi_sqlalchemy.edge import Edge
from peers.fastapi_sqlalchemy.schemas import (
    LARGEST_ID,
    Changes,
    ItemOut,
    NewItem,
    Page,
    plain_digits,
)

Row = TypeVar("Row")
LARGEST_BODY = 1_048_576  # bytes
OF_COLLECTION = "GET, HEAD, OPTIONS, POST"
OF_ITEM = "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


class RowId(Convertor[int]):
    """Starlette's own `int` takes any number of digits, which Python refuses past 4,300."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return the path segment."""
        return str(value)


register_url_convertor("rowid", RowId())
ItemId = Annotated[int, Path(le=LARGEST_ID)]
Limit = Annotated[int, Query(ge=1, le=100), BeforeValidator(plain_digits)]
Cursor = Annotated[int | None, Query(le=LARGEST_ID), BeforeValidator(plain_digits)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Freeze what was loaded, so that the collector never walks it; close the pool in the end."""
    gc.collect()
    gc.freeze()
    yield
    await engine.dispose()


# The schema and its pages are left out: routes are tried in order, and they would come first.
api = FastAPI(
    lifespan=lifespan, openapi_url=None, redirect_slashes=False, max_body_size=LARGEST_BODY
)


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
        older = f"{request.base_url}items/?limit={limit}&cursor={items[-1].id}"
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


# What is not an answer of a route


@api.exception_handler(RequestValidationError)
async def bad_parameter(_request: Request, error: RequestValidationError) -> Response:
    """Answer 404 for an id that no row can have, 422 for a wrong query."""
    if any(fault["loc"][0] == "path" for fault in error.errors()):
        return Response(status_code=404)
    return JSONResponse(_faults(error.errors()), status_code=422)


@api.exception_handler(ValidationError)
async def bad_body(_request: Request, error: ValidationError) -> Response:
    """Answer 422 for a body that is no item."""
    return JSONResponse(_faults(error.errors()), status_code=422)


def _faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    # Not the input itself, which FastAPI repeats by default: it may be what no JSON can hold.
    return [{"loc": [*map(str, fault["loc"])], "type": fault["type"]} for fault in errors]


@api.exception_handler(405)
async def methods(request: Request, _error: Exception) -> Response:
    """Answer OPTIONS, and 405 with every method of the path: Starlette knows one route's only."""
    allow = OF_ITEM if request.path_params else OF_COLLECTION
    status = 200 if request.method == "OPTIONS" else 405
    return Response(status_code=status, headers={"Allow": allow})


@api.exception_handler(exc.OperationalError)
@api.exception_handler(exc.InterfaceError)
@api.exception_handler(exc.TimeoutError)
@api.exception_handler(OSError)
async def database_away(_request: Request, _error: Exception) -> Response:
    """Answer 503 when there is no connection to be had."""
    return Response(status_code=503, headers={"Retry-After": "1"})


app = Edge(api)  # around everything: what FastAPI itself refuses is signed too
