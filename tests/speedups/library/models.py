"""Tables with what the items lack: relations, every kind of column, rules over several columns."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models
from django.db.models.signals import post_save
from django.utils import timezone


def now() -> datetime:
    """Return the time, also where a test has set it."""
    return timezone.now()


class Shelf(models.Model):
    """Every kind of column whose JSON PostgreSQL can write."""

    label = models.CharField(max_length=30, validators=[MinLengthValidator(2)])
    note = models.TextField(null=True, blank=True)
    width = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    whole = models.DecimalField(max_digits=6, decimal_places=0, default=Decimal(0))
    code = models.UUIDField(default=uuid.UUID(int=7))
    is_open = models.BooleanField(default=True)
    is_lit = models.BooleanField(null=True)
    rank = models.SmallIntegerField(default=3)
    serial = models.BigIntegerField(null=True, db_column="odd 'column'")
    made_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]


class Author(models.Model):
    """Somebody whom books refer to."""

    name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(unique=True, null=True)
    email = models.EmailField(blank=True)
    site = models.URLField(blank=True)
    born = models.DateField(null=True, blank=True)


class Book(models.Model):
    """A row with relations, and columns whose JSON only Python knows."""

    class Genre(models.TextChoices):
        """What is read."""

        PROSE = "p", "Prose"
        VERSE = "v", "Verse"

    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    title = models.CharField(max_length=40)
    isbn = models.CharField(max_length=13, blank=True, validators=[RegexValidator(r"^\d*$")])
    genre = models.CharField(max_length=1, choices=Genre, default=Genre.PROSE)
    published = models.DateField(null=True, blank=True)
    opens_at = models.TimeField(null=True, blank=True)
    takes = models.DurationField(null=True, blank=True)
    rating = models.FloatField(null=True, blank=True)
    tags = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    extra = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    owner = models.CharField(max_length=20, default="nobody")

    class Meta:
        unique_together = [("author", "title")]
        constraints = [
            models.UniqueConstraint(
                fields=["isbn"], condition=~models.Q(isbn=""), name="isbn_once_if_there_is_one"
            )
        ]


class Ticket(models.Model):
    """A row with a key of its own kind, unique text, and no other rule."""

    id = models.UUIDField(primary_key=True, default=uuid.UUID(int=99))
    holder = models.CharField(max_length=20, unique=True)


class InUse(models.Manager["Loan"]):
    """Hides what was returned."""

    def get_queryset(self) -> models.QuerySet["Loan"]:
        """Return the loans that are open."""
        return super().get_queryset().filter(returned=False)


class Loan(models.Model):
    """A row of a model with a manager of its own."""

    shelf = models.ForeignKey(Shelf, models.CASCADE)
    reader = models.CharField(max_length=20)
    returned = models.BooleanField(default=False)

    objects = InUse()
    everything = models.Manager["Loan"]()


class Watched(models.Model):
    """A row whose saving is listened to."""

    name = models.CharField(max_length=20)
    seen = models.IntegerField(default=0)


class Shouting(models.Model):
    """A row that is saved in a way of its own."""

    name = models.CharField(max_length=20)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the name in capitals."""
        self.name = self.name.upper()
        super().save(*args, **kwargs)


class Person(models.Model):
    """The first table of a member."""

    name = models.CharField(max_length=20)


class Member(Person):
    """A row in two tables."""

    since = models.IntegerField(default=2026)


def count_saving(instance: Watched, **_kwargs: Any) -> None:
    """Count how often a row was saved."""
    Watched.objects.filter(pk=instance.pk).update(seen=models.F("seen") + 1)


post_save.connect(count_saving, sender=Watched)


from tests.speedups.library import club_models, odd_models, related_models  # noqa: E402, F401  (Django looks for models here)
