"""Whether a function of a project's own only computes is read from its bytecode."""

from typing import Any, ClassVar

import pytest

from drf_speedups.eligibility import StepAside
from drf_speedups.eligibility.own_code import check_computes


def keeps(value: Any, seen: list[Any] = []) -> Any:  # noqa: B006  (that is the point)
    """Say whether a value was there before."""
    seen.append(value)
    return seen.count(value)


def remembers(value: Any) -> Any:
    """Say so, too."""
    return remembers.seen.add(value)  # type: ignore[attr-defined]


def counting() -> Any:
    """Return a function that counts how often it is used."""
    times = 0

    def counts(value: Any) -> Any:
        nonlocal times
        times += 1
        return f"{times}. {value}"

    return counts


def sums(values: list[int]) -> int:
    """Only compute, with a variable that another function of its own changes."""
    total = 0

    def add(value: int) -> None:
        nonlocal total
        total += value

    for one in values:
        add(one)
    return total


class Keeps:
    """Methods that take what they are made of, and give it away."""

    error_messages: ClassVar[dict[str, str]] = {"wrong": "Wrong."}

    def alias(self) -> Any:
        return self.error_messages

    def change(self) -> Any:
        return self.error_messages.update(wrong="?")

    def read(self, name: str = "wrong") -> Any:
        return str(self.error_messages[name]) + ", ".join(self.error_messages.keys())


def plain(value: Any, most: int = 3, *, kind: type = str) -> Any:
    """Only compute."""
    return kind(value)[:most] if isinstance(value, str) else plain(str(value))


def test_a_function_that_keeps_something_between_its_uses_does_not_only_compute():
    of_self = frozenset({"error_messages"})
    for one in (keeps, remembers, counting(), Keeps.alias, Keeps.change):
        with pytest.raises(StepAside, match=r"can change|keeps something|may change|changes"):
            check_computes(one, of_self, Keeps)
    for one in (plain, sums, Keeps.read):
        check_computes(one, of_self, Keeps)


class Prefixed:
    """Leaves to others what stands before a value."""

    sign = "-"

    def prefix(self) -> str:
        return "none"

    def show(self, value: Any) -> str:
        return self.prefix() + self.sign + str(value)


class Looking(Prefixed):
    """Says it, and looks around for that."""

    def prefix(self) -> str:
        return str(self.context["request"].path)  # type: ignore[attr-defined]


class Computed(Prefixed):
    """Says the sign, by a property."""

    @property
    def sign(self) -> str:  # type: ignore[override]
        return "+"


class Above(Looking):
    """Asks the class above, by another name."""

    def show(self, value: Any) -> str:
        return super().prefix() + str(value)


class Kept(Looking):
    """Asks it later."""

    def show(self, value: Any) -> str:
        above: Any = super()
        return str(above.show(value) + above.prefix())


class Quiet(Prefixed):
    """Says it, and only computes."""

    sign = "+"

    def prefix(self) -> str:
        return super().prefix().upper()


@pytest.mark.parametrize("kind", [Looking, Computed, Above, Kept])
def test_what_a_method_calls_is_that_of_the_object_s_own_class(kind):
    with pytest.raises(StepAside, match=r"looks at its|keeps what it has"):
        check_computes(kind.show, frozenset(), kind)


@pytest.mark.parametrize("kind", [Prefixed, Quiet])
def test_methods_that_only_compute_may_call_one_another(kind):
    check_computes(kind.show, frozenset(), kind)
