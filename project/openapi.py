"""What the generated schema does not know by itself: the error answers."""

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
ALWAYS = {"400", "401", "403", "406", "413", "503", "504"}
WITH_BODY = {"409", "415"}


def document_problems(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Add the error answers to every operation; a drf-spectacular postprocessing hook."""
    result["components"]["schemas"] |= {"Problem": PROBLEM, "Fault": FAULT}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            statuses = ALWAYS | (WITH_BODY if "requestBody" in operation else set())
            statuses |= {"404"} if "{" in path else set()
            operation["responses"] |= {status: _answer() for status in sorted(statuses)}
    return result


def _answer() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": schema}},
    }
