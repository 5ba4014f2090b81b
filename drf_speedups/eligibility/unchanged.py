"""Whether classes still have the code that was looked at."""

import functools
import time
from collections.abc import Iterable
from itertools import chain
from operator import is_
from typing import Any

from drf_speedups.eligibility.members import PYTHON_S, is_code, is_framework_s, is_genuine

LOOK = 1.0  # seconds
_nothing = object()


class Unchanged:
    """Whether classes still have the code that was looked at: tests put other in its place.

    Looks at a project's own classes, whose values may change: whoever uses one reads it. Asking
    costs a comparison of the same objects. What packages change of the frameworks' classes later
    than at the start is seen within `LOOK` seconds, but for what is `run` as ever.
    """

    def __init__(self, classes: Iterable[Any], run: frozenset[str] = frozenset()) -> None:
        bases = {base for one in classes for base in getattr(one, "__mro__", ())} - {object}
        frameworks = {*filter(is_framework_s, bases)}
        self._frameworks, self._ignored = [*map(_before, frameworks)], PYTHON_S | run
        self._same, self._again_at = True, time.monotonic() + LOOK
        self._seen = {one: dict(vars(one)) for one in bases - frameworks}
        self._now = [*map(vars, self._seen)]
        self._keep()

    def __bool__(self) -> bool:
        now = time.monotonic()
        if now >= self._again_at:
            self._again_at = now + LOOK
            self._same = all(one.is_same(self._ignored) for one in self._frameworks)
        return self._same and (not self._now or self._have_same())

    def look(self) -> bool:
        """Tell it of this moment: what is kept for longer was made by the same code."""
        self._again_at = 0.0
        return bool(self)

    def _have_same(self) -> bool:
        # By identity: a proxy says that it equals what it stands before.
        found = chain.from_iterable([members.values() for members in self._now])
        if sum(map(len, self._now)) == len(self._members) and all(map(is_, found, self._members)):
            return True
        same = [self._is_same(one) for one in self._seen]
        self._keep()
        return all(same)

    def _keep(self) -> None:
        self._members = [*chain.from_iterable(seen.values() for seen in self._seen.values())]

    def _is_same(self, kind: type) -> bool:
        """Look again, at code only."""
        now, before = dict(vars(kind)), self._seen[kind]
        names = (now.keys() | before.keys()) - PYTHON_S
        pairs = [(now.get(name, _nothing), before.get(name, _nothing)) for name in names]
        changed = any(one is not other and (is_code(one) or is_code(other))
                      for one, other in pairs)  # fmt: skip
        if not changed:
            self._seen[kind] = now
        return not changed


class _Before:
    """What a framework's class had when it was first looked at; one for each class."""

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self._members = dict(vars(kind))

    def is_same(self, ignored: frozenset[str]) -> bool:
        """Tell whether it still has that code, or other that is as genuine."""
        now, before = vars(self._kind), self._members
        if len(now) == len(before) and all(map(is_, now.values(), before.values())):
            return True
        names = (now.keys() | before.keys()) - ignored
        return all(self._is_as_good(now.get(one), before.get(one)) for one in names)

    def _is_as_good(self, member: Any, before: Any) -> bool:
        if member is before or not (is_code(member) or is_code(before)):
            return True
        return is_code(member) and is_genuine(self._kind, member)


_before = functools.cache(_Before)
forget = _before.cache_clear
