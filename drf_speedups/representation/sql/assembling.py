"""The JSON of rows, put together from what the database has written and what Python writes."""

import functools
import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from django.utils.functional import Promise
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.representation.sql.by_key import RowByRow
from drf_speedups.representation.sql.columns import ELSEWHERE, HOLE, ODD, SKIP
from drf_speedups.representation.sql.files import Show, filled_in
from drf_speedups.representation.sql.prefetched import Fetched, Written
from drf_speedups.representation.sql.scopes import Hole, Part
from drf_speedups.representation.sql.texts import Texts
from drf_speedups.representation.surroundings import Surroundings

KEY = r'"(?:[^"\\]|\\.)*":' + SKIP
SKIPPED = re.compile(rf",{KEY}|(?<=\{{)(?:{KEY},?)+")
Rows = Callable[[], list[Any]]
TIME = re.compile(f'{ELSEWHERE}([^"]*)')


class Around(NamedTuple):
    """What is the same for all rows of an answer, and another for the next."""

    urls: dict[Texts, list[tuple[tuple[str, str], tuple[str, str]]]]  # marks, and what they mean
    zone: tzinfo
    files: list[Show]


class Lasting(JSONEncoder):
    """Writes what is the same whenever it is written; the language may be another one later."""

    def default(self, obj: Any) -> Any:
        """Return what is written for an object. Raises `ValueError` for texts of any language."""
        if isinstance(obj, Promise):
            raise ValueError(obj)
        return super().default(obj)


_encode = Lasting(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def around(plan: Texts, serializer: Any, here: Surroundings) -> Around:
    """Return what stands around the keys in this request's URLs, its zone, what shows its files.

    Raises `StepAside`.
    """
    urls = {
        one: [(link.marks, link.around(serializer, here)) for link in one.links]
        for one in (plan, *plan.beside())
    }
    return Around(urls, here.zone, [one.shown_by(serializer) for one in plan.files])


def assembled(
    rows: Any, plan: Texts, texts: list[str], fetched: Rows, beside: Fetched, here: Around
) -> list[str] | None:
    """Return the finished JSON of each row; None if one is not foreseen."""
    parts: Written = {}
    for level in reversed(plan.levels):  # what a row has comes before the row
        found = beside[level]
        for number, one in enumerate(level.shows):
            own = [row[number - len(level.shows)] for row in found]
            filled = _filled_in(rows, one, own, found.copy, parts, here)
            if filled is None:
                return None
            parts[level, number] = level.together(found, _linked(filled, here.urls[one]))
    filled = _filled_in(rows, plan, texts, fetched, parts, here)
    return None if filled is None else filled_in(_linked(filled, here.urls[plan]), here.files)


def _filled_in(
    rows: Any, plan: Texts, texts: list[str], fetched: Rows, parts: Written, here: Around
) -> list[str] | None:
    """Return the JSON of each row with what Python writes; None if one is not foreseen."""
    if any(ODD in text for text in texts):
        return None
    if any(SKIP in text for text in texts):
        texts = [SKIPPED.sub("", text) for text in texts]
        if any(SKIP in text for text in texts):  # the field is one of the row above
            return None
    if any(ELSEWHERE in text for text in texts):
        try:
            texts = [TIME.sub(lambda found: _in_zone(found[1], here.zone), text) for text in texts]
        except (ValueError, OverflowError):  # a year that the zone, or Python, has not
            return None
    if not plan.holes:
        return texts
    compiler = rows.query.get_compiler(plan.using)
    writes = [
        _writing(compiler, hole) if isinstance(hole, Hole)
        else hole.level.writing(hole, parts[hole.level, hole.number]) if isinstance(hole, Part)
        else functools.partial(_asked, rows, hole, here)
        for hole in plan.holes
    ]  # fmt: skip
    try:
        return [
            _filled(text.split(HOLE), writes, row)
            for text, row in zip(texts, fetched(), strict=True)
        ]
    except StepAside:
        return None


def _in_zone(text: str, zone: tzinfo) -> str:
    """Return what the framework writes in a zone for a time that was written in UTC."""
    local = datetime.fromisoformat(text).astimezone(zone).isoformat()
    return local[:-6] + "Z" if local.endswith("+00:00") else local


def _asked(rows: Any, asked: RowByRow, here: Around, row: Any) -> str:
    """Return the JSON of the rows that a row leads to. Raises `StepAside` for odd ones."""
    texts, fetched = asked.fetch(row)
    filled = None if texts is None else _filled_in(rows, asked.shows, texts, fetched, {}, here)
    if filled is None:
        raise StepAside("a related row is not foreseen")
    return f"[{','.join(_linked(filled, here.urls[asked.shows]))}]"


def _linked(texts: list[str], urls: list[Any]) -> list[str]:
    for marks, parts in urls:
        texts = [one.replace(marks[0], parts[0]).replace(marks[1], parts[1]) for one in texts]
    return texts


def _writing(compiler: Any, hole: Hole) -> Callable[[Any], str]:
    """Return what writes the value that the driver gives for a column.

    It raises `StepAside` for odd ones: the renderer says what is wrong with them, if it is.
    """
    expression, connection = hole.expression, compiler.connection
    converters = compiler.get_converters([expression]).get(0, ((), None))[0]

    def write(row: Any) -> str:
        value = row[hole.place]
        try:
            for one in converters:
                value = one(value, expression, connection)
            return _encode(hole.show(value))
        except (ValueError, TypeError) as error:
            raise StepAside(str(error)) from error

    return write


def _filled(parts: list[str], writes: list[Callable[[Any], str]], row: Any) -> str:
    """Return a text with what Python writes; every other part is a number of that."""
    for at in range(1, len(parts), 2):
        parts[at] = writes[int(parts[at])](row)
    return "".join(parts)
