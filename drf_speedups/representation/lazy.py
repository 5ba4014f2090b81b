"""A list that is filled when somebody looks."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

# Methods that do not look at items.
BLIND = {"__new__", "__init__", "__getattribute__", "__class_getitem__", "__hash__", "__sizeof__"}


class Unread:
    """Stands in a list that is not filled yet: C code that reads past the methods meets it."""


class LazyList(list[Any]):
    """A list whose items are made when it is first touched; with a lock, by one thread."""

    lock: Any = contextlib.nullcontext()

    def __init__(self, make: Callable[[], Iterable[Any]]) -> None:
        list.__init__(self, [Unread()])
        self.full = False
        self.make: Callable[[], Iterable[Any]] | None = make
        self.then: Callable[[], None] | None = None  # done when it is filled, before who looks

    def fill(self) -> None:
        """Let it be an ordinary list, if it is not one yet. Raises what making the items raises."""
        if self.full:
            return
        with self.lock:
            make, self.make = self.make, None
            if make is None:
                return
            try:
                items = [*make()]
            except BaseException:
                self.make = make
                raise
            list.__setitem__(self, slice(None), items)
            if self.then is not None:
                self.then()
            self.full = True

    def __radd__(self, other: Any) -> Any:
        self.fill()
        return list.__add__(other, self) if isinstance(other, list) else NotImplemented

    def __reduce__(self) -> Any:
        self.fill()
        return list, ([*self],)


def _filled_first(method: Any) -> Any:
    def touched(self: LazyList, *args: Any, **kwargs: Any) -> Any:
        self.fill()
        return method(self, *args, **kwargs)

    return touched


for _name, _method in vars(list).items():
    if callable(_method) and _name not in BLIND:
        setattr(LazyList, _name, _filled_first(_method))
