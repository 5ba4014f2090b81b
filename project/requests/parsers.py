"""Request bodies: JSON means JSON."""

import codecs
import functools
import json
import sys
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

DEEPEST_NESTING = 64
# Before each value but the first. A text may have them, too: the longest item has 2,110.
SEPARATORS = (b",", b"[", b"{")
MOST_SEPARATORS = 4096
MALFORMED = "The body is not valid JSON."
sys.set_int_max_str_digits(640)  # the least there is: reading digits costs their square


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 has it, in UTF-8, nested no deeper than `DEEPEST_NESTING`.

    What a body costs grows with its values and names more than with its bytes, so their number has
    a bound, too: one that a look at the bytes can tell before anything is made of them.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the decoded body.

        Raises `UnsupportedMediaType` for another charset and `ParseError`, without the parser's
        own words, for everything that is not JSON.
        """
        _refuse_other_charsets(media_type or self.media_type)
        body = stream.read()
        if sum(map(body.count, SEPARATORS)) > MOST_SEPARATORS:
            raise ParseError(f"The body has more than {MOST_SEPARATORS:,} commas and brackets.")
        try:
            data = _decoder.decode(body.decode())
        except (ValueError, RecursionError) as error:
            raise ParseError(MALFORMED) from error
        # Only a body with more brackets than that can be nested deeper than that.
        if body.count(b"[") + body.count(b"{") > DEEPEST_NESTING:
            _refuse_deep_nesting(data)
        return data


@functools.lru_cache(64)
def _refuse_other_charsets(media_type: str) -> None:
    charset = parse_header_parameters(media_type)[1].get("charset", "utf-8")
    try:
        known = codecs.lookup(charset).name
    except LookupError:
        known = ""
    if known != "utf-8":
        raise UnsupportedMediaType(media_type)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _refuse_deep_nesting(data: Any) -> None:
    level = [data]
    for _ in range(DEEPEST_NESTING):
        level = [below for value in level for below in _children(value)]
        if not level:
            return
    raise ParseError(f"The body is nested deeper than {DEEPEST_NESTING} levels.")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
