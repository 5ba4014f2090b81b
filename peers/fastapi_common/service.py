"""The application around the routes: what it takes from paths and queries, and how it refuses."""

import gc
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, ValidationError
from starlette.convertors import Convertor, register_url_convertor

from peers.shared.schemas import LARGEST_ID, plain_digits

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
Resources = Callable[[], AbstractAsyncContextManager[None]]


def service(resources: Resources, *away: type[Exception]) -> FastAPI:
    """Return an application that holds `resources` open; the errors `away` mean no database."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with resources():
            gc.collect()
            gc.freeze()  # what was loaded is never walked again
            yield

    # The schema and its pages are left out: routes are tried in order, and they would come first.
    return FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            RequestValidationError: _bad_parameter,
            ValidationError: _bad_body,
            405: _methods,
            OSError: _database_away,
            **dict.fromkeys(away, _database_away),
        },
    )


def origin(request: Request) -> str:
    """Return where this service is, as the client wrote it; `request.base_url` costs four times."""
    return f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}"


async def _bad_parameter(_request: Request, error: RequestValidationError) -> Response:
    """Answer 404 for an id that no row can have, 422 for a wrong query."""
    if any(fault["loc"][0] == "path" for fault in error.errors()):
        return Response(status_code=404)
    return JSONResponse(_faults(error.errors()), status_code=422)


async def _bad_body(_request: Request, error: ValidationError) -> Response:
    """Answer 422 for a body that is no item."""
    return JSONResponse(_faults(error.errors()), status_code=422)


def _faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    # Not the input itself, which FastAPI repeats by default: it may be what no JSON can hold.
    return [{"loc": [*map(str, fault["loc"])], "type": fault["type"]} for fault in errors]


async def _methods(request: Request, _error: Exception) -> Response:
    """Answer OPTIONS, and 405 with every method of the path: Starlette knows one route's only."""
    allow = OF_ITEM if request.path_params else OF_COLLECTION
    status = 200 if request.method == "OPTIONS" else 405
    return Response(status_code=status, headers={"Allow": allow})


async def _database_away(_request: Request, _error: Exception) -> Response:
    """Answer 503 when there is no connection to be had."""
    return Response(status_code=503, headers={"Retry-After": "1"})
