"""Tables that refer to one another, with every kind of column, for what serializers show."""

import itertools
import uuid
from typing import Any
from urllib.parse import quote

from django.contrib.postgres.fields import ArrayField
from django.core.files.storage import Storage
from django.db import models


class Signing(Storage):
    """Keeps files where each URL is another one."""

    signatures = itertools.count()

    def url(self, name: str | None) -> str:
        """Return a URL that is good for one use; names with a star have none."""
        if name and "*" in name:
            raise AttributeError(name)
        return f"//files.example/{quote(name or '')}?signature={next(self.signatures)}"


class Town(models.Model):
    """What others refer to, by a key of its own kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=20)
    code = models.SlugField(unique=True)
    founded = models.DateField(null=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return f"town of {self.name}"


class Topic(models.Model):
    """One of many."""

    word = models.CharField(max_length=20)
    weight = models.FloatField(default=1.0)
    town = models.ForeignKey(Town, models.SET_NULL, null=True, related_name="topics")
    icon = models.FileField(blank=True, storage=Signing)

    class Meta:
        ordering = ["-word", "id"]


class Editor(models.Model):
    """In the middle: refers and is referred to."""

    name = models.CharField(max_length=20)
    town = models.ForeignKey(Town, models.CASCADE, related_name="editors")
    chief = models.ForeignKey("self", models.SET_NULL, null=True, related_name="staff")
    hired = models.DateTimeField(null=True)
    portrait = models.ImageField(null=True, storage=Signing())

    class Meta:
        ordering = ["id"]

    def initial(self) -> str:
        """Return the first letter."""
        return self.name[:1]

    @property
    def shout(self) -> str:
        """Return the name, loudly."""
        return self.name.upper()


class Article(models.Model):
    """Every kind of column and relation."""

    class Level(models.IntegerChoices):
        """How hard it is to read."""

        EASY = 1, "Easy"
        HARD = 2, "Hard"

    class Mood(models.TextChoices):
        """How it sounds."""

        GLAD = "g", "Glad"
        SAD = "s", "Sad"

    editor = models.ForeignKey(Editor, models.CASCADE, related_name="articles")
    reviewer = models.ForeignKey(Editor, models.SET_NULL, null=True, related_name="reviews")
    place = models.ForeignKey(Town, models.SET_NULL, null=True, to_field="code")
    topics = models.ManyToManyField(Topic, related_name="articles")
    title = models.CharField(max_length=60)
    body = models.TextField(blank=True)
    level = models.IntegerField(choices=Level, default=Level.EASY)
    mood = models.CharField(max_length=1, choices=Mood, null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    share = models.FloatField(null=True)
    big = models.BigIntegerField(default=0)
    is_open = models.BooleanField(null=True)
    token = models.UUIDField(null=True)
    made_at = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    hour = models.TimeField(null=True)
    takes = models.DurationField(null=True)
    words = ArrayField(models.CharField(max_length=10), default=list)
    extra = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    link = models.URLField(default="https://example.org/")
    mail = models.EmailField(default="a@example.org")
    cover = models.ImageField(null=True)

    class Meta:
        ordering = ["id"]

    def length(self) -> int:
        """Return how many characters the title has."""
        return len(self.title)

    @property
    def summary(self) -> dict[str, Any]:
        """Return something of a row that is no column."""
        return {"title": self.title, "open": self.is_open}


class Visible(models.Manager["Reply"]):
    """Hides what is hidden."""

    def get_queryset(self) -> models.QuerySet["Reply"]:
        """Return what is not hidden."""
        return super().get_queryset().filter(hidden=False)


class Reply(models.Model):
    """A row that is not always there for who refers to it."""

    article = models.ForeignKey(Article, models.CASCADE, related_name="replies")
    answered = models.ForeignKey("self", models.SET_NULL, null=True, related_name="answers")
    text = models.CharField(max_length=20)
    hidden = models.BooleanField(default=False)

    objects = Visible()

    class Meta:
        ordering = ["id"]
        base_manager_name = "objects"


class Note(models.Model):
    """Has one article at most."""

    article = models.OneToOneField(Article, models.CASCADE, primary_key=True, related_name="note")
    text = models.CharField(max_length=20)
    reply = models.ForeignKey(Reply, models.SET_NULL, null=True)
    free = models.ManyToManyField(Topic)
