"""Is the answer right? Pure functions that raise WrongAnswerError: fast but wrong never counts."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from targets import Item, Target, WrongAnswerError


def parse(content: bytes | None) -> Any:
    """The JSON of a body. Raises WrongAnswerError."""
    try:
        return json.loads((content or b"").decode())  # else json looks for other encodings first
    except ValueError as error:
        raise WrongAnswerError("answer is not JSON", (content or b"")[:200]) from error


def check_item(target: Target, item: Any, expected: Item) -> Item:
    """Every field is there and those in `expected` have its values. Raises WrongAnswerError."""
    if not isinstance(item, dict):
        raise WrongAnswerError("item is not a JSON object", item)
    if not all(map(item.__contains__, target.fields)):
        missing = [field for field in target.fields if field not in item]
        raise WrongAnswerError(f"item lacks {', '.join(missing)}", item)
    if target.id_field not in item:
        raise WrongAnswerError(f"item lacks its id {target.id_field!r}", item)
    for field, value in expected.items():
        if not same_value(value, item.get(field)):
            raise WrongAnswerError(
                f"{field} is not what it must be", f"{value!r}, got {item.get(field)!r}"
            )
    return item


def check_page(target: Target, page: Any, size: int) -> list[Item]:
    """A list of at most `size` complete items. Raises WrongAnswerError."""
    items = target.items_in(page)
    if len(items) > size:
        raise WrongAnswerError(
            "list is longer than the page size", f"{len(items)} items, not {size}"
        )
    for item in items:
        check_item(target, item, {})
    return items


def same_value(sent: Any, got: Any) -> bool:
    """Equal and of one type; a decimal sent as a string may come back as a number or with zeros."""
    if type(sent) is type(got) and sent == got:
        return True
    if not isinstance(sent, str) or isinstance(got, bool) or not isinstance(got, str | int | float):
        return False
    try:
        return Decimal(sent) == Decimal(str(got))
    except InvalidOperation:
        return False
