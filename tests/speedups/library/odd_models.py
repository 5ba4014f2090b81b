"""Tables that differ from the plain one in one thing each."""

import codecs
import itertools
import json
from typing import Any

from django.db import models

_numbers = itertools.count(1000)


def next_number() -> int:
    """Return a key of the project's own."""
    return next(_numbers)


class Plain(models.Model):
    """What all of them have."""

    name = models.CharField(max_length=20)
    rank = models.IntegerField(default=1)
    price = models.DecimalField(max_digits=6, decimal_places=2, default="1.50")
    made_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class BigKey(Plain):
    id = models.BigAutoField(primary_key=True)


class AutoKey(Plain):
    id = models.AutoField(primary_key=True)


class SmallKey(Plain):
    id = models.SmallAutoField(primary_key=True)


class GivenKey(Plain):
    id = models.BigIntegerField(primary_key=True)


class DefaultKey(Plain):
    id = models.BigIntegerField(primary_key=True, default=next_number)


class Turned(models.CharField):
    """A column that is stored in another way than it is read."""

    def get_prep_value(self, value: Any) -> Any:
        """Return it as it is stored."""
        return value and codecs.encode(value, "rot13")

    def from_db_value(self, value: Any, *_args: Any) -> Any:
        """Return it as it is read."""
        return value and codecs.decode(value, "rot13")


class SecretColumn(Plain):
    name: Any = Turned(max_length=20)


class OwnFromDb(Plain):
    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a row whose name is masked."""
        row: Any = super().from_db(*args, **kwargs)
        row.name = "***"
        return row


class OwnInit(Plain):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rank = (self.rank or 0) + 100


class Shown:
    """A descriptor where a column's own would be."""

    def __get__(self, row: Any, owner: Any = None) -> Any:
        return self if row is None else f"<{row.__dict__.get('name')}>"

    def __set__(self, row: Any, value: Any) -> None:
        row.__dict__["name"] = value


class OwnDescriptor(Plain):
    name: Any = models.CharField(max_length=20)


OwnDescriptor.name = Shown()


class Computed(Plain):
    twice = models.GeneratedField(
        expression=models.F("rank") * 2, output_field=models.IntegerField(), db_persist=True
    )


class WithUrl(Plain):
    url = models.CharField(max_length=80, default="/there/")


class WithDocument(Plain):
    document = models.JSONField(default=dict)


class Counted(Plain):
    number = models.IntegerField(default=next_number)


class Titled(Plain):
    name: Any = models.CharField(max_length=20, db_column="title")


class LowRanks(models.Manager[Any]):
    """Hides rows from Django, too."""

    def get_queryset(self) -> Any:
        """Return the rows of a low rank."""
        return super().get_queryset().filter(rank__lt=5)


class Hiding(Plain):
    objects = LowRanks()

    class Meta:
        base_manager_name = "objects"


class Few(models.QuerySet[Any]):
    """A query set of its own."""

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        """Return no rank above 5."""
        return super().filter(*args, **kwargs).exclude(rank__gt=5)


class OwnQuerySet(Plain):
    objects = Few.as_manager()


class Old(Plain):
    """A table of another time: see `age`."""


# The database is no longer as the model says: NULL is allowed, and another scale.
AGE = "ALTER TABLE library_old ALTER name DROP NOT NULL, ALTER price TYPE numeric"
ODD_ROWS = {
    "null": "UPDATE {} SET name = NULL",
    "infinity": "UPDATE {} SET made_at = 'infinity'",
    "bc": "UPDATE {} SET made_at = '0044-03-15 BC'",
    "scale": "UPDATE {} SET price = 1.005",
    "digits": "UPDATE {} SET price = 1234567.00",
    "nan": "UPDATE {} SET price = 'NaN'",
}
ODD_MODELS: dict[str, Any] = {
    one.__name__: one
    for one in (BigKey, AutoKey, SmallKey, GivenKey, DefaultKey, SecretColumn, OwnFromDb, OwnInit,
                OwnDescriptor, Computed, WithUrl, WithDocument, OwnQuerySet, Old, Counted, Titled,
                Hiding)
}  # fmt: skip


def body(model: Any, number: int, **more: Any) -> bytes:
    """Return a valid body for a model."""
    values: dict[str, Any] = {"name": f"n{number}", "rank": number, "price": "2.50"}
    values |= {"made_at": "2026-05-04T03:02:01Z", **more}
    if model is GivenKey:
        values["id"] = number
    if model is WithDocument:
        values["document"] = {"k": number, "t": str(number)}
    return json.dumps(values).encode()
