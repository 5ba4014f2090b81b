"""Somebody else's project: `startproject`, the view set of a tutorial, and a test of its own."""

SETTINGS = """

import json, os

INSTALLED_APPS += ["rest_framework", "drf_speedups", "shop"]
DATABASES = json.loads(os.environ["DATABASES"])
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination", "PAGE_SIZE": 20,
}
if "SPEEDUPS" in os.environ:
    SPEEDUPS = os.environ["SPEEDUPS"].split()
"""
MODELS = """
from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100)


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    title = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    published = models.DateField(null=True)
    made_at = models.DateTimeField(auto_now_add=True)
"""
VIEWS = """
from rest_framework import filters, serializers, viewsets

from drf_speedups.answers import FinishedAnswers
from drf_speedups.writes import SingleStatementWrites
from shop.models import Author, Book


class BookSerializer(serializers.ModelSerializer):
    class Meta:
        model = Book
        fields = ["id", "author", "title", "price", "published", "made_at"]


class AuthorSerializer(serializers.ModelSerializer):
    books = BookSerializer(many=True, read_only=True)

    class Meta:
        model = Author
        fields = ["id", "name", "books"]


class BookViewSet(viewsets.ModelViewSet):
    queryset = Book.objects.order_by("id")
    serializer_class = BookSerializer
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["title"]


class AuthorViewSet(FinishedAnswers, SingleStatementWrites, viewsets.ModelViewSet):
    queryset = Author.objects.order_by("id")
    serializer_class = AuthorSerializer
"""
URLS = """
from rest_framework.routers import DefaultRouter

from shop.views import AuthorViewSet, BookViewSet

router = DefaultRouter()
router.register("authors", AuthorViewSet)
router.register("books", BookViewSet)
urlpatterns = router.urls
"""
WSGI = """

from drf_speedups.database.old_connections import look_before_closing
from drf_speedups.express import ExpressLane

look_before_closing()
application = ExpressLane(application)
"""
TESTS = """
from django.test import TestCase

from drf_speedups.testing import Request, assert_same_answers
from shop.models import Author, Book


class Answers(TestCase):
    def test_stay_as_they_are(self):
        for number in range(3):
            author = Author.objects.create(name=f"Kim {number}")
            Book.objects.create(author=author, title="Notes", price="9.90")
        answers = assert_same_answers(self.client, [
            Request("GET", "/books/"),
            Request("GET", "/books/?search=note&ordering=-id"),
            Request("GET", "/authors/"),
            Request("POST", "/authors/", {"name": "Lee"}),
            Request("POST", "/books/", {"author": 0, "title": ""}),
            Request("DELETE", f"/authors/{author.pk}/"),
            Request("GET", "/authors/"),
        ])
        assert [one.status[:3] for one in answers] == [
            "200", "200", "200", "201", "400", "204", "200",
        ], answers
"""
FAST_SETTINGS = """
from site_of.settings import *

INSTALLED_APPS = ["rest_framework", "drf_speedups", "shop"]
MIDDLEWARE = []
DATABASES["default"]["CONN_MAX_AGE"] = None
ROOT_URLCONF = "shop.fast"
REST_FRAMEWORK = {
    "URL_FORMAT_OVERRIDE": None, "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
DEBUG = False
"""
FAST_URLS = """
from rest_framework import serializers, viewsets
from rest_framework.routers import DefaultRouter

from drf_speedups.answers import FinishedAnswers
from drf_speedups.pagination import KeysetPagination
from drf_speedups.writes import SingleStatementWrites
from shop.models import Author


class AuthorSerializer(serializers.ModelSerializer):
    class Meta:
        model = Author
        fields = ["id", "name"]


class AuthorViewSet(FinishedAnswers, SingleStatementWrites, viewsets.ModelViewSet):
    queryset = Author.objects.order_by("-id")
    serializer_class = AuthorSerializer
    pagination_class = KeysetPagination


router = DefaultRouter()
router.include_format_suffixes = False
router.register("authors", AuthorViewSet)
urlpatterns = router.urls
"""
FAST_WSGI = """
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "site_of.fast"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from drf_speedups.database.old_connections import look_before_closing
from drf_speedups.express import ExpressLane
from drf_speedups.overlap import overlapping

look_before_closing()
application = ExpressLane(application)
application.overlap = overlapping(application, links=4)
assert application.overlap
"""
FILES = {
    "shop/__init__.py": "", "shop/migrations/__init__.py": "", "shop/models.py": MODELS,
    "shop/views.py": VIEWS, "shop/tests.py": TESTS, "site_of/urls.py": URLS,
    "site_of/fast.py": FAST_SETTINGS, "shop/fast.py": FAST_URLS, "site_of/fast_wsgi.py": FAST_WSGI,
}  # fmt: skip
APPENDED = {"site_of/settings.py": SETTINGS, "site_of/wsgi.py": WSGI}
