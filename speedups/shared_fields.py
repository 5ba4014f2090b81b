"""Serializer fields built once per class instead of once per request.

Building and binding the fields of a `ModelSerializer` costs several times what using them costs.
Plain fields keep no state between uses, so requests and threads may share them. Fields and
validators that look at the request, the instance or the context make their class step aside.
"""

from functools import cached_property
from typing import Any

from rest_framework import serializers
from rest_framework.fields import Field

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
OF_A_SERIALIZER = ("__init__", "build_field", "get_fields", "get_extra_kwargs", "get_validators")

_shared: dict[tuple[type, bool], Any] = {}


class SharedFields:
    """Mixin for a `ModelSerializer`; goes before it in the list of bases.

    Code that changes the fields of one instance would change those of all: it leaves this out.
    """

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
        return shared


def _built(serializer_class: Any, partial: bool) -> Any:
    """Return the fields of an instance that serves all others; None if they cannot be shared."""
    template = serializer_class(partial=partial)
    fields = template.__dict__["fields"] = OWN_FIELDS(template)
    try:
        check_shareable(serializer_class, fields)
    except StepAside:
        return None
    return fields


def check_shareable(serializer_class: type, fields: Any) -> None:
    """Raise `StepAside` with the reason why the fields of a serializer cannot be shared."""
    unless(wanted("fields"), "switched off by the setting SPEEDUPS")
    stock(serializer_class, *OF_A_SERIALIZER)
    for name, field in fields.items():
        _check_field(name, field)


def _check_field(name: str, field: Field[Any, Any, Any, Any]) -> None:
    unless(isinstance(field, SHAREABLE), f"{name} is a {type(field).__name__}")
    stock(type(field), *OF_A_FIELD)
    callables = [*field.validators, field.default]
    looking = [one for one in callables if getattr(one, "requires_context", False)]
    unless(not looking, f"{name} has a validator or default that looks at the request")
