"""What Django finds for a path, with and without ours, in a form that can be compared."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.test import override_settings
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern

from drf_speedups.urls import URLS


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Let ours stand in the place of the frameworks'."""
    with override_settings(SPEEDUPS=("urls",)):
        URLS.install()
        assert URLS.is_installed()
        try:
            yield
        finally:
            URLS.uninstall()


def root(patterns: Any) -> URLResolver:
    """Return a resolver as Django makes it for a whole project."""
    return URLResolver(RegexPattern(r"^/"), patterns)


def found(resolver: Any, path: Any) -> Any:
    """Return all that is known of a match, or of what was tried."""
    try:
        match = resolver.resolve(path)
    except Resolver404 as error:
        (told,) = error.args
        assert type(told.get("tried", [])) is list
        return "404", told, error.__cause__, error.__context__
    except Exception as error:  # noqa: BLE001
        return type(error), str(error)
    return (type(match), {**vars(match), "tried": [*match.tried]}, repr(match), [*match])


def both(patterns: Any, *paths: Any) -> list[tuple[Any, Any]]:
    """Return what Django finds for each path, and what it finds with ours.

    Ours have to look at the patterns first, and again when Django has compiled more of them.
    """
    stock = [found(root(patterns), path) for path in paths]
    resolver = root(patterns)
    with installed():
        again = [[found(resolver, path) for path in paths] for _ in range(3)]
    return [pair for ours in again for pair in zip(stock, ours, strict=True)]


def assert_same(patterns: Any, *paths: Any) -> None:
    for stock, ours in both(patterns, *paths):
        assert stock == ours
