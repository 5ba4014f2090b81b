"""A project whose settings name classes in a package that imports REST framework's views.

It starts by itself, as its package is imported first. Nobody else may import REST framework before.
"""

SETTINGS = """
import json, os

import dj_database_url

SECRET_KEY = "nobody's" * 8
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = ["drf_speedups", "shop"]
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE"])}
ROOT_URLCONF = "shop.urls"
REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": [],
    **json.loads(os.environ["NAMED"]),
}
"""
MODELS = """
from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=100)
"""
API = """
from shop.api.views import Books, Single
"""
VIEWS = """
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from shop.models import Book


class BookSerializer(serializers.ModelSerializer):
    class Meta:
        model = Book
        fields = ["id", "title"]


class Books(ModelViewSet):
    queryset = Book.objects.order_by("id")
    serializer_class = BookSerializer


class Single(APIView):
    def get(self, request):
        context = {"request": request, "view": self}
        rows = BookSerializer(Book.objects.order_by("id"), many=True, context=context)
        return Response(rows.data)
"""
ONLY_VIEWS = VIEWS.replace("from rest_framework.viewsets import ModelViewSet\n", "").replace(
    "class Books(ModelViewSet)", "class Books"
)
PAGES = """
from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    page_size = 2
"""
ACCESS = """
from rest_framework.authentication import BaseAuthentication


class Anybody(BaseAuthentication):
    def authenticate(self, request):
        return None
"""
URLS = """
from shop.api import Books, Single

from django.urls import path

urlpatterns = [path("single/", Single.as_view())]
if hasattr(Books, "as_view"):
    urlpatterns.append(path("books/", Books.as_view({"get": "list"})))
"""
FILES = {
    "shop/__init__.py": "", "shop/settings.py": SETTINGS, "shop/models.py": MODELS,
    "shop/urls.py": URLS, "shop/api/__init__.py": API, "shop/api/views.py": VIEWS,
    "shop/api/pages.py": PAGES, "shop/api/access.py": ACCESS,
}  # fmt: skip
# As packages that describe an API do: a view set's own methods call its base's of that moment.
DECORATED = FILES | {
    "shop/api/__init__.py": API
    + """
stock = Books.list
Books.list = lambda self, request, *args, **kwargs: stock(self, request, *args, **kwargs)
""",
}
PAGINATION = {"DEFAULT_PAGINATION_CLASS": "shop.api.pages.Pages"}
AUTHENTICATION = {"DEFAULT_AUTHENTICATION_CLASSES": ["shop.api.access.Anybody"]}

# What a process of this project does; the last line of each tells what was found.
STARTED = """
import json, sys

import django

django.setup()

from django.db import connection
from django.test import Client


def imported():
    views = "rest_framework.views", "rest_framework.generics", "rest_framework.viewsets", "shop.api"
    return [one for one in sys.modules if one.startswith(views)]
"""
LISTS = """
from drf_speedups.representation.sql import rows
from shop.models import Book

found, path = imported(), sys.argv[1]
written, answers = [], []
with connection.schema_editor() as editor:
    editor.create_model(Book)
try:
    Book.objects.bulk_create([Book(title=title) for title in "abc"])
    stock = rows.finished
    rows.finished = lambda *args: written.append(1) or stock(*args)
    answers += [Client().get(path).content.decode() for _ in range(2)]
finally:
    with connection.schema_editor() as editor:
        editor.delete_model(Book)
print(json.dumps([found, answers, len(written)]))
"""
CROWD = """
import threading

from shop.models import Book

answers, together = [], threading.Barrier(8)


def ask():
    together.wait()
    answers.extend([Client().get("/books/").content.decode() for _ in range(5)])
    connection.close()


with connection.schema_editor() as editor:
    editor.create_model(Book)
try:
    Book.objects.create(title="a")
    threads = [threading.Thread(target=ask) for _ in range(together.parties)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
finally:
    with connection.schema_editor() as editor:
        editor.delete_model(Book)

from drf_speedups.representation import ROWS

print(json.dumps([len(answers), sorted(set(answers)), ROWS.is_installed()]))
"""
BEFORE = """
import drf_speedups.database.old_connections, drf_speedups.postgresql.base
import drf_speedups.security_headers, drf_speedups.worker

print(json.dumps(imported()))
"""
TESTED = """
from drf_speedups.testing import assert_same_answers
from drf_speedups.representation import ROWS

print(json.dumps([ROWS.is_installed()]))
"""
COMMAND = """
from django.core.management import execute_from_command_line

execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
