"""What distinguishes one implementation of the service from another, and the presets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Template
from typing import Any
from urllib.parse import quote, urlsplit

Id = int | str
Item = dict[str, Any]


class WrongAnswerError(Exception):
    """An answer that breaks the contract.

    `str()` is the same for every request with this fault, so that Locust counts them in one row;
    `detail` holds the values.
    """

    def __init__(self, summary: str, detail: object = "") -> None:
        super().__init__(summary)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Target:
    """Where items live in a service and how they look there. Raises ValueError at birth."""

    base_path: str
    trailing_slash: bool
    id_field: str
    list_field: str  # dotted path to the list inside the answer; "." is the answer itself
    list_query: str  # {size} is replaced by the page size
    fields: tuple[str, ...]  # what every item must have
    payload: str  # JSON; $name, $text, $price and $quantity are replaced

    def __post_init__(self) -> None:
        if not self.base_path.startswith("/") or self.base_path.endswith("/"):
            raise ValueError(
                f"base path {self.base_path!r}: must start with / and not end with one"
            )
        if not (self.id_field and self.list_field):
            raise ValueError("id field and list field must not be empty ('.' is a bare list)")
        example = {"name": "n", "text": "t", "price": "1.00", "quantity": 1}
        try:
            if not isinstance(self.new_item(example), dict):
                raise ValueError("must be a JSON object")
            self.list_query.format(size=1)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"payload or list query: {error!r}") from error

    # Requests

    def new_item(self, values: Mapping[str, object]) -> Item:
        item: Item = json.loads(Template(self.payload).substitute(values))
        return item

    def collection_url(self) -> str:
        return self.base_path + "/" * self.trailing_slash

    def page_url(self, size: int) -> str:
        query = self.list_query.format(size=size)
        return f"{self.collection_url()}?{query}" if query else self.collection_url()

    def item_url(self, item_id: Id) -> str:
        return f"{self.base_path}/{quote(str(item_id), safe='')}" + "/" * self.trailing_slash

    # Names in the statistics: one row per route, not one per id

    @property
    def collection_name(self) -> str:
        return self.base_path

    @property
    def item_name(self) -> str:
        return f"{self.base_path}/[id]"

    # Answers

    def items_in(self, page: Any) -> list[Item]:
        """The list inside a list answer. Raises WrongAnswerError where there is none."""
        for key in filter(None, self.list_field.split(".")):
            page = page.get(key) if isinstance(page, dict) else None
        if not isinstance(page, list):
            raise WrongAnswerError(f"no list at {self.list_field!r} in the answer", page)
        return page

    def next_url(self, page: Any) -> str | None:
        """Path and query of the next page, if the answer links one."""
        link = page.get("next") if isinstance(page, dict) else None
        if not isinstance(link, str) or not link:
            return None
        # The host is dropped: behind a proxy it may be a name that only the service knows.
        parts = urlsplit(link)
        return f"{parts.path}?{parts.query}"


DJANGO = Target(
    base_path="/items",
    trailing_slash=True,
    id_field="id",
    list_field="results",
    list_query="limit={size}",
    fields=("id", "name", "description", "price", "quantity", "created_at", "updated_at"),
    payload='{"name": "$name", "description": "$text", "price": "$price", "quantity": $quantity}',
)
PRESETS = {
    "django": DJANGO,
    "fastapi": replace(DJANGO, trailing_slash=False, list_field="."),
}
