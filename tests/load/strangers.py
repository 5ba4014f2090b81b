"""Services as others write them, none of which knows our contract: the load has to fit to them."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.security import APIKeyHeader
from flask import Flask, Response, jsonify, request
from pydantic import BaseModel, Field
from werkzeug.serving import make_server

KEY = "s3cret-of-the-shop"


class NewProduct(BaseModel):
    """What a client sends."""

    title: str = Field(min_length=3, max_length=60)
    price: float = Field(gt=0)
    stock: int = Field(default=0, ge=0, le=500)
    colour: Literal["red", "green"]
    is_active: bool = True
    tags: list[str] = []


class Product(NewProduct):
    """What a client gets."""

    sku: uuid.UUID


class One(BaseModel):
    """An item in its envelope."""

    data: Product


class Page(BaseModel):
    """A list two levels deep."""

    data: dict[str, list[Product]]
    total: int


class Products(dict[uuid.UUID, Product]):
    """All there are; another one is not found."""

    def keep(self, new: NewProduct, sku: uuid.UUID | None = None) -> One:
        """Put one in its place, or in a new one."""
        product = Product(**new.model_dump(), sku=sku or uuid.uuid4())
        self[product.sku] = product
        return One(data=product)

    def __missing__(self, sku: uuid.UUID) -> Product:
        raise HTTPException(404, "no such product")


def check_key(
    key: Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))],
) -> None:
    if key != KEY:
        raise HTTPException(401, "no key")


def shop(rows: int = 30) -> FastAPI:
    """FastAPI: slash at the collection only, UUIDs as `sku`, envelopes, 200s, a key in a header."""
    products = Products()
    for number in range(rows):
        products.keep(NewProduct(title=f"Lamp {number}", price=9.5, colour="red"))
    app = FastAPI(title="Shop")
    app.include_router(routes(products))

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def routes(products: Products) -> APIRouter:
    api = APIRouter(prefix="/api/v1/products", dependencies=[Depends(check_key)])

    @api.get("/")
    def listed(page_size: Annotated[int, Query(ge=1, le=100)] = 10) -> Page:
        return Page(data={"items": [*products.values()][-page_size:]}, total=len(products))

    @api.post("/")
    def created(new: NewProduct) -> One:
        return products.keep(new)

    @api.get("/{sku}")
    def read(sku: uuid.UUID) -> One:
        return One(data=products[sku])

    @api.put("/{sku}")
    def replaced(sku: uuid.UUID, new: NewProduct) -> One:
        return products.keep(new, products[sku].sku)

    @api.delete("/{sku}")
    def deleted(sku: uuid.UUID) -> dict[str, str]:
        products.pop(products[sku].sku, None)
        return {"message": "deleted"}

    return api


def notes(rows: int = 30) -> Flask:
    """Flask: no pages, numbers as ids, Location and no body, PATCH, no OpenAPI document."""
    app, found, numbers = Flask("notes"), dict[int, dict[str, Any]](), iter(range(1, 1_000_000))

    def kept(body: dict[str, Any]) -> int:
        number = next(numbers)
        found[number] = {"id": number, "title": body["title"], "done": body["done"]}
        return number

    @app.get("/notes")
    def listed() -> Response:
        return jsonify([*found.values()])

    @app.post("/notes")
    def created() -> tuple[str, int, dict[str, str]]:
        return "", 201, {"Location": f"/notes/{kept(request.get_json())}"}

    @app.route("/notes/<int:number>", methods=["GET", "PATCH", "DELETE"])
    def one(number: int) -> tuple[Any, int]:
        if number not in found:
            return {"error": "not found"}, 404
        if request.method == "DELETE":
            found.pop(number, None)
            return "", 204
        if request.method == "PATCH":
            found[number] |= request.get_json()
        return found[number], 200

    for number in range(rows):
        kept({"title": f"Note {number}", "done": False})
    return app


@contextmanager
def serving_fastapi(app: FastAPI) -> Iterator[str]:
    """Serve from a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_keep_alive=60))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving_flask(app: Flask) -> Iterator[str]:
    """Serve from threads of this process."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
