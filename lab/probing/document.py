"""What a service's own OpenAPI document says: which collections there are, what they take."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

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
BASIC, BEARER = "Authorization: Basic", "Authorization: Bearer"


@dataclass(frozen=True)
class Collection:
    """Where items are, with a slash at the end or without, and what each path can do."""

    path: str  # of the list, as it is to be asked for
    item_path: str  # of an item, with {} for its key; "": not known
    key: str = ""  # what the document calls the key of an item
    methods: frozenset[str] = frozenset()  # of both paths, such as `post` and `item put`
    new_item: Schema | None = None  # schema of what a create takes
    size: str = ""  # the parameter that says how many a list has
    prefix: str = ""  # of the paths, as the document says: perhaps that of a proxy before it

    @property
    def bare(self) -> "Collection":
        """The same without the prefix."""
        own = len(self.prefix)
        return replace(self, path=self.path[own:], item_path=self.item_path[own:], prefix="")

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
        found = [*filter(None, map(_header, schemes.values()))]
        # Who offers a password beside something else means people, not programs.
        return next((one for one in found if one != BASIC), next(iter(found), ""))

    def collections(self) -> list[Collection]:
        """Return those with a list and items of their own, the most capable one first."""
        found = [*self._collections()]
        return sorted(found, key=lambda one: (-len(one.methods), len(one.path)))

    def _collections(self) -> Iterator[Collection]:
        prefix = self._prefix()
        paths: Mapping[str, Any] = self._found.get("paths") or {}
        for item_path, of_item in paths.items():
            if not (match := ITEM.match(item_path)) or "get" not in (of_item or ()):
                continue
            for path in (f"{match['collection']}/", match["collection"]):
                if "get" in (of_list := paths.get(path) or {}):
                    yield Collection(
                        path=prefix + path,
                        item_path=f"{prefix}{match['collection']}/{{}}{match['slash']}",
                        key=match["key"],
                        methods=frozenset(of_list) | {f"item {one}" for one in of_item},
                        new_item=self._body(of_list.get("post")),
                        size=self._size(of_list),
                        prefix=prefix,
                    )
                    break

    def _prefix(self) -> str:
        """Return the path that comes before all others, without a slash at its end."""
        server: Schema = next(iter(self._found.get("servers") or ()), {})
        url = str(server.get("url", ""))
        for name, variable in (server.get("variables") or {}).items():
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        if not url:
            return str(self._found.get("basePath") or "").rstrip("/")
        # It may be relative to the place of the document.
        return urlsplit(urljoin(f"http://service{self.place}", url)).path.rstrip("/")

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

    def resolved(self, schema: Any, within: frozenset[str] = frozenset()) -> Schema:
        """Return a schema without reference at its top, all its parts together.

        What allows anything (`true`) is an empty one. `within` are the references that are being
        followed: a schema may be part of what it is made of.
        """
        while isinstance(schema, Mapping) and "$ref" in schema:
            name = str(schema["$ref"])
            schema = {} if name in within else self._at(name)
            within |= {name}
        if not isinstance(schema, Mapping):
            return {}
        parts = [self.resolved(one, within) for one in schema.get("allOf", ())]
        for name in ("anyOf", "oneOf"):
            real = [one for one in schema.get(name, ()) if not _is_null(one)]
            parts += [self.resolved(one, within) for one in real[:1]]
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

    def _at(self, reference: str) -> Any:
        target: Any = self._found
        for word in reference.removeprefix("#/").split("/"):
            name = word.replace("~1", "/").replace("~0", "~")
            target = target.get(name, {}) if isinstance(target, Mapping) else {}
        return target


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _header(scheme: Schema) -> str:
    """Return the header of a security scheme; "" for a cookie, say."""
    match scheme.get("type"):
        case "apiKey" if scheme.get("in") == "header":
            # REST framework's own tokens, as drf-spectacular describes them.
            prefix = re.search(r'prefix "(\w+)"', str(scheme.get("description", "")))
            return (
                f"{scheme.get('name', '')}: {prefix[1]}" if prefix else str(scheme.get("name", ""))
            )
        case "http" | "basic" if "basic" in (scheme.get("scheme"), scheme.get("type")):
            return BASIC
        case "http" | "oauth2" | "openIdConnect":
            return BEARER
    return ""


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
