"""A payload for the load: what a schema asks for, or what an item that is there looks like."""

import json
import re
from collections.abc import Mapping
from typing import Any

from lab.probing.document import Document, Schema

NAMED = re.compile(r"name|title|label|subject", re.IGNORECASE)
PRICED = re.compile(r"price|amount|cost|total", re.IGNORECASE)
COUNTED = re.compile(r"quantity|stock|count|qty", re.IGNORECASE)
UNIQUE = re.compile(
    r"(^|_)(slug|sku|code|username|login|handle|serial|isbn|ean|barcode|key)$", re.IGNORECASE
)
MADE = re.compile(r"(^|_)(id|uuid|pk|url|created|updated|modified)(_|$)|_at$|At$|_on$")
LONGEST = {"$name": 20, "$unique": 16, "$text": 64}  # characters that take their places
FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00",
    "email": "$unique@example.com",
    "uri": "https://example.com/$unique",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri-reference": "/$unique",
    "url": "https://example.com/$unique",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "decimal": "$price",
}
EXAMPLES = {"$name": "Oak chair 0001", "$text": "Made to order.", "$price": "12.50",
            "$quantity": "3", "$unique": "0123456789abcdef"}  # fmt: skip
DEEPEST = 5


class Bare(str):
    """A placeholder that stands for a number: it goes into the JSON without quotation marks."""


def from_schema(document: Document, schema: Schema, depth: int = 0) -> dict[str, Any]:
    """Return values for what a schema requires; where it requires nothing, for all it knows."""
    properties = schema.get("properties") or {}
    known = {name: document.resolved(one) for name, one in properties.items()}
    required = [name for name in schema.get("required", ()) if name in properties]
    return {
        name: _value(document, name, known[name], depth)
        for name in required or properties
        if not (known[name].get("readOnly") or _is_read_only(properties[name]))
    }


def _is_read_only(schema: Any) -> bool:
    """Whether it says so beside a reference."""
    return isinstance(schema, Mapping) and bool(schema.get("readOnly"))


def _value(document: Document, name: str, schema: Schema, depth: int) -> Any:
    for key in ("const", "default", "example"):
        if schema.get(key) is not None and not NAMED.search(name):
            return _literal(schema[key])
    if schema.get("enum"):
        return _literal(next((one for one in schema["enum"] if one is not None), None))
    examples = schema.get("examples")  # a list in a schema; beside a parameter it has names
    fits = schema.get("pattern") or not NAMED.search(name)
    if fits and examples and isinstance(examples, list):
        return _literal(examples[0])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    match kind:
        case "integer" | "number":
            return _number(name, schema, kind)
        case "boolean":
            return True
        case "array":
            inner = document.resolved(schema.get("items") or {})
            return [_value(document, name, inner, depth + 1)] * min(
                int(schema.get("minItems") or 0), 9
            )
        case "object" | None if schema.get("properties") and depth < DEEPEST:
            return from_schema(document, schema, depth + 1)
        case "object":
            return {}
        case _:
            return _text(name, schema)


def _number(name: str, schema: Schema, kind: str) -> Any:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 10**6))
    low, high = (one if not isinstance(one, bool) else 0 for one in (low, high))
    if kind == "number" and PRICED.search(name) and low <= 1 and high >= 1000:
        return Bare("$price")
    if kind == "integer" and COUNTED.search(name) and low <= 0 and high >= 999:
        return Bare("$quantity")
    value = min(max(1, low + (low == schema.get("exclusiveMinimum"))), high)
    if value == schema.get("exclusiveMaximum"):
        value = value - 1 if kind == "integer" else (low + high) / 2
    step = schema.get("multipleOf") or (1 if kind == "integer" else 0)
    return -(-value // step) * step if step else value


def _text(name: str, schema: Schema) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if PRICED.search(name):
        return "$price"
    longest = schema.get("maxLength") or 10**6
    if UNIQUE.search(name) and longest >= LONGEST["$unique"]:
        return "$unique"  # the second one with the same would be refused
    for word in ("$name",) if NAMED.search(name) else ("$text", "$name"):
        if LONGEST[word] <= longest:
            return word
    return (
        "$unique" if longest >= LONGEST["$unique"] else "x" * max(1, schema.get("minLength") or 1)
    )


def from_item(item: Mapping[str, Any], id_field: str) -> dict[str, Any]:
    """Return values as those of an item that is there, without what a service makes itself."""
    return {
        name: _like(name, value)
        for name, value in item.items()
        if name != id_field and not MADE.search(name)
    }


def _like(name: str, value: Any) -> Any:
    if isinstance(value, str) and NAMED.search(name):
        return "$name"
    if isinstance(value, str) and UNIQUE.search(name):
        return "$unique"
    if isinstance(value, float | str) and PRICED.search(name):
        return "$price" if isinstance(value, str) else Bare("$price")
    if isinstance(value, int) and not isinstance(value, bool) and COUNTED.search(name):
        return Bare("$quantity")
    return _literal(value)


def _literal(value: Any) -> Any:
    """Return a value in which nothing is taken for a placeholder."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _literal(one) for key, one in value.items()}
    return [_literal(one) for one in value] if isinstance(value, list) else value


def template(values: Any) -> str:
    """Return JSON for `--payload`."""

    def plain(value: Any) -> Any:
        if isinstance(value, Bare):
            return f"\0{value}\0"
        if isinstance(value, dict):
            return {key.replace("$", "$$"): plain(one) for key, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, list) else value

    return re.sub(r'"\\u0000(\$\w+)\\u0000"', r"\1", json.dumps(plain(values)))


def example(payload: str, salt: str) -> str:
    """Return a payload with values in it; `salt` makes unique what must be."""
    for word, value in EXAMPLES.items():
        payload = payload.replace(word, salt if word == "$unique" else value)
    return payload.replace("$$", "$")
