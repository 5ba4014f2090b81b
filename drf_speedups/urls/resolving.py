"""Patterns of URLs that cannot match a path are not tried.

Django tries one pattern after the other, each by a regular expression. Nearly all begin with plain
text, and one whose text a path does not begin with is passed over. The others are asked as ever,
by Django's own code; that it tried all of them is said where somebody looks.
"""

import functools
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from django.urls import Resolver404, ResolverMatch, URLPattern, URLResolver, resolvers
from django.urls.resolvers import RegexPattern, RoutePattern

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.representation.lazy import LazyList

KNOWN = (
    URLResolver, URLPattern, ResolverMatch, RegexPattern, RoutePattern,
    resolvers.LocaleRegexDescriptor, resolvers.LocaleRegexRouteDescriptor,
)  # fmt: skip
WRITTEN = {RegexPattern: "_regex", RoutePattern: "_route"}  # a text, or one for each language
# Characters that stand for themselves, from the begin on; the last is not one that may be missing.
ITSELF = r"[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9]"
PLAIN_BEGIN = re.compile(rf"\^((?:{ITSELF})*)(?![?*+{{])")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Way = list[tuple[Any, Any, Any]]  # a resolver, what of the path it matched, its pattern below
LOOKED_AT = "_speedups_looked_at"  # what is known of a resolver, in it: some live for a request


def resolve(stock: Any) -> Any:
    """Return what finds the view of a path."""

    @functools.wraps(stock)
    def resolve(self: Any, path: Any) -> Any:
        known = _known_of(self) if type(self) is URLResolver and _same() else None
        if known is None:
            return stock(self, path)
        way: Way = []
        match, tried, rest = _search(self, known, str(path), way)
        if match:
            return _whole(match, way, LazyList(lambda: tried))
        told = {"path": rest} if tried is None else {"tried": [*tried], "path": rest}
        raise Resolver404(told)

    return resolve


def _search(resolver: Any, known: "Known", path: str, way: Way) -> tuple[Any, Any, str]:
    """Return the match below a resolver, which patterns were tried, and what they had to match."""
    found = resolver.pattern.match(path)
    if not found:
        return None, None, path
    rest, _, _ = found
    likely, below = known.likely(rest), []
    for position in likely:
        one = resolver.url_patterns[position]
        within = _known_of(one) if type(one) is URLResolver else None
        try:
            if within is not None:
                match, tried, _ = _search(one, within, rest, way)
            else:
                match = one.resolve(rest)
                tried = match.tried if match else None
        except Resolver404 as error:
            match, tried = None, error.args[0].get("tried")
        below.append(tried)
        if match:
            way.append((resolver, found, one))
            return match, Tried(known.patterns, likely, below, 0), rest
    return None, Tried(known.patterns, likely, below, len(known.patterns)), rest


def _whole(match: Any, way: Way, tried: Any) -> ResolverMatch:
    """Return a match with all that the resolvers say that led to it, from the last to the first."""
    args, kwargs, extra, route = match.args, match.kwargs, match.extra_kwargs, match.route
    apps, spaces = match.app_names, match.namespaces
    for resolver, (_, unnamed, named), one in way:
        kwargs = {**named, **resolver.default_kwargs, **kwargs}
        args = args if kwargs else unnamed + args
        extra = {**resolver.default_kwargs, **extra}
        apps, spaces = [resolver.app_name, *apps], [resolver.namespace, *spaces]
        if type(one) is URLResolver:
            route = resolver._join_route(str(one.pattern), route)
    return ResolverMatch(
        match.func, args, kwargs, match.url_name, apps, spaces, route, tried,
        captured_kwargs=match.captured_kwargs, extra_kwargs=extra,
    )  # fmt: skip


class Tried:
    """The patterns that Django would have tried: all before the last likely one, or an end."""

    __slots__ = ("below", "end", "likely", "patterns")

    def __init__(self, patterns: Any, likely: list[int], below: list[Any], end: int) -> None:
        self.patterns, self.likely, self.end = patterns, likely, end
        self.below = below  # which ones below each likely one, None if that stands alone

    def __iter__(self) -> Iterator[list[Any]]:
        done = 0
        for position, below in zip(self.likely, self.below, strict=False):
            yield from ([one] for one in self.patterns[done:position])
            pattern = self.patterns[position]
            yield from [[pattern]] if below is None else ([pattern, *one] for one in below)
            done = position + 1
        yield from ([one] for one in self.patterns[done : self.end])


class Known:
    """The patterns of a resolver by the text that they begin with."""

    def __init__(self, patterns: Any) -> None:
        self.patterns = patterns[:]
        self.are_django_s = all(map(_is_django_s, patterns))
        self._pending: Any = None  # the first that Django has not compiled yet
        positions: dict[str, list[int]] = {"": []}
        for position, one in enumerate(patterns if self.are_django_s else ()):
            begin = _begin(one.pattern)
            if begin is None:
                self._pending = self._pending or one.pattern
            positions.setdefault(begin or "", []).append(position)
        self._begins = sorted(positions)
        self._shorter = {"": ""}  # the longest other one that a text begins with
        self._likely = {"": positions[""]}
        before = ""
        for begin in self._begins[1:]:
            while not begin.startswith(before):
                before = self._shorter[before]
            self._shorter[begin] = before
            self._likely[begin] = sorted(positions[begin] + self._likely[before])
            before = begin

    def are(self, patterns: Any) -> bool:
        """Tell whether a resolver has these patterns still, and no more is known of them."""
        compiled = self._pending is not None and "regex" in vars(self._pending)
        return not compiled and bool(patterns == self.patterns)

    def likely(self, path: str) -> list[int]:
        """Return the positions of the patterns that may match a path.

        Whatever is sorted between a text and one that begins with it begins with it, too.
        """
        begin = self._begins[bisect_right(self._begins, path) - 1]
        while not path.startswith(begin):
            begin = self._shorter[begin]
        return self._likely[begin]


def _known_of(resolver: Any) -> Known | None:
    """Return what is known of a resolver's patterns; None if Django's own code has to try them."""
    own = vars(resolver)
    patterns = own.get("url_patterns")  # None until Django has imported them
    kind = type(patterns)
    if kind is not list and kind is not tuple:
        return None
    known: Known | None = own.get(LOOKED_AT)
    if known is None or not known.are(patterns):
        known = own[LOOKED_AT] = Known(patterns)
    return known if known.are_django_s else None


def _is_django_s(one: Any) -> bool:
    return type(one) in {URLPattern, URLResolver} and "resolve" not in vars(one)


def _begin(pattern: Any) -> str | None:
    """Return what each path begins with that a pattern matches.

    None until Django has compiled it, which says that it is wrong when it is first tried.
    """
    kind: Any = type(pattern)
    written = vars(pattern).get(WRITTEN[kind]) if kind in WRITTEN else None
    if type(written) is not str or "match" in vars(pattern):
        return ""
    regex = vars(pattern).get("regex")
    if regex is not None:
        plain = type(regex) is re.Pattern and regex.flags == re.UNICODE
        begin = plain_begin(regex.pattern) if plain else ""
    elif kind is RoutePattern and not pattern.converters:  # which cannot be wrong
        begin = plain_begin(pattern._regex)
    else:
        return None
    return begin if kind is RegexPattern or written.startswith(begin) else ""


def plain_begin(regex: str) -> str:
    """Return the text that whatever a regular expression without flags finds begins with."""
    begin = PLAIN_BEGIN.match(regex)
    return ESCAPED.sub(r"\1", begin[1]) if begin and "|" not in regex else ""


@functools.cache
def _same() -> Any:
    """Return what tells whether Django's own code is what it was, False if it never was."""
    same = not any(own_code(kind, kind) for kind in KNOWN)
    return same and Unchanged(KNOWN)


forget = _same.cache_clear
