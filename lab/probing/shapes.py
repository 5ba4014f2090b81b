"""Where the list, the item and its id are in answers, as dotted paths; "." is the whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WHOLE = "."
DEEPEST = 3
IDS = ("id", "_id", "uuid", "pk", "key", "slug", "sku", "code")


def inside(answer: Any, path: str) -> Any:
    """Return what is at a dotted path; None where there is nothing."""
    for key in filter(None, path.split(".")):
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    return answer


def lists(answer: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the paths of lists in an answer, the outermost first."""
    if isinstance(answer, list):
        yield path or WHOLE
    elif isinstance(answer, Mapping) and depth < DEEPEST:
        for key, value in answer.items():
            yield from lists(value, f"{path}.{key}".strip("."), depth + 1)


def best_list(answer: Any) -> str:
    """Return the path of the list of items; "" where there is none."""
    found = sorted(lists(answer), key=lambda path: path.count("."))
    full = (path for path in found if any(isinstance(one, Mapping) for one in inside(answer, path)))
    return next(full, next(iter(found), ""))


def id_fields(item: Mapping[str, Any], hint: str) -> list[str]:
    """Return the fields that may be an item's id, the likeliest first."""
    known = [hint, hint.removesuffix("_id"), *IDS]
    scalar = [name for name, value in item.items()
              if isinstance(value, str | int) and not isinstance(value, bool)]  # fmt: skip
    likely = [name for name in known if name in scalar]
    ending = [name for name in scalar if name.lower().endswith(("id", "_no", "number"))]
    return list(dict.fromkeys([*likely, *ending]))


def item_path(answer: Any, names: Sequence[str], path: str = "", depth: int = 0) -> str:
    """Return the path of the object that has one of these fields; "" where there is none."""
    if not isinstance(answer, Mapping) or depth > DEEPEST:
        return ""
    if any(isinstance(answer.get(name), str | int) for name in names):
        return path or WHOLE
    parts = (
        item_path(value, names, f"{path}.{key}".strip("."), depth + 1)
        for key, value in answer.items()
    )
    return next(filter(None, parts), "")
