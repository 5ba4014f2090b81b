"""What goes in and out as JSON; pydantic checks and writes it in Rust."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints

LARGEST_ID = 2**63 - 1
LARGEST_QUANTITY = 2**31 - 1
PLAIN_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
NO_NUL = r"^[^\x00]*$"  # PostgreSQL's text cannot hold it


def plain_digits(value: object) -> object:
    """Refuse what `int` takes besides: "+1", "1_0", " 1 " and the digits of other scripts."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("not a whole number")
    return value


def plain_decimal(value: object) -> object:
    """Refuse what `Decimal` takes besides: true, " 1", "1_0", "1e3", digits of other scripts."""
    if type(value) not in {str, int, float} or not PLAIN_DECIMAL.fullmatch(str(value)):
        raise ValueError("not a decimal number")
    return value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=NO_NUL),
]
Description = Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)]
Price = Annotated[
    Decimal,
    Strict(False),  # after a validator in Python, the strict mode would want a `Decimal`
    Field(ge=0, max_digits=10, decimal_places=2),
    BeforeValidator(plain_decimal),
]
Quantity = Annotated[int, Field(ge=0, le=LARGEST_QUANTITY)]
Ignored = Annotated[Any, Field(exclude=True)]


class NewItem(BaseModel):
    """What POST and PUT take. Read-only fields are ignored: what was read can be put back."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: Name
    description: Description = ""
    price: Price
    quantity: Quantity = 0
    id: Ignored = None
    created_at: Ignored = None
    updated_at: Ignored = None


class Changes(NewItem):
    """What PATCH takes: only fields that were sent count, so the defaults are never used."""

    name: Name = ""
    price: Price = Decimal(0)


class ItemOut(BaseModel):
    """An item as clients see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str
    price: Decimal
    quantity: int
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    """Items, newest first, and where older ones are."""

    next: str | None
    previous: None = None
    results: list[ItemOut]
