"""What is known of a driver's adapters: what makes values of texts, and texts of values."""

import functools
import sys
import uuid
from collections import ChainMap
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from drf_speedups.eligibility.driver import PyFormat, oid

LOADERS = {
    "BoolLoader": ("bool",), "IntLoader": ("int2", "int4", "int8"), "UUIDLoader": ("uuid",),
    "FloatLoader": ("float4", "float8"), "NumericLoader": ("numeric",), "ByteaLoader": ("bytea",),
    "TextLoader": ("text", "varchar", "bpchar", "jsonb", "inet", "cidr"),
    "DateLoader": ("date",), "TimeLoader": ("time",), "TimestampLoader": ("timestamp",),
    "SpecificTzLoader": ("timestamptz",),  # Django's, where USE_TZ is on
}  # fmt: skip
KNOWN = {oid(kind): name for name, kinds in LOADERS.items() for kind in kinds}
WHOLE = oid("int8")
NAIVE = {"SpecificTzLoader": "TimestamptzLoader"}  # where it is off
DUMPED = (str, int, bool, Decimal, datetime, date, uuid.UUID)
LIBRARIES = {"psycopg", "psycopg_c", "psycopg_binary", "django"}


Loaders = tuple[Any, ...]  # a class for each type that is known


def loaders_of(adapters: Any) -> Loaders:
    """Return what makes values of all types that are known."""
    return tuple([adapters.get_loader(kind, 0) for kind in KNOWN])


def read_as_ever(adapters: Any) -> bool:
    """Tell whether the driver's own code, or Django's, makes values of all types that are known."""
    return are_genuine(loaders_of(adapters))


def counts_as_ever(adapters: Any) -> bool:
    """Tell whether the driver's own code makes the number that a COUNT gives."""
    return _is_known(adapters.get_loader(WHOLE, 0), KNOWN[WHOLE])


def cast_as_ever(cursor: Any) -> bool:
    """Tell whether psycopg2's own code makes values of a result's types, where it has such code."""
    driver: Any = sys.modules.get("psycopg2._psycopg")
    if driver is None or not isinstance(cursor, driver.cursor):
        return False
    kinds, own = _casters(driver)
    given = cursor.string_types or {}, cursor.connection.string_types, driver.string_types
    codes = [one.type_code for one in cursor.description if one.type_code in kinds]
    return own.issuperset(id(ChainMap(*given).get(code)) for code in codes)


@functools.cache
def _casters(driver: Any) -> tuple[frozenset[int], frozenset[int]]:
    """Return the types that psycopg2 makes values of, and what does so, by identity."""
    kind = type(driver.INTEGER)
    found = [one for one in vars(driver).values() if type(one) is kind]
    return frozenset(code for one in found for code in one.values), frozenset(map(id, found))


def write_as_ever(adapters: Any) -> bool:
    """Tell whether the driver's own code, or Django's, writes the values of plain columns."""
    dumpers = [adapters.get_dumper(kind, PyFormat.TEXT) for kind in DUMPED]
    return not any(map(_is_own, dumpers))


@functools.lru_cache(64)  # some are made for each connection
def are_genuine(loaders: Loaders) -> bool:
    """Tell whether all are the driver's own, or Django's."""
    return all(map(_is_known, loaders, KNOWN.values()))


def _is_known(loader: Any, name: str) -> bool:
    return not _is_own(loader) and loader.__name__ in {name, NAIVE.get(name)}


def _is_own(adapter: Any) -> bool:
    return adapter.__module__.partition(".")[0] not in LIBRARIES
