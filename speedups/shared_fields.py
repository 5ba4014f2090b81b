"""Serializer fields built once per class instead of once per request.

Building and binding the fields of a `ModelSerializer` costs several times what using them costs.
Plain fields keep no state between uses, so requests and threads may share them. Fields and
validators that look at the request, the instance or the context make their class step aside; a
serializer whose fields are changed gets its own.
"""

from functools import cached_property
from typing import Any

from rest_framework import serializers
from rest_framework.fields import Field
from rest_framework.utils.serializer_helpers import BindingDict

from speedups.plain import check_mentions, check_stateless
from speedups.stepping_aside import StepAside, stock, unless, wanted

# Fields that look at nothing but their value; subclasses of them that define `to_internal_value`
# only are taken for such fields, too.
SHAREABLE = (
    serializers.BooleanField, serializers.CharField, serializers.DateField,
    serializers.DateTimeField, serializers.DecimalField, serializers.DurationField,
    serializers.FloatField, serializers.IntegerField, serializers.JSONField,
    serializers.TimeField, serializers.UUIDField,
)  # fmt: skip
OWN_FIELDS: Any = serializers.Serializer.__dict__["fields"].func
OF_A_FIELD = (
    "bind",
    "get_attribute",
    "get_default",
    "get_value",
    "run_validation",
    "to_representation",
)
OF_A_SERIALIZER = (
    "__init__", "__new__", "build_field", "build_nested_field", "build_property_field",
    "build_relational_field", "build_standard_field", "build_unknown_field", "build_url_field",
    "get_default_field_names", "get_extra_kwargs", "get_field_names", "get_fields",
    "get_uniqueness_extra_kwargs", "get_validators", "include_extra_kwargs",
)  # fmt: skip
OF_ONE_USE = ("context", "parent", "root", "instance")  # what a shared field cannot look at

_shared: dict[tuple[type, bool], Any] = {}


class SharedFields:
    """Mixin for a `ModelSerializer`; goes before it in the list of bases."""

    @cached_property
    def fields(self: Any) -> Any:
        """Return the fields of the class, or this instance's own where sharing is not safe."""
        # Fields ask their root whether it is partial.
        key = (type(self), bool(getattr(self.root, "partial", False)))
        if key not in _shared:
            _shared[key] = _built(*key)
        shared = _shared[key]
        if shared is None:
            return OWN_FIELDS(self)
        return Fields(self, shared)


class Fields(BindingDict):
    """The shared fields as one serializer sees them: before they change it gets its own.

    Asking for a field by its name counts as a change: the next step may be `.required = False`.
    """

    def __init__(self, serializer: Any, shared: dict[str, Any]) -> None:
        self.serializer = serializer
        self.fields = shared
        self.shared = True

    def values(self) -> Any:
        """Return all fields."""
        return self.fields.values()

    def items(self) -> Any:
        """Return all names and fields."""
        return self.fields.items()

    def __getitem__(self, key: str) -> Any:
        self._take_own()
        return super().__getitem__(key)

    def __setitem__(self, key: str, field: Any) -> None:
        self._take_own()
        super().__setitem__(key, field)

    def __delitem__(self, key: str) -> None:
        self._take_own()
        super().__delitem__(key)

    def _take_own(self) -> None:
        if self.shared:
            self.fields = OWN_FIELDS(self.serializer).fields
            self.shared = False


class _Kept:
    """A shared field's first base: what changes it for one serializer would change it for all."""

    field_name: str

    def __setattr__(self, name: str, value: Any) -> None:
        if "kept" in self.__dict__:
            raise TypeError(
                f"the field {self.field_name} is shared by all serializers of its class and cannot "
                f"get another {name} for one: ask for it by its name, or leave SharedFields out"
            )
        super().__setattr__(name, value)


class _NoContext:
    """The context of shared fields: looking at it is an error, not an empty answer."""

    def __getitem__(self, name: str, *_default: Any) -> Any:
        raise TypeError(f"a shared field looks at {name} in its context: leave SharedFields out")

    get = __contains__ = __getitem__


def _built(serializer_class: Any, partial: bool) -> dict[str, Any] | None:
    """Return the fields of an instance that serves all others; None if they cannot be shared."""
    try:
        check_own_fields(serializer_class)
        template = serializer_class(partial=partial)
        fields = template.__dict__["fields"] = OWN_FIELDS(template)
        check_shareable(serializer_class, fields)
    except StepAside:
        return None
    template._context = _NoContext()
    for field in fields.values():
        field.__class__ = _kept(type(field))
        field.__dict__["kept"] = True
    kept: dict[str, Any] = fields.fields
    return kept


def _kept(kind: type) -> type:
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind.__name__, (_Kept, kind), named)


def check_own_fields(serializer_class: type) -> None:
    """Raise `StepAside` with the reason why each serializer may have other fields."""
    unless(wanted("fields"), "switched off by the setting SPEEDUPS")
    stock(serializer_class, *OF_A_SERIALIZER)


def check_shareable(serializer_class: type, fields: Any) -> None:
    """Raise `StepAside` with the reason why the fields of a serializer cannot be shared."""
    check_own_fields(serializer_class)
    for name, field in fields.items():
        _check_field(name, field)


def _check_field(name: str, field: Field[Any, Any, Any, Any]) -> None:
    unless(isinstance(field, SHAREABLE), f"{name} is a {type(field).__name__}")
    stock(type(field), *OF_A_FIELD)
    check_mentions(type(field), *OF_ONE_USE)
    check_stateless(type(field))
    callables = [*field.validators, field.default]
    looking = [one for one in callables if getattr(one, "requires_context", False)]
    unless(not looking, f"{name} has a validator or default that looks at the request")
