"""What an OpenAPI document says: payloads, keys, paths. Nothing is asked."""

import json
from typing import Any

import pytest

from lab.probing.document import Document
from lab.probing.payloads import example, from_item, from_schema, template


def test_a_payload_keeps_to_what_a_schema_asks_for():
    document = Document({"components": {"schemas": {"Size": {"enum": ["s", "m"]}}}}, "")
    schema = {
        "required": [
            "name",
            "size",
            "price",
            "cents",
            "stock",
            "mail",
            "on",
            "tags",
            "box",
            "code",
        ],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": {"type": "string", "maxLength": 100},
            "size": {"$ref": "#/components/schemas/Size"},
            "price": {"type": "string", "format": "decimal"},
            "cents": {"type": "integer", "minimum": 50, "multipleOf": 20},
            "stock": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "mail": {"type": "string", "format": "email"},
            "on": {"type": "string", "format": "date"},
            "tags": {"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 3}},
            "box": {"type": "object", "required": ["w"], "properties": {"w": {"type": "number"}}},
            "code": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["ABC"]},
            "note": {"type": "string"},
        },
    }
    payload = template(from_schema(document, schema))
    assert json.loads(example(payload, "f00")) == {
        "name": "Oak chair 0001", "size": "s", "price": "12.50", "cents": 60, "stock": 3,
        "mail": "f00@example.com", "on": "2026-01-01", "tags": ["x"], "box": {"w": 1},
        "code": "ABC",
    }  # fmt: skip


def test_a_payload_like_an_item_leaves_out_what_a_service_makes():
    item = {"id": 7, "title": "x", "price": 2.5, "done": True, "created_at": "2026", "cost_$": "1"}
    assert template(from_item(item, "id")) == (
        '{"title": "$name", "price": $price, "done": true, "cost_$$": "$price"}'
    )


PET = {
    "openapi": "3.1.0",
    "components": {"schemas": {
        "Pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}], "required": ["kind"],
                "properties": {"kind": {"type": "string", "maxLength": 3}}},
        "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {
            "lives": {"type": "integer"}, "notes": True,
            "share": {"type": "number", "maximum": 0.5},
            "fee": {"type": ["null", "string"], "default": "US$"},
            "tone": {"enum": [None, "low"]},
            "left": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        }, "required": ["lives", "notes", "share", "fee", "tone", "left"]}]},
    }},
}  # fmt: skip


def test_schemas_of_3_1_that_refer_to_one_another_are_read():
    document = Document(PET, "/openapi.json")
    cat = document.resolved({"$ref": "#/components/schemas/Cat"})
    payload = template(from_schema(document, cat))
    assert json.loads(example(payload, "f00")) == {
        "kind": "x", "lives": 1, "notes": "Made to order.", "share": 0.5, "fee": "US$",
        "tone": "low", "left": 0.5,
    }  # fmt: skip
    assert document.resolved(True) == {}


SCHEMES = {
    "basicAuth": {"type": "http", "scheme": "basic"},
    "cookieAuth": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
}


TOKEN = {
    "type": "apiKey", "in": "header", "name": "Authorization",
    "description": 'Token-based authentication with required prefix "Token"',
}  # fmt: skip


@pytest.mark.parametrize(("schemes", "header"), [
    (SCHEMES, "Authorization: Basic"),
    (SCHEMES | {"jwtAuth": {"type": "http", "scheme": "bearer"}}, "Authorization: Bearer"),
    (SCHEMES | {"tokenAuth": TOKEN}, "Authorization: Token"),
    ({"cookieAuth": SCHEMES["cookieAuth"]}, ""),
])  # fmt: skip
def test_a_key_is_sent_as_programs_are_meant_to(schemes, header):
    assert Document({"components": {"securitySchemes": schemes}}, "").auth_header == header


@pytest.mark.parametrize(("servers", "prefix"), [
    ([{"url": "https://api.example.com/v1"}], "/v1"), ([{"url": "./"}], "/api"), ([], ""),
    ([{"url": "v2"}], "/api/v2"), ([{"url": "/"}], ""),
    ([{"url": "https://x/{base}", "variables": {"base": {"default": "v3"}}}], "/v3"),
])  # fmt: skip
def test_paths_begin_where_the_document_says(servers, prefix):
    paths: dict[str, Any] = {"/items": {"get": {}}, "/items/{id}": {"get": {}}, "/none": None}
    (found,) = Document({"servers": servers, "paths": paths}, "/api/openapi.json").collections()
    assert (found.path, found.item_path) == (f"{prefix}/items", f"{prefix}/items/{{}}")
    assert found.bare.path == "/items"
