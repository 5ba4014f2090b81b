"""Books, who writes them and what they are about; and what REST framework's tutorial makes."""

from django.contrib.auth.models import User
from django.db import models
from pygments.lexers import get_all_lexers
from pygments.styles import get_all_styles

LANGUAGES = sorted((aliases[0], name) for name, aliases, *_ in get_all_lexers() if aliases)
STYLES = sorted((style, style) for style in get_all_styles())


class Author(models.Model):
    """Somebody who writes."""

    name = models.CharField(max_length=60)
    born = models.DateField(null=True)


class Topic(models.Model):
    """What books are about."""

    word = models.CharField(max_length=30)

    class Meta:
        ordering = ["word", "id"]


class Book(models.Model):
    """A row as most projects have it."""

    class Genre(models.TextChoices):
        """What is read."""

        PROSE = "p", "Prose"
        VERSE = "v", "Verse"

    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    topics = models.ManyToManyField(Topic)
    title = models.CharField(max_length=80)
    blurb = models.TextField(blank=True)
    genre = models.CharField(max_length=1, choices=Genre.choices, default=Genre.PROSE)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    pages = models.PositiveIntegerField()
    is_open = models.BooleanField(default=True)
    published = models.DateField(null=True)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]


class Snippet(models.Model):
    """The tutorial's model."""

    owner = models.ForeignKey(User, models.CASCADE, related_name="snippets")
    created = models.DateTimeField(auto_now_add=True)
    title = models.CharField(max_length=100, blank=True, default="")
    code = models.TextField()
    linenos = models.BooleanField(default=False)
    language = models.CharField(max_length=100, choices=LANGUAGES, default="python")
    style = models.CharField(max_length=100, choices=STYLES, default="friendly")
    highlighted = models.TextField(blank=True)

    class Meta:
        ordering = ["created"]
