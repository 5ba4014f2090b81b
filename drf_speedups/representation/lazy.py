"""A list that is filled when somebody looks."""

import contextlib
import functools
from collections.abc import Callable, Iterable
from typing import Any

# Methods that do not look at items.
BLIND = {"__new__", "__init__", "__getattribute__", "__class_getitem__", "__hash__", "__sizeof__"}


def named_as(known: type) -> Callable[[Any], Any]:
    """Give a class the name of the one that it stands for: snapshots and messages have it."""

    def name(kind: Any) -> Any:
        kind.__name__, kind.__qualname__ = known.__name__, known.__qualname__
        kind.__module__ = known.__module__
        return kind

    return name


class Unread:
    """Stands in a list that is not filled yet: C code that reads past the methods meets it."""


class LazyList(list[Any]):
    """A list whose items are made when it is first touched; with a lock, by one thread.

    Given items instead of what makes them, it is an ordinary list: Django makes lists anew by the
    class of what it was given.
    """

    lock: Any = contextlib.nullcontext()

    def __init__(self, make: Callable[[], Iterable[Any]] | Iterable[Any] = ()) -> None:
        self.full = not callable(make)
        self.make: Callable[[], Iterable[Any]] | None = make if callable(make) else None
        list.__init__(self, [Unread()] if callable(make) else make)
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

    def count(self, value: Any) -> int:
        """Count a value. That it wants one tells it from a query set's method, for paginators."""
        self.fill()
        return list.count(self, value)

    def __radd__(self, _other: Any) -> Any:
        self.fill()
        return NotImplemented  # Python adds it to a list as it does any other, or into that list

    def __reduce__(self) -> Any:
        self.fill()
        return list, ([*self],)


def _filled_first(method: Any) -> Any:
    @functools.wraps(method)
    def touched(self: LazyList, *args: Any, **kwargs: Any) -> Any:
        self.fill()
        for one in args:
            if isinstance(one, LazyList):  # two lists are added and compared past their methods
                one.fill()
        return method(self, *args, **kwargs)

    return touched


for _name, _method in vars(list).items():
    if callable(_method) and _name not in BLIND | {"count"}:
        setattr(LazyList, _name, _filled_first(_method))
