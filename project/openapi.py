"""What the generated schema does not know by itself: exact rules and the error answers."""

from typing import Any

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
}
FAULT = {
    "type": "object",
    "required": ["pointer", "detail", "code"],
    "properties": {name: {"type": "string"} for name in ("pointer", "detail", "code")},
}
ALWAYS = {"400", "401", "406", "413", "500", "503", "504"}
OF_CHANGES = {"403", "409"}
OF_PRECONDITIONS = {"412", "428"}
OF_KEYS = {"422"}
WITH_BODY = {"415"}
DIGITS = r"[0-9]{1,8}(\.[0-9]{1,2})?"

# What the generator cannot read out of the fields: of an item that is sent, and of one that is read
SENT: dict[str, dict[str, Any]] = {
    "name": {"pattern": r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$"},  # str.strip takes these
    "description": {"pattern": r"^[^\x00]*$"},
    "price": {
        "type": ["string", "number"],
        "pattern": f"^{DIGITS}$",
        "minimum": 0,
        "maximum": 99_999_999.99,
        "multipleOf": 0.01,
    },
}
READ: dict[str, dict[str, Any]] = {
    "id": {"format": "int64"},
    "price": {"pattern": r"^[0-9]{1,8}\.[0-9]{2}$"},
}


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description,
            "schema": {"type": "string", **schema}}  # fmt: skip


HEADERS = {  # which a request may carry, by method
    "post": _header(
        "Idempotency-Key",
        "Any text of the client's own: a request that is sent again with it is answered with the "
        "first answer, and done once. Kept for 24 hours.",
        minLength=1,
        maxLength=255,
        pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",  # HTTP takes blanks off both ends
    ),
    "get": _header("If-None-Match", "The ETag the client has: 304 if it still holds."),
}
IF_MATCH = _header("If-Match", "The ETag of the state that the change is for.")
ETAG = {"ETag": {"description": "Digest of the item.", "schema": {"type": "string"}}}


def document(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Complete the schema; a drf-spectacular postprocessing hook."""
    schemas = result["components"]["schemas"]
    for name in ("ItemRequest", "PatchedItemRequest"):
        _refine(schemas[name], SENT)
        schemas[name]["additionalProperties"] = False
    _refine(schemas["Item"], READ)
    schemas |= {"Problem": PROBLEM, "Fault": FAULT}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in sorted(_refusals(path, method, operation)):
                operation["responses"][status] = _answer()
            _document_headers(path, method, operation)
    return result


def _document_headers(path: str, method: str, operation: dict[str, Any]) -> None:
    item = "{" in path
    if item or method == "post":
        header = HEADERS.get(method, IF_MATCH)
        operation["parameters"] = [*operation.get("parameters", []), header]
    for status in {"200", "201"} & operation["responses"].keys():
        if item or method == "post":
            operation["responses"][status]["headers"] = ETAG
    if item and method == "get":
        operation["responses"]["304"] = {"description": "The client has it.", "headers": ETAG}


def _refine(schema: dict[str, Any], rules: dict[str, dict[str, Any]]) -> None:
    for field, rule in rules.items():
        schema["properties"][field] |= rule


def _refusals(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    statuses = ALWAYS | (OF_CHANGES if method != "get" else set())
    statuses |= WITH_BODY if "requestBody" in operation else set()
    statuses |= OF_KEYS if method == "post" else set()
    statuses |= OF_PRECONDITIONS if method in {"put", "patch", "delete"} else set()
    return statuses | ({"404"} if "{" in path else set())


def _answer() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": schema}},
    }
