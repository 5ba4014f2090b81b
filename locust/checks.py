"""Is the answer right? Pure functions that raise WrongAnswerError: fast but wrong never counts."""

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from targets import Id, Item, Target, WrongAnswerError, inside

# Which statuses say that it is done; what else the answer must hold is checked then.
CREATED = (200, 201)
UPDATED = (200, 204)
DELETED = (200, 202, 204)


def parse(content: bytes | None) -> Any:
    """The JSON of a body. Raises WrongAnswerError."""
    try:
        return json.loads((content or b"").decode())  # else json looks for other encodings first
    except ValueError as error:
        raise WrongAnswerError(
            "answer is not JSON", (content or b"")[:200], "--base-path"
        ) from error


def check_item(target: Target, item: Any, expected: Item) -> Item:
    """Every field is there and those in `expected` have its values. Raises WrongAnswerError.

    What was sent and need not come back, such as a password, may be missing.
    """
    if not isinstance(item, dict):
        raise WrongAnswerError("item is not a JSON object", item, "--list-field")
    if not all(map(item.__contains__, target.fields)):
        _refuse_missing(target, item)
    if target.id_field not in item:
        target.id_of(item)  # it may lie deeper
    if field := another_value(target, item, expected):
        raise WrongAnswerError(
            f"{field} is not what it must be",
            f"{expected[field]!r}, got {item.get(field)!r}",
            "--payload",
        )
    return item


def another_value(target: Target, item: Item, expected: Item) -> str | None:
    """The first field that has not the value that it must have; None where there is none."""
    return next(
        (
            field
            for field, value in expected.items()
            if (field in item or field in target.fields) and not same_value(value, item.get(field))
        ),
        None,
    )


def _refuse_missing(target: Target, item: Item) -> None:
    missing = [
        field for field in target.fields if field not in item and inside(item, field) is None
    ]
    if missing:
        raise WrongAnswerError(f"item lacks {', '.join(missing)}", item, "--fields or --item-field")


def check_same(target: Target, item: Any, item_id: Id, values: Item) -> None:
    """The item is the one that was asked for. Raises WrongAnswerError."""
    check_item(target, item, values)
    if str(found := target.id_of(item)) != str(item_id):
        raise WrongAnswerError(
            f"{target.id_field} is not what it must be", f"{item_id!r}, got {found!r}", "--id-field"
        )


def check_page(target: Target, page: Any, size: int) -> list[Item]:
    """A list of complete items, each once, of no more than were asked for.

    Raises WrongAnswerError.
    """
    items = target.items_in(page)
    if target.has_pages and len(items) > size:
        raise WrongAnswerError(
            "list is longer than the page size",
            f"{len(items)} items, not {size}",
            "--list-query (none: this service has no pages)",
        )
    for item in items:
        check_item(target, item, {})
    if len({target.id_of(item) for item in items}) < len(items):
        raise WrongAnswerError("list holds an item twice", items, "--id-field")
    return items


def location_of(headers: Any) -> str:
    """Where an answer leads, "" for nowhere; an answer that never came has no headers."""
    return str(headers.get("location", "")) if headers else ""


def created_id(target: Target, content: bytes | None, headers: Any, values: Item) -> Id:
    """The id of what was created, and its values are those sent. Raises WrongAnswerError."""
    if target.created == "location":
        return target.id_at(location_of(headers))
    if not content:
        place = location_of(headers)
        way = "--created (location)" if place else "--mix to one without creates"
        raise WrongAnswerError("a create is answered without a body", place, way)
    item = target.item_in(parse(content))
    if target.created == "item":
        check_item(target, item, values)
    return target.id_of(item)


def check_updated(
    target: Target, status: int, content: bytes | None, item_id: Id, values: Item
) -> None:
    """The answer is the item as it was sent, or says nothing of it. Raises WrongAnswerError."""
    if status == 204:
        check_empty(status, content)
    elif (item := told_item(target, content)) is not None:
        check_same(target, item, item_id, values)


def told_item(target: Target, content: bytes | None) -> Item | None:
    """The item that an answer tells; None where it tells another thing, such as `{"ok": true}`."""
    try:
        item = target.item_in(parse(content))
        target.id_of(item)
    except WrongAnswerError:
        return None
    return item


def check_empty(status: int, content: bytes | None) -> None:
    """A 204 has no body; a 200 may have one. Raises WrongAnswerError."""
    if status == 204 and content:
        raise WrongAnswerError("a 204 has a body", content[:200])


def same_value(sent: Any, got: Any) -> bool:
    """Equal and of one type, or the same number or moment in another notation.

    An object may come back with more in it than was sent.
    """
    if type(sent) is type(got) and sent == got:
        return True
    if isinstance(sent, dict) and isinstance(got, dict):
        return all(same_value(value, got.get(key)) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(got, list):
        return len(sent) == len(got) and all(map(same_value, sent, got))
    return _same_number(sent, got) or _same_moment(sent, got)


def _same_number(sent: Any, got: Any) -> bool:
    """A decimal sent as a string may come back as a number or with zeros, and a number so."""
    if any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in (sent, got)):
        return False
    try:
        return Decimal(str(sent)) == Decimal(str(got))
    except InvalidOperation:
        return False


def _same_moment(sent: Any, got: Any) -> bool:
    if not (isinstance(sent, str) and isinstance(got, str)):
        return False
    try:
        return datetime.fromisoformat(sent) == datetime.fromisoformat(got)
    except (ValueError, TypeError):  # TypeError: one of them names no zone
        return False
