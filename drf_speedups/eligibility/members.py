"""Whose code a class runs, told by identity.

A function is the framework's if it *is* the one in the framework's class, compiled from the source
of that class's module. Its name and `__module__` say nothing: `functools.wraps` copies both.
"""

import contextlib
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial, partialmethod
from itertools import chain
from operator import attrgetter, is_, is_not
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any, NamedTuple

from django.utils.asyncio import async_unsafe

from drf_speedups.eligibility.reasons import StepAside

# What Python itself writes into every class.
PYTHON_S = frozenset({
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__",
    "__annotate__", "__annotate_func__", "__annotations_cache__", "__slots__",
    "__slotnames__",
    "__static_attributes__", "__firstlineno__", "__orig_bases__", "__parameters__",
    "__type_params__", "__classcell__", "__abstractmethods__", "_abc_impl", "__class_getitem__",
})  # fmt: skip


OF_FRAMEWORKS = {"django", "rest_framework", "django_filters", "drf_speedups"}
FRAMEWORKS = OF_FRAMEWORKS | sys.stdlib_module_names
USED_BY_FRAMEWORKS = FRAMEWORKS | {"asgiref", "psycopg"}
_nothing = object()
WITHIN = ("fget", "func", "__func__")  # where a property, a class method and the like have theirs
PIECES: set[type] = set()  # our own mixins: their code is known wherever they stand
MOST_CLASSES = 4096  # that are known at a time: some projects make some for each request
MOST_SEEN = 1024  # classes; the frameworks have a tenth of them on the way of a request
CODE = attrgetter("__code__")
_seen: dict[type, "Seen"] = {}
STAND_INS: set[Any] = set()  # our functions in the place of the framework's, which do the same


def piece(mixin: type) -> type:
    """Count a mixin among what is known; a decorator."""
    PIECES.add(mixin)
    return mixin


# The code of the functions that decorators of Django's methods put around them.
decorators: tuple[Any, ...] = (async_unsafe(""), contextlib.contextmanager)
DECORATORS = {around(lambda: None).__code__ for around in decorators}


@dataclass(frozen=True)
class Role:
    """What one kind of thing does on the way of a request, and what is known of it.

    Whatever is found in a class of this role and stands in none of these makes a piece step aside.
    """

    base: type  # whose behaviour the pieces have
    also: frozenset[type] = frozenset()  # other classes whose code is known
    values: frozenset[str] = frozenset()  # attributes that are looked at or do not matter
    run: frozenset[str] = frozenset()  # methods that are run as ever, whoever wrote them
    asked_for: frozenset[str] = frozenset()  # looked up by the framework though `base` has none
    prefixes: tuple[str, ...] = field(default=())  # the same for names that are put together

    def known(self) -> frozenset[type]:
        """Return the classes whose own code is known."""
        return self.also.union(self.base.__mro__)

    def is_asked_for(self, name: str) -> bool:
        """Tell whether anybody but the project's own code looks for an attribute of this name."""
        special = name.startswith("__") and name.endswith("__")
        return (
            special
            or hasattr(self.base, name)
            or name in self.asked_for
            or name.startswith(self.prefixes)
        )


def check_members(subject: type, role: Role, ignored: frozenset[str] = frozenset()) -> None:
    """Raise `StepAside` if a class has code of its own that somebody runs and no piece knows.

    `ignored` are methods that are not on the way.
    """
    if type(subject) is not type(role.base):
        raise StepAside(f"{subject.__name__} has a metaclass of its own")
    for kind, name, member in own_members(subject, role.known()):
        if name in ignored or name in role.run or not role.is_asked_for(name):
            continue
        if name in role.values:
            if hasattr(type(member), "__get__"):
                raise StepAside(f"{kind.__name__}.{name} is computed: give it a plain value")
            continue
        raise StepAside(f"{kind.__name__}.{name} is its own")


def own_members(subject: type, known: frozenset[type]) -> Iterator[tuple[type, str, Any]]:
    """Yield what is not known of a class and its bases: the class, the name, what it is."""
    known = frozenset(filter(_calls_itself_framework_s, known))  # not bases that somebody added
    for kind in subject.__mro__:
        ours = kind in known or kind in PIECES
        if kind is object or (ours and _is_as_seen(kind)):
            continue
        for name, member in vars(kind).items():
            if name in PYTHON_S:
                continue
            owner = kind if ours else _lender(name, member, known)
            if owner is None or not is_genuine(owner, member):
                yield kind, name, member


class Seen(NamedTuple):
    """All that was in a class when nothing in it was anybody else's."""

    module: Any
    members: tuple[Any, ...]
    functions: tuple[FunctionType, ...]
    codes: tuple[Any, ...]  # of these functions, which somebody may exchange


def _is_as_seen(kind: type) -> bool:
    """Tell whether a framework's class has what its own source defines, as it had before.

    Asking again costs a comparison of the same objects: all classes are looked at often.
    """
    seen, members = _seen.get(kind), vars(kind).values()
    if (
        seen is not None
        and sys.modules.get(kind.__module__) is seen.module
        and len(members) == len(seen.members)
        and all(map(is_, map(CODE, seen.functions), seen.codes))
    ):
        if all(map(is_, members, seen.members)):
            return True
        others = (pair for pair in zip(members, seen.members, strict=True) if is_not(*pair))
        if not any(map(is_code, chain.from_iterable(others))):
            _seen[kind] = seen._replace(members=tuple(members))  # as fields count those made
            return True
    found = {name: member for name, member in vars(kind).items() if name not in PYTHON_S}
    functions = tuple(one for one in map(function_of, found.values()) if type(one) is FunctionType)
    # A stand-in may be taken back.
    settled = STAND_INS.isdisjoint(functions) and all(
        is_genuine(kind, member) for member in found.values()
    )
    if settled:
        if len(_seen) >= MOST_SEEN:
            _seen.clear()
        module = sys.modules[kind.__module__]
        _seen[kind] = Seen(module, tuple(members), functions, tuple(map(CODE, functions)))
    return settled


def is_code(member: Any) -> bool:
    """Tell whether a member of a class is, or runs, code."""
    return callable(member) or hasattr(type(member), "__get__")


def is_framework_s(kind: type) -> bool:
    """Tell whether a class is one of a framework's modules, and not only made by its code."""
    there = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
    return there is kind and _calls_itself_framework_s(kind)


def _calls_itself_framework_s(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in FRAMEWORKS


def _lender(name: str, member: Any, known: frozenset[type]) -> type | None:
    """Return the framework's class whose own member another class has taken over."""
    return next((one for one in known if vars(one).get(name, _nothing) is member), None)


def is_genuine(kind: type, member: Any) -> bool:
    """Tell whether a member of a framework's class is what the class's own source defines.

    Values count as genuine: whoever depends on one looks at it.
    """
    if is_proxy(member) or any(is_proxy(getattr(member, name, None)) for name in WITHIN):
        return False
    code = function_of(member)
    if isinstance(code, FunctionType):
        if code in STAND_INS:
            return True
        code = _undecorated(code)
        source = vars(sys.modules[kind.__module__])
        within = code.__code__.co_qualname.startswith(f"{kind.__qualname__}.")
        compared = code.__globals__ is vars(functools)  # by total_ordering
        compiled = within and is_compiled(code.__code__, kind.__module__)
        return (code.__globals__ is source and compiled) or compared
    if not callable(code):  # a value, unless looking at it runs code
        return not hasattr(type(code), "__get__") or _calls_itself_framework_s(type(code))
    return isinstance(code, type) or type(code) is type(len)


def is_compiled(code: CodeType, module: str) -> bool:
    """Tell whether a module's source has this code: packages put other code into a function."""
    codes = _compiled(module)
    return not codes or _digest(code) in codes


@functools.cache
def _compiled(module: str) -> frozenset[int]:
    """Return what tells the code in a module's source, nothing where that is not at hand."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    try:
        found = [spec.loader.get_code(module)]  # type: ignore[union-attr]
    except Exception:  # noqa: BLE001  (loaders raise what they like)
        found = []
    codes = [one for one in found if one is not None]
    for code in codes:
        codes += [one for one in code.co_consts if isinstance(one, CodeType)]
    return frozenset(map(_digest, codes))


def _digest(code: CodeType) -> int:
    return hash((code.co_qualname, code.co_code, code.co_names))


def check_globals(*modules: Any) -> None:
    """Raise `StepAside` if somebody has put a function or class of his own into a module.

    The framework's own code, unchanged as it is, then uses that.
    """
    for module in modules:
        for name, value in vars(module).items():
            if callable(value) and not _is_known(value):
                raise StepAside(f"{module.__name__}.{name} is somebody's own")


def _is_known(value: Any) -> bool:
    code = function_of(value)
    if type(code) is FunctionType:
        where = code.__globals__.get("__name__", "")
    else:  # an object that can be called is somebody's, whatever class of Python's it has
        plain = isinstance(code, type | BuiltinFunctionType)
        where = (code.__module__ or "builtins") if plain else "an object"
    return not is_proxy(value) and where.partition(".")[0] in USED_BY_FRAMEWORKS


def is_proxy(value: Any) -> bool:
    """Tell whether something stands before code and says that it were of the code's class.

    What `wrapt` puts around a function, as packages that watch or guard an application do, has its
    code, its module and its name, and equals it.
    """
    return callable(value) and value.__class__ is not type(value)


def _undecorated(function: Any) -> Any:
    """Return the method below the decorators that Django puts around its own."""
    while function.__code__ in DECORATORS:
        cells = zip(function.__code__.co_freevars, function.__closure__, strict=True)
        function = next(cell.cell_contents for name, cell in cells if name == "func")
    return function


def function_of(member: Any) -> Any:
    """Return the function in a property, a class method and the like; else the member."""
    if type(member) is FunctionType or is_proxy(member):
        return member  # whatever it says of another one
    if isinstance(member, partial | partialmethod):
        return member.func
    within = (getattr(member, name, None) for name in WITHIN)
    return next((one for one in within if type(one) is FunctionType), member)
