"""What a service's own OpenAPI document says: which collections there are, what they take."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lab.probing.asking import Service

PLACES = (
    "/openapi.json", "/schema/?format=json", "/api/schema/?format=json", "/api/openapi.json",
    "/api/v1/openapi.json", "/swagger.json", "/v3/api-docs", "/api-json", "/openapi/openapi.json",
    "/swagger/v1/swagger.json", "/docs/openapi.json",
)  # fmt: skip
ITEM = re.compile(r"(?P<collection>/[^{}]*[^{}/])/\{(?P<key>\w+)\}(?P<slash>/?)$")
SIZES = (
    "limit", "page_size", "size", "per_page", "pageSize", "perPage", "count", "take", "first",
)  # fmt: skip
Schema = Mapping[str, Any]
MOST_REFERENCES = 20  # that lead on to one another


@dataclass(frozen=True)
class Collection:
    """Where items are, with a slash at the end or without, and what each path can do."""

    path: str  # of the list, as it is to be asked for
    item_path: str  # of an item, with {} for its key; "": not known
    key: str = ""  # what the document calls the key of an item
    methods: frozenset[str] = frozenset()  # of both paths, such as `post` and `item put`
    new_item: Schema | None = None  # schema of what a create takes
    size: str = ""  # the parameter that says how many a list has

    @property
    def base_path(self) -> str:
        """The path without a slash at its end."""
        return self.path.rstrip("/")


class Document:
    """An OpenAPI document, 2 or 3."""

    def __init__(self, found: Mapping[str, Any], place: str) -> None:
        self._found = found
        self.place = place

    @property
    def title(self) -> str:
        """What the service calls itself."""
        info = self._found.get("info") or {}
        kind = f"OpenAPI {self._found.get('openapi') or self._found.get('swagger')}"
        return f"{info.get('title', '')} {info.get('version', '')}".strip() + f" ({kind})"

    @property
    def auth_header(self) -> str:
        """How a key is to be sent; "" when the document does not say."""
        parts = self._found.get("components") or {}
        schemes = parts.get("securitySchemes") or self._found.get("securityDefinitions") or {}
        for scheme in schemes.values():
            if scheme.get("type") == "apiKey" and scheme.get("in") == "header":
                return str(scheme.get("name", ""))
            if scheme.get("type") in ("http", "oauth2", "openIdConnect", "basic"):
                is_basic = "basic" in (scheme.get("scheme"), scheme.get("type"))
                return "Authorization: Basic" if is_basic else "Authorization: Bearer"
        return ""

    def collections(self) -> list[Collection]:
        """Return those with a list and items of their own, the most capable one first."""
        found = [*self._collections()]
        return sorted(found, key=lambda one: (-len(one.methods), len(one.path)))

    def _collections(self) -> Iterator[Collection]:
        servers: list[Schema] = self._found.get("servers") or [{}]
        base = urlsplit(str(servers[0].get("url", ""))).path
        prefix = (base or str(self._found.get("basePath") or "")).rstrip("/")
        paths: Mapping[str, Any] = self._found.get("paths") or {}
        for item_path, of_item in paths.items():
            if not (match := ITEM.match(item_path)) or "get" not in of_item:
                continue
            for path in (f"{match['collection']}/", match["collection"]):
                if "get" in (of_list := paths.get(path, {})):
                    yield Collection(
                        path=prefix + path,
                        item_path=f"{prefix}{match['collection']}/{{}}{match['slash']}",
                        key=match["key"],
                        methods=frozenset(of_list) | {f"item {one}" for one in of_item},
                        new_item=self._body(of_list.get("post")),
                        size=self._size(of_list),
                    )
                    break

    def _body(self, create: Mapping[str, Any] | None) -> Schema | None:
        if create is None:
            return None
        content = self.resolved(create.get("requestBody") or {}).get("content") or {}
        for kind, one in content.items():
            if "json" in kind:
                return self.resolved(one.get("schema") or {})
        old = (p for p in create.get("parameters", ()) if p.get("in") == "body")
        return next((self.resolved(one.get("schema") or {}) for one in old), None)

    def _size(self, of_list: Mapping[str, Any]) -> str:
        parameters = [*of_list.get("parameters", ()), *of_list["get"].get("parameters", ())]
        names = {self.resolved(one).get("name") for one in parameters}
        return next((name for name in SIZES if name in names), "")

    def resolved(self, schema: Schema) -> Schema:
        """Return a schema without reference at its top, all its parts together."""
        for _ in range(MOST_REFERENCES):
            if "$ref" not in schema:
                break
            target: Any = self._found
            for word in str(schema["$ref"]).removeprefix("#/").split("/"):
                name = word.replace("~1", "/").replace("~0", "~")
                target = target.get(name, {}) if isinstance(target, Mapping) else {}
            schema = target
        parts = [self.resolved(one) for one in schema.get("allOf", ())]
        for name in ("anyOf", "oneOf"):
            real = [one for one in schema.get(name, ()) if one.get("type") != "null"]
            parts += [self.resolved(one) for one in real[:1]]
        if not parts:
            return schema
        whole: dict[str, Any] = {}
        for part in (*parts, {k: v for k, v in schema.items() if k not in ("allOf", "anyOf")}):
            whole |= {
                **part,
                "properties": {**whole.get("properties", {}), **part.get("properties", {})},
                "required": [*whole.get("required", ()), *part.get("required", ())],
            }
        return whole


def find(service: Service) -> Document | None:
    """Return the document of a service, if it has one in a usual place."""
    for place in PLACES:
        found = service.ask("GET", place).json
        if (
            isinstance(found, dict)
            and "paths" in found
            and ("openapi" in found or "swagger" in found)
        ):
            return Document(found, place)
    return None
