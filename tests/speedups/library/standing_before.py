"""What stands before a function and says that it were one, as the proxies of `wrapt` do."""

import functools
from collections.abc import Callable
from typing import Any


class Before:
    """Has the code, the module and the class of a function, equals it, and does something first."""

    def __init__(self, function: Any, first: Callable[..., None]) -> None:
        self.__wrapped__ = function
        self.first = first

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __eq__(self, other: object) -> bool:
        return bool(self.__wrapped__ == other)

    def __hash__(self) -> int:
        return hash(self.__wrapped__)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.first(*args, **kwargs)
        return self.__wrapped__(*args, **kwargs)
