"""Request bodies: JSON means JSON."""

import codecs
import functools
import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

DEEPEST_NESTING = 64
MALFORMED = "The body is not valid JSON."


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 has it, in UTF-8, nested no deeper than `DEEPEST_NESTING`."""

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
