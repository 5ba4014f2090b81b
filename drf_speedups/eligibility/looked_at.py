"""What classes were found to be, looked at once; forgotten where a test changes a setting."""

import functools
from collections.abc import Callable
from typing import Any

from django.db.models.signals import ModelSignal

from drf_speedups.eligibility.members import MOST_CLASSES, own_members
from drf_speedups.eligibility.models import Silence
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.unchanged import Unchanged
from drf_speedups.eligibility.unchanged import forget as forget_code


def once(check: Callable[..., None], *subject: Any) -> None:
    """Check what does not change; raise `StepAside` each time if it is refused, or has changed."""
    refusal = _refusal(check, *subject)
    if refusal is not None:
        raise refusal.with_traceback(None)
    unless(unchanged(*subject), "a class was changed meanwhile")


@functools.lru_cache(MOST_CLASSES)
def _refusal(check: Callable[..., None], *subject: Any) -> StepAside | None:
    try:
        check(*subject)
    except StepAside as reason:
        return reason
    return None


@functools.lru_cache(MOST_CLASSES)
def unchanged(*subject: Any) -> Unchanged:
    """Return what tells whether classes have the code that they had when they were looked at."""
    return Unchanged(one for one in subject if isinstance(one, type))


def own_code(kind: Any, base: Any) -> frozenset[str]:
    """Return the names of what a class has that its base's own classes do not define."""
    return _own_code(kind, base) if unchanged(kind) else _found(kind, base)


def _found(kind: Any, base: Any) -> frozenset[str]:
    return frozenset(name for _, name, _ in own_members(kind, frozenset(base.__mro__)))


_own_code = functools.lru_cache(MOST_CLASSES)(_found)


@functools.lru_cache(MOST_CLASSES)
def silence(model: Any, heard: tuple[ModelSignal, ...]) -> Silence:
    return Silence(model, heard)


def forget() -> None:
    """Let all classes be looked at anew."""
    for known in (_refusal, unchanged, _own_code, silence):
        known.cache_clear()
    forget_code()
