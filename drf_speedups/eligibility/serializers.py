"""What is known of serializers, their fields, validators and parsers."""

import re
import uuid
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from django.core import validators
from django.utils import timezone
from django.utils.functional import Promise
from rest_framework import fields, parsers, relations, serializers
from rest_framework.fields import empty
from rest_framework.utils.formatting import lazy_format
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from drf_speedups.eligibility.members import (
    PYTHON_S,
    Role,
    check_members,
    function_of,
    own_members,
)
from drf_speedups.eligibility.own_code import check_computes, is_constant
from drf_speedups.eligibility.reasons import StepAside, named, unless

# Fields that look at nothing but their value and what they were made with.
FIELDS = frozenset(
    getattr(serializers, name)
    for name in ("BooleanField", "CharField", "EmailField", "RegexField", "SlugField", "URLField",
                 "DateField", "DateTimeField", "DecimalField", "DurationField", "FloatField",
                 "IntegerField", "BigIntegerField", "JSONField", "TimeField", "UUIDField")
    if hasattr(serializers, name)  # BigIntegerField came with 3.17
)  # fmt: skip
FRAMEWORK_S = frozenset(
    one for module in (fields, relations) for one in vars(module).values() if isinstance(one, type)
)
VALIDATORS = frozenset({
    validators.MaxLengthValidator, validators.MinLengthValidator, validators.MaxValueValidator,
    validators.MinValueValidator, validators.StepValueValidator, validators.DecimalValidator,
    validators.RegexValidator, validators.URLValidator, validators.EmailValidator,
    validators.ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator,
})  # fmt: skip
DEFAULTS: tuple[Any, ...] = (timezone.now, uuid.uuid1, uuid.uuid4, list, dict, str, int)
OF_A_FIELD = frozenset({  # what code of a field's own may look at
    "fail", "error_messages", "field_name", "source", "label", "help_text", "required",
    "read_only", "write_only", "allow_null", "allow_blank", "trim_whitespace", "max_length",
    "min_length", "max_value", "min_value", "max_digits", "decimal_places", "max_whole_digits",
    "format", "input_formats", "quantize", "validate_precision", "enforce_timezone",
    "to_internal_value", "to_representation",
})  # fmt: skip
OF_A_SERIALIZER = frozenset({"fail", "fields", "error_messages", "partial", "to_internal_value"})
OF_INPUT = frozenset({  # of a field: what has no part in showing a value
    "to_internal_value", "run_validation", "run_validators", "validate_empty_values", "get_value",
    "get_default", "get_initial", "get_validators", "validators", "default_error_messages",
    "default_validators", "default_empty_html", "initial", "fail", "__repr__",
    "get_queryset", "get_choices", "display_value", "iter_options",
})  # fmt: skip
OF_A_LIST = frozenset({  # what goes through the rows of a list, and finds them
    "to_representation", "data", "__init__", "bind", "__deepcopy__", "child", "get_attribute",
    "context", "root", "__getattribute__",
})  # fmt: skip
UNSHARED = ("_readable_fields", "_writable_fields")  # who goes through them gets shared fields

READING = frozenset({"to_representation", "data", "__iter__", "__getitem__"})
CONVERTING = frozenset({"to_internal_value"})
CHECKING = frozenset({"run_validation", "run_validators", "validate", "set_value", "get_initial",
                      "get_value", "_read_only_defaults"})  # fmt: skip
SAVING = frozenset({"save", "create", "update", "is_valid", "errors", "validated_data"})
NOT_RUN = frozenset({"__repr__", "__str__"})

SERIALIZER = Role(
    serializers.ModelSerializer,
    also=frozenset({serializers.HyperlinkedModelSerializer}),
    values=frozenset({
        "Meta", "_declared_fields", "default_error_messages", "serializer_field_mapping",
        "serializer_related_field", "serializer_related_to_field", "serializer_url_field",
        "serializer_choice_field", "url_field_name", "_creation_counter",
    }),
    prefixes=("validate_",),
)  # fmt: skip


def check_serializer(kind: Any, matters: frozenset[str]) -> None:
    """Raise `StepAside` if a serializer has own code for what matters, or for its fields."""
    beside = (READING | CONVERTING | CHECKING | SAVING | NOT_RUN) - matters
    if "validate" not in matters:
        beside |= {name for name in dir(kind) if name.startswith("validate_")}
    check_members(kind, SERIALIZER, beside)
    _check_meta(kind)
    if matters >= READING:
        own_list = getattr(kind.Meta, "list_serializer_class", serializers.ListSerializer)
        unless(own_list is serializers.ListSerializer, "lists have a serializer of their own")


def check_list(kind: Any) -> None:
    """Raise `StepAside` unless a list serializer of this class goes through its rows as stock."""
    known = frozenset(serializers.ListSerializer.__mro__)
    own = [name for _, name, _ in own_members(kind, known) if name in OF_A_LIST]
    unless(not own, f"{kind.__name__} has its own {own}")


def _check_meta(kind: Any) -> None:
    """Raise `StepAside` if what a serializer class says of its fields is computed."""
    for one in getattr(getattr(kind, "Meta", None), "__mro__", ())[:-1]:
        unless(type(one) is type, f"{kind.__name__}.Meta has a metaclass of its own")
        for name, member in vars(one).items():
            computed = name not in PYTHON_S and hasattr(type(member), "__get__")
            unless(not computed, f"{kind.__name__}.Meta.{name} is computed")


def check_conversion(kind: Any) -> None:
    """Raise `StepAside` if a serializer's `to_internal_value` does more than compute."""
    for _, name, member in own_members(kind, SERIALIZER.known()):
        if name == "to_internal_value":
            check_computes(member, OF_A_SERIALIZER, kind)


class OfFields:
    """Whether a serializer class still says the same of its fields: some projects change that.

    Asking costs a comparison of the same objects.
    """

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._meta = getattr(kind, "Meta", None)
        said = [vars(one) for one in getattr(self._meta, "__mro__", ()) if one is not object]
        said += [one for one in (getattr(kind, "_declared_fields", None),) if one is not None]
        self._seen = [(one, {name: _copy(value) for name, value in one.items()}) for one in said]

    def __bool__(self) -> bool:
        same = getattr(self._kind, "Meta", None) is self._meta
        return same and all(now == seen for now, seen in self._seen)


def _copy(value: Any) -> Any:
    """Return a copy of what may be changed in its place."""
    if isinstance(value, dict):
        return {key: _copy(one) for key, one in value.items()}
    return [*value] if isinstance(value, list) else value


def check_shareable(kind: Any, fields: Mapping[str, Any]) -> None:
    """Raise `StepAside` with the reason why serializers of a class cannot share their fields."""
    for owner, _, member in own_members(kind, SERIALIZER.known()):
        words = getattr(getattr(member, "__code__", None), "co_names", ())
        unless(not set(UNSHARED).intersection(words), f"{owner.__name__} looks at all its fields")
    for field in fields.values():
        check_field(field)


def check_field(field: Any) -> None:
    """Raise `StepAside` unless a field computes from its value, and nothing in it can change."""
    known = field_class(field)
    for kind, name, member in own_members(type(field), frozenset(known.__mro__)):
        if name in {"to_internal_value", "to_representation"}:
            check_computes(member, OF_A_FIELD, type(field))
        elif hasattr(serializers.Field, name) or hasattr(known, name):
            unless(_frozen(member), f"{kind.__name__}.{name} is its own")
    name = field.field_name
    unless("." not in field.source and field.source != "*", f"{name} has another source")
    _check_default(name, field.default)
    for validator in field.validators:
        check_validator(name, validator)
    for attribute, value in vars(field).items():
        if attribute not in {"_args", "_kwargs", "parent", "default", "_validators"}:
            unless(_frozen(value) or callable(value), f"{name} has a {attribute} that can change")


def check_shown(field: Any) -> Any:
    """Return the framework's class whose code shows a field's value. Raises `StepAside`."""
    known = field_class(field)
    for owner, name, _ in own_members(type(field), frozenset(known.__mro__)):
        shows = hasattr(known, name) and name not in OF_INPUT
        unless(not shows, f"{owner.__name__}.{name} is its own")
    return known


def check_field_code(kind: Any) -> None:
    """Raise `StepAside` if a field's class, be it one with relations, looks at more than values."""
    known = frozenset(one for one in kind.__mro__ if one in FRAMEWORK_S)
    for owner, name, member in own_members(kind, known):
        if type(function_of(member)) is FunctionType:
            check_computes(function_of(member), OF_A_FIELD, kind)
        elif hasattr(serializers.Field, name):
            unless(_frozen(member), f"{owner.__name__}.{name} is its own")


def field_class(field: Any) -> Any:
    """Return the framework's class that a field is one of. Raises `StepAside`."""
    for kind in type(field).__mro__:
        if kind in FIELDS:
            return kind
    raise StepAside(f"{field.field_name} is a {named(field)}")


def _check_default(name: str, default: Any) -> None:
    if _atom(default) or any(default is one for one in DEFAULTS):
        return
    looking = getattr(default, "requires_context", False)
    unless(not looking, f"{name} has a default that looks at the request")
    unless(callable(default), f"{name} has a default that can change: give a function")
    check_computes(default)


def check_validator(name: str, validator: Any) -> None:
    """Raise `StepAside` unless a validator looks at nothing but the value."""
    looking = getattr(validator, "requires_context", False)
    unless(not looking, f"{name} has a validator that looks at the row or the request")
    if type(validator) in VALIDATORS:
        for key, value in vars(validator).items():
            calls = callable(value) and key in {"limit_value", "compare", "clean"}
            unless(not calls, f"{name} has a validator with a limit that is computed")
            unless(_frozen(value), f"{name} has a validator whose {key} can change")
    else:
        check_computes(validator)


def unremembering(fields: Any) -> None:
    """Let shared messages be written anew each time: the framework's keep the first language."""
    for field in fields:
        for validator in field.validators:
            message: Any = getattr(validator, "message", None)
            if type(message) is lazy_format:
                validator.message = Formatted(message)


class Formatted:
    """A message that is formatted in the language of whoever reads it."""

    __slots__ = ("_again",)

    def __init__(self, lazy: Any) -> None:
        unless(lazy.result is None, "a message is written already")
        text, args, kwargs = lazy.format_string, lazy.args, lazy.kwargs
        self._again: Callable[[], Any] = lambda: text.format(*args, **kwargs)

    def __str__(self) -> str:
        return str(self._again())

    def __mod__(self, value: Any) -> str:
        return str.__mod__(str(self), value)


def _atom(value: Any) -> bool:
    return value is empty or is_constant(value)


def _frozen(value: Any) -> bool:
    """Tell whether nobody can change a value; lists and dictionaries of the framework's count."""
    if isinstance(value, Mapping):
        return all(map(_frozen, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_frozen, value))
    return _atom(value) or isinstance(value, lazy_format | Formatted | Promise | re.Pattern)


def check_parser(parser: Any) -> None:
    """Raise `StepAside` unless a parser does the same in front of Django, and a second time."""
    known = frozenset({*parsers.JSONParser.__mro__})
    for kind, name, member in own_members(type(parser), known):
        if name == "parse":
            check_computes(member, frozenset({"media_type", "renderer_class"}), type(parser))
        elif hasattr(parsers.JSONParser, name):
            unless(
                _frozen(member) or isinstance(member, type), f"{kind.__name__}.{name} is its own"
            )
