"""The routes. Statements, not units of work: each request sends exactly one to the database."""

import os
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import msgspec
from flask import Flask, Response, abort, request
from pydantic import ValidationError
from sqlalchemy import delete, exc, func, insert, select, update
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from peers.flask_sqlalchemy.database import session_of
from peers.shared.headers import LARGEST_BODY, refusal
from peers.shared.item_table import Item
from peers.shared.schemas import LARGEST_ID, Changes, NewItem

FIELDS = ("id", "name", "description", "price", "quantity", "created_at", "updated_at")
encode = msgspec.json.Encoder(decimal_format="string").encode


class RowId(BaseConverter):
    """Flask's own `int` takes any number of digits, which Python refuses past 4,300."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Return the number; 404 for one that no row can have."""
        return int(value) if int(value) <= LARGEST_ID else abort(404)


app = Flask(__name__, static_folder=None)
app.url_map.merge_slashes = False  # never a redirect
app.url_map.converters["rowid"] = RowId


@app.before_request
def refuse() -> None:
    """Let JSON through and nothing else, and no path whose first slashes Werkzeug would merge."""
    if request.environ["PATH_INFO"].startswith("//"):
        abort(404)
    refused = refusal(request.method, request.headers.get("Accept"), request.content_type)
    if refused:
        abort(refused)


@app.get("/items")
def list_items() -> Response:
    """Return the newest items older than `cursor`; one more is read to know if there are more."""
    limit, cursor = _number("limit", 20, 100), _number("cursor", None, LARGEST_ID)
    query = select(Item).order_by(Item.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Item.id < cursor)
    with session_of() as session:
        items = session.scalars(query).all()
    older = None
    if len(items) > limit:
        items = items[:limit]
        older = f"{request.host_url}items/?limit={limit}&cursor={items[-1].id}"
    return _json({"next": older, "previous": None, "results": list(map(_shown, items))})


@app.post("/items")
def create() -> Response:
    """Insert an item and return it as the database has it."""
    values = NewItem.model_validate_json(_body()).model_dump()
    with session_of() as session:
        item = session.scalars(insert(Item).values(values).returning(Item)).one()
    answer = _json(_shown(item), 201)
    answer.headers["Location"] = f"/items/{item.id}/"
    return answer


@app.get("/items/<rowid:item_id>")
def retrieve(item_id: int) -> Response:
    """Return an item."""
    with session_of() as session:
        return _one(session.scalar(select(Item).where(Item.id == item_id)))


@app.put("/items/<rowid:item_id>")
def replace(item_id: int) -> Response:
    """Set all fields of an item."""
    item = NewItem.model_validate_json(_body())
    return _update(item_id, item.model_dump())


@app.patch("/items/<rowid:item_id>")
def change(item_id: int) -> Response:
    """Set the fields that were sent, so that concurrent changes of other fields survive."""
    changes = Changes.model_validate_json(_body())
    return _update(item_id, changes.model_dump(exclude_unset=True))


@app.delete("/items/<rowid:item_id>")
def destroy(item_id: int) -> Response:
    """Delete an item; of several requests at once only one finds it."""
    with session_of() as session:
        gone = session.scalar(delete(Item).where(Item.id == item_id).returning(Item.id))
    return abort(404) if gone is None else Response(status=204)


def _update(item_id: int, values: dict[str, Any]) -> Response:
    statement = (
        update(Item)
        .where(Item.id == item_id)
        .values(**values, updated_at=func.now())
        .returning(Item)
        .execution_options(synchronize_session=False)
    )
    with session_of() as session:
        return _one(session.scalar(statement))


def _body() -> bytes:
    # Werkzeug's own limit cuts a chunked body short instead of refusing it.
    body: bytes = request.environ["wsgi.input"].read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        _drain()
        abort(413)
    return body


def _drain() -> None:
    # A close while data comes in would take the answer with it.
    for _ in range(64):
        if not request.environ["wsgi.input"].read(65_536):
            return


def _number(name: str, default: Any, largest: int) -> Any:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= largest):
        abort(400)
    return int(text) or abort(400)


def _shown(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in FIELDS}


def _one(item: Item | None) -> Response:
    return abort(404) if item is None else _json(_shown(item))


def _json(content: object, status: int = 200) -> Response:
    return Response(encode(content), status, mimetype="application/json")


# What is around every answer


def either_form(application: WSGIApplication) -> WSGIApplication:
    """Serve paths with and without the trailing slash."""

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path[-1:] == "/" and len(path) > 1:
            environ["PATH_INFO"] = path[:-1]
        return application(environ, start_response)

    return served


app.wsgi_app = either_form(app.wsgi_app)  # type: ignore[assignment, method-assign]


@app.after_request
def sign(answer: Response) -> Response:
    """Tell which process answered."""
    answer.headers["X-Served-By"] = f"flask-sqlalchemy/{os.getpid()}"
    return answer


@app.errorhandler(HTTPException)
def refused(error: HTTPException) -> Response:
    """Keep what the status needs, such as `Allow`, without the page of HTML."""
    answer = error.get_response()
    return Response(status=error.code, headers={n: v for n, v in answer.headers if n == "Allow"})


@app.errorhandler(ValidationError)
def bad_body(error: ValidationError) -> Response:
    """Answer 422 for a body that is no item."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return _json([{"loc": [*map(str, f["loc"])], "type": f["type"]} for f in faults], 422)


@app.errorhandler(exc.OperationalError)
@app.errorhandler(exc.InterfaceError)
@app.errorhandler(exc.TimeoutError)
def database_away(_error: Exception) -> Response:
    """Answer 503 when there is no connection to be had."""
    return Response(status=503, headers={"Retry-After": "1"})
