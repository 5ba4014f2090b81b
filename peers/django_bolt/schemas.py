"""What goes in as JSON; msgspec checks it while it parses."""

import re
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

CENTS = re.compile(r"-?0*[0-9]{1,8}(\.[0-9]{1,2})?")
NEGATIVE = re.compile(r"-.*[1-9]")
NO_NUL = r"^[^\x00]*$"  # PostgreSQL's text cannot hold it

Name = Annotated[str, Meta(pattern=NO_NUL)]
Description = Annotated[str, Meta(max_length=2000, pattern=NO_NUL)]
Price = str | int | float
Quantity = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class NewItem(Struct, forbid_unknown_fields=True):
    """What POST and PUT take. Read-only fields are ignored: what was read can be put back."""

    name: Name
    price: Price
    description: Description = ""
    quantity: Quantity = 0
    id: Any = UNSET
    created_at: Any = UNSET
    updated_at: Any = UNSET

    def __post_init__(self) -> None:
        self.name = stripped(self.name)
        self.price = plain(self.price)


class Changes(Struct, forbid_unknown_fields=True):
    """What PATCH takes: only fields that were sent count."""

    name: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    id: Any = UNSET
    created_at: Any = UNSET
    updated_at: Any = UNSET

    def __post_init__(self) -> None:
        if not isinstance(self.name, UnsetType):
            self.name = stripped(self.name)
        if not isinstance(self.price, UnsetType):
            self.price = plain(self.price)


def stripped(name: str) -> str:
    """Return a name without blanks around it. Raises ValueError, msgspec then its own."""
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise ValueError("a name has 1 to 100 characters")
    return name


def plain(price: Price) -> str:
    """Return a price in digits. Raises ValueError for "1e3", " 1" and what else is no price."""
    text = str(price)
    if not CENTS.fullmatch(text) or not text.isascii() or NEGATIVE.fullmatch(text):
        raise ValueError("a price has 8 digits, 2 places and no sign")
    return text
