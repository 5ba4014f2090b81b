"""Code of a project's own that may run where the framework's would, because nobody can tell.

A field's conversion, a validator, a parser: the pieces run them too, but with a shared field, in
front of Django, a second time before the framework says what is wrong. That is the same if the code
computes from its arguments and from settings that never change, and changes nothing. Whether it
does is read from its bytecode: everything that it names has to be known.
"""

import builtins
import codecs
import datetime
import decimal
import dis
import functools
import heapq
import html
import itertools
import json
import math
import operator
import re
import string
import sys
import types
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import django.utils.encoding
import django.utils.html
import django.utils.http
import django.utils.text
import django.utils.timezone
import django.utils.translation
from django.conf import LazySettings
from django.utils.functional import Promise, SimpleLazyObject

from drf_speedups.eligibility.members import is_framework_s
from drf_speedups.eligibility.reasons import StepAside

LIBRARIES = (
    codecs, datetime, decimal, heapq, html, itertools, json, math,
    operator, re, string, unicodedata, uuid,
    django.utils.encoding, django.utils.html, django.utils.http, django.utils.text,
    django.utils.timezone, django.utils.translation,
)  # fmt: skip
NOT_OF_LIBRARIES = {"open", "activate", "deactivate", "deactivate_all", "override", "register"}
BUILTINS = frozenset(
    getattr(builtins, name)
    for name in ("abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr", "dict",
                 "divmod", "enumerate", "filter", "float", "frozenset", "hash", "hex", "int",
                 "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next",
                 "oct", "ord", "pow", "range", "repr", "reversed", "round", "set", "slice",
                 "sorted", "str", "sum", "tuple", "type", "zip")
)  # fmt: skip
CONSTANT = (
    str, bytes, int, float, complex, type(None), type(...), decimal.Decimal, re.Pattern, uuid.UUID,
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, Promise, json.JSONDecoder,
    LazySettings,
)  # fmt: skip
SETTINGS = "rest_framework.settings"  # whoever has one of its objects has imported it
# Their EMPTY_VALUES have lists in them that nobody fills.
OF_EMPTY_VALUES = "django.core.validators", "django_filters.constants"
CHANGES = {"STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_SUBSCR",
           "DELETE_SUBSCR", "IMPORT_NAME", "IMPORT_FROM"}  # fmt: skip
OF_A_VARIABLE = re.compile("(?:LOAD|STORE)_FAST")
STORES = {"STORE_FAST", "STORE_DEREF", "STORE_NAME", "RETURN_VALUE"}
LOOKS = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD"}
# Containers that are shared, too, and the methods that hand nothing out that can be changed.
READ_ONLY = {"fields": {"keys"}, "error_messages": {"keys", "get", "items", "values", "copy"}}
# What is different for a shared field and in front of Django, by whatever way it is reached.
OF_ONE_USE = frozenset({
    "context", "parent", "root", "instance", "initial_data", "request", "view", "get_object",
    "_context", "_request", "__dict__", "__class__", "__setattr__",
})  # fmt: skip


def check_computes(function: Any, of_self: frozenset[str] = frozenset(), kind: Any = None) -> None:
    """Raise `StepAside` unless a function only computes.

    `of_self` are the attributes of its first argument that it may look at; other methods of that
    one's class `kind`, and of the classes that it has them from, may be called if they only
    compute, too.
    """
    _Reading(of_self, kind).read(function)


class _Reading:
    """What has been read already, so that functions may call each other."""

    def __init__(self, of_self: frozenset[str], kind: Any) -> None:
        self.of_self = of_self
        self.classes: tuple[Any, ...] = getattr(kind, "__mro__", ())
        self.seen: set[Any] = set()

    def members(self, name: str) -> list[tuple[Any, Any]]:
        """Return all that may be meant by a name, and whose it is: others call it by `super`."""
        return [(one, vars(one)[name]) for one in self.classes if name in vars(one)]

    def read(self, function: Any) -> None:
        if type(function) is functools._lru_cache_wrapper:
            function = function.__wrapped__
        if type(function) is not types.FunctionType:
            raise StepAside(f"{function!r} is no plain function")
        kept = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        if not all(is_constant(one) or is_harmless(one) for one in kept):
            raise StepAside(f"{function.__qualname__} has a default that can change")
        if function in self.seen:
            return
        self.seen.add(function)
        _Code(self, function).check(function.__code__)


class _Step(NamedTuple):
    """One instruction."""

    opname: str
    argval: Any


def _steps(code: types.CodeType) -> Iterator[_Step]:
    """Yield the instructions; one that is two, as Python 3.13 has LOAD_FAST_LOAD_FAST, as two."""
    for one in dis.get_instructions(code):
        if one.opname in {"CACHE", "NOP"}:
            continue
        halves = OF_A_VARIABLE.findall(one.opname)
        if len(halves) == 2:
            yield from map(_Step, halves, one.argval)
        else:
            yield _Step(one.opname, one.argval)


class _Code:
    """One function's code."""

    def __init__(self, reading: _Reading, function: types.FunctionType) -> None:
        self.reading = reading
        self.function = function
        self.name = function.__qualname__
        code = function.__code__
        named = reading.members(code.co_name)
        bound = code.co_argcount and any(one is function for _, one in named)
        self.self = code.co_varnames[0] if bound else None

    def check(self, code: types.CodeType) -> None:
        steps = [*_steps(code)]
        for at, step in enumerate(steps):
            if step.opname != "STORE_SUBSCR" or not self._is_local(steps[:at]):
                after, then = [*steps[at + 1 : at + 3], None, None][:2]
                self._check_step(step, after, then)
            if step.opname == "LOAD_GLOBAL" and step.argval == "super":
                self._check_super(steps[at + 1 :])
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.check(constant)
            elif isinstance(constant, str) and constant in OF_ONE_USE:
                self._refuse(f"names {constant!r}")

    def _is_local(self, steps: list[Any]) -> bool:
        """Tell whether the item that is set next is one of a variable of the code's own."""
        while steps and steps[-1].opname == "LOAD_ATTR":  # of the key
            steps = steps[:-1]
        container: Any = steps[-2] if len(steps) > 1 else None
        is_variable = container is not None and container.opname.startswith("LOAD_FAST")
        return bool(is_variable and container.argval != self.self)

    def _check_step(self, step: Any, after: Any, then: Any) -> None:
        if step.opname in CHANGES:
            self._refuse(f"changes something ({step.argval})")
        if step.opname == "STORE_DEREF" and step.argval in self.function.__code__.co_freevars:
            self._refuse(f"changes something ({step.argval})")  # of a function around it
        if step.opname in LOOKS and step.argval in OF_ONE_USE - self.reading.of_self:
            self._refuse(f"looks at its {step.argval}")
        if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            self._check_global(step.argval, after)
        elif step.opname == "LOAD_DEREF" and step.argval not in {self.self, "__class__"}:
            self._check_free(step.argval)
        if self.self is not None and step.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
            self._check_self(step, after, then)

    def _check_self(self, step: Any, after: Any, then: Any) -> None:
        """Refuse to let the object itself out of the code's hands."""
        if step.argval != self.self:
            return
        if after is not None and after.opname in CHANGES:
            self._refuse(f"changes its {after.argval}")
        if after is None or after.opname not in LOOKS:
            self._refuse("hands itself on")
        name = after.argval
        if name in READ_ONLY and then is not None and not _reads(name, then):
            self._refuse(f"may change its {name}")
        if name in self.reading.of_self or after.opname.startswith("LOAD_SUPER"):
            return
        found = self.reading.members(name)
        if not found:
            self._refuse(f"looks at its {name}")
        for _, member in found:
            self._check_member(name, member)

    def _check_super(self, steps: list[_Step]) -> None:
        """Look at what a class has of others, be it the framework's or the project's own."""
        used = next((one for one in steps if one.opname in LOOKS | STORES), None)
        if used is None or used.opname in STORES:
            self._refuse("keeps what it has of others")
        elif used.argval not in self.reading.of_self:
            for owner, member in self.reading.members(used.argval):
                if not is_framework_s(owner):
                    self._check_member(used.argval, member)

    def _check_member(self, name: str, member: Any) -> None:
        if type(member) is types.FunctionType:
            self.reading.read(member)
        elif not is_constant(member) or member is None:
            self._refuse(f"looks at its {name}")

    def _check_global(self, name: str, after: Any) -> None:
        known = vars(builtins)
        if name in self.function.__globals__:
            self._check_value(name, self.function.__globals__[name], after)
        elif name != "super" and known.get(name) not in BUILTINS and not _is_error(known.get(name)):
            self._refuse(f"uses {name}")

    def _check_free(self, name: str) -> None:
        cells = dict(
            zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True)
        )
        if name in cells:  # else it is a variable of the function around a comprehension
            self._check_value(name, cells[name].cell_contents, None)

    def _check_value(self, name: str, value: Any, after: Any) -> None:
        if isinstance(value, types.ModuleType):
            inner = after.argval if after is not None else None
            found = getattr(value, inner, None) if isinstance(inner, str) else None
            if found is None or isinstance(found, types.ModuleType):
                self._refuse(f"uses the module {name}")
            if value in LIBRARIES and inner not in NOT_OF_LIBRARIES:
                return
            name, value = f"{name}.{inner}", found
        if is_harmless(value):
            return
        if type(value) in {types.FunctionType, functools._lru_cache_wrapper}:
            if after is not None and after.opname in LOOKS:
                self._refuse(f"keeps something at {name}")
            self.reading.read(value)
            return
        self._refuse(f"uses {name}")

    def _refuse(self, what: str) -> None:
        raise StepAside(f"{self.name} {what}")


def _reads(name: str, step: _Step) -> bool:
    """Tell whether the next step takes names or texts out of a container, and no more."""
    if step.opname in LOOKS:
        return step.argval in READ_ONLY[name]
    a_text = name == "error_messages" and step.opname.startswith("LOAD_")  # the key of one
    return a_text or step.opname in {"PRECALL", "CALL", "CONTAINS_OP", "GET_ITER"}


def is_constant(value: Any) -> bool:
    """Tell whether a value can never change; a proxy of one says that it were of its class."""
    if isinstance(value, tuple | frozenset):
        return _is_empty_values(value) or all(map(is_constant, value))
    kind = value.__class__ if type(value) is SimpleLazyObject else type(value)
    return issubclass(kind, (*_constant(), type))


def _constant() -> tuple[type, ...]:
    framework_s = getattr(sys.modules.get(SETTINGS), "APISettings", None)  # which may be under way
    return (*CONSTANT, framework_s) if framework_s else CONSTANT


def _is_empty_values(value: Any) -> bool:
    modules = map(sys.modules.get, OF_EMPTY_VALUES)
    return any(value is getattr(one, "EMPTY_VALUES", None) for one in modules)


def is_harmless(value: Any) -> bool:
    """Tell whether whoever uses a value, or calls it, changes nothing and learns nothing."""
    if issubclass(type(value), type):
        return value in BUILTINS or _is_error(value) or issubclass(value, _constant())
    if type(value) is types.BuiltinFunctionType:
        owner = getattr(value, "__self__", None)
        return value in BUILTINS or owner in LIBRARIES or is_harmless(owner)
    if type(value) is types.FunctionType:
        return any(value.__globals__ is vars(one) for one in LIBRARIES)
    if type(value) is functools._lru_cache_wrapper:
        return is_harmless(value.__wrapped__)
    return is_constant(value)


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)
