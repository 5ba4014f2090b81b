"""What distinguishes one implementation of the service from another, and the presets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Template
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

Id = int | str
Item = dict[str, Any]
SAFE = "/%?&=:@!$'()*+,;~[]"  # stays as it is in a path and a query: somebody may have quoted it
WHOLE = "."  # the path of what is itself meant, in no envelope
EXAMPLE = {"name": "n", "text": "t", "price": "1.00", "quantity": 1, "unique": "u"}
SLASHES = {  # at the end of the collection's path, and of an item's
    "yes": (True, True),
    "no": (False, False),
    "collection": (True, False),
    "item": (False, True),
}
CREATED = ("item", "id", "location")  # what the answer to a create tells
UPDATES = ("PUT", "PATCH")


class WrongAnswerError(Exception):
    """An answer that breaks the contract.

    `str()` is the same for every request with this fault, so that Locust counts them in one row;
    `detail` holds the values, `options` names what to change if the service is right.
    """

    def __init__(self, summary: str, detail: object = "", options: str = "") -> None:
        super().__init__(summary)
        self.detail = detail
        self.options = options


@dataclass(frozen=True, slots=True)
class Target:
    """Where items live in a service and how they look there. Raises ValueError at birth.

    Fields are dotted paths: `data.id`; "." is the whole.
    """

    base_path: str
    slashes: str  # a name in SLASHES
    id_field: str  # inside an item
    item_field: str  # the item inside an answer, and inside a payload that has the same envelope
    list_field: str  # the list inside an answer
    list_query: str  # {size} is replaced by the page size
    fields: tuple[str, ...]  # what every item must have
    payload: str  # JSON; $name, $text, $price, $quantity and $unique are replaced
    created: str  # one of CREATED
    update_method: str  # one of UPDATES
    update_payload: str  # as payload; empty: the same

    def __post_init__(self) -> None:
        if not self.base_path.startswith("/") or self.base_path.endswith("/"):
            raise ValueError(
                f"base path {self.base_path!r}: must start with / and not end with one"
            )
        if not (self.id_field and self.list_field and self.item_field):
            raise ValueError("id, item and list field must not be empty ('.' is the whole)")
        for name, value, known in (
            ("trailing slash", self.slashes, SLASHES),
            ("created", self.created, CREATED),
            ("update method", self.update_method, UPDATES),
        ):
            if value not in known:
                raise ValueError(f"{name} {value!r}: must be one of {', '.join(known)}")
        try:
            if not isinstance(self.new_item(EXAMPLE), dict):
                raise ValueError("must be a JSON object")
            self.changed_item(EXAMPLE)
            self.list_query.format(size=1)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            raise ValueError(f"payload or list query: {error!r}") from error

    # Requests

    def new_item(self, values: Mapping[str, object]) -> Item:
        item: Item = json.loads(Template(self.payload).substitute(values))
        return item

    def changed_item(self, values: Mapping[str, object]) -> Item:
        item: Item = json.loads(Template(self.update_payload or self.payload).substitute(values))
        return item

    def collection_url(self) -> str:
        return quote(self.base_path, SAFE) + "/" * SLASHES[self.slashes][0]

    def page_url(self, size: int) -> str:
        query = quote(self.list_query.format(size=size), SAFE)
        return f"{self.collection_url()}?{query}" if query else self.collection_url()

    def item_url(self, item_id: Id) -> str:
        own = quote(str(item_id), safe="")
        return f"{quote(self.base_path, SAFE)}/{own}" + "/" * SLASHES[self.slashes][1]

    # Names in the statistics: one row per route, not one per id

    @property
    def collection_name(self) -> str:
        return self.base_path

    @property
    def item_name(self) -> str:
        return f"{self.base_path}/[id]"

    # Answers

    @property
    def has_pages(self) -> bool:
        """Whether a list has a size that we asked for."""
        return "{size}" in self.list_query

    def item_in(self, answer: Any) -> Item:
        """The item inside an answer. Raises WrongAnswerError where there is none."""
        item = inside(answer, self.item_field)
        if not isinstance(item, dict):
            where = "" if self.item_field == WHOLE else f" at {self.item_field!r}"
            raise WrongAnswerError(f"item{where} is not a JSON object", answer, "--item-field")
        return item

    def values_of(self, payload: Item) -> Item:
        """What a payload says of the item, out of the envelope that it may have."""
        inner = inside(payload, self.item_field)
        return inner if isinstance(inner, dict) else payload

    def id_of(self, item: Item) -> Id:
        """Raises WrongAnswerError for an item without id."""
        found = inside(item, self.id_field)
        if isinstance(found, bool) or not isinstance(found, int | str):
            raise WrongAnswerError(
                f"item lacks its id {self.id_field!r}", item, "--id-field or --item-field"
            )
        return found

    def id_at(self, location: str) -> Id:
        """The id in a Location. Raises WrongAnswerError for another place."""
        before, _, last = urlsplit(location).path.rstrip("/").rpartition("/")
        if not last or not unquote(before).endswith(unquote(self.base_path)):
            raise WrongAnswerError(
                "Location does not lead to an item", location, "--created or --base-path"
            )
        return unquote(last)

    def items_in(self, page: Any) -> list[Item]:
        """The list inside a list answer. Raises WrongAnswerError where there is none."""
        found = inside(page, self.list_field)
        if not isinstance(found, list):
            raise WrongAnswerError(
                f"no list at {self.list_field!r} in the answer", page, "--list-field"
            )
        return found

    def next_url(self, page: Any, asked: str, prefix: str = "") -> str | None:
        """Path and query of the page after that which was `asked` for, if the answer links one.

        `prefix` is what the address of the service puts before all paths.
        """
        link = page.get("next") if isinstance(page, dict) else None
        if not isinstance(link, str) or not link:
            return None
        # The host is dropped: behind a proxy it may be a name that only the service knows.
        parts = urlsplit(urljoin(asked, link))
        return f"{parts.path.removeprefix(prefix)}?{parts.query}"


def inside(answer: Any, path: str) -> Any:
    """What is at a dotted path; None where there is nothing."""
    for key in filter(None, path.split(".")):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


DJANGO = Target(
    base_path="/items",
    slashes="yes",
    id_field="id",
    item_field=WHOLE,
    list_field="results",
    list_query="limit={size}",
    fields=("id", "name", "description", "price", "quantity", "created_at", "updated_at"),
    payload='{"name": "$name", "description": "$text", "price": "$price", "quantity": $quantity}',
    created="item",
    update_method="PUT",
    update_payload="",
)
PRESETS = {
    "django": DJANGO,
    "fastapi": replace(DJANGO, slashes="no", list_field=WHOLE),
}
