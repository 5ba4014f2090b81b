"""Somebody else's service in one file: no middleware, and books in two databases."""

import os
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.urls import path

BASE = {
    "ENGINE": "django.db.backends.postgresql", "NAME": os.environ.get("SHOP_NAME"),
    "HOST": os.environ.get("SHOP_HOST"), "PORT": os.environ.get("SHOP_PORT"),
    "USER": os.environ.get("SHOP_USER"), "CONN_MAX_AGE": None,
}  # fmt: skip


def _database(schema: str) -> dict[str, object]:
    options = f"-c search_path={schema} -c application_name={schema}"
    return {**BASE, "OPTIONS": {"options": options}}


settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True, MIDDLEWARE=[],
    INSTALLED_APPS=["rest_framework", "drf_speedups"],
    DATABASES={"default": _database("shop_one"), "other": _database("shop_two")},
    SPEEDUPS=["answers", "express", "overlap", "validation", "upkeep"],
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None,
        "DEFAULT_PAGINATION_CLASS": "drf_speedups.pagination.KeysetPagination",
        "URL_FORMAT_OVERRIDE": None,
    },
)  # fmt: skip
django.setup()

from rest_framework.permissions import BasePermission  # noqa: E402  (it looks at the settings)
from rest_framework.serializers import ModelSerializer  # noqa: E402
from rest_framework.viewsets import ModelViewSet  # noqa: E402

from drf_speedups.answers import FinishedAnswers  # noqa: E402
from drf_speedups.database.old_connections import look_before_closing  # noqa: E402
from drf_speedups.express import ExpressLane  # noqa: E402
from drf_speedups.overlap import overlapping  # noqa: E402
from drf_speedups.writes import SingleStatementWrites  # noqa: E402


class Book(models.Model):
    title = models.CharField(max_length=100)
    objects: Any = models.Manager()

    class Meta:
        app_label = "shop"
        db_table = "book"


class BookSerializer(ModelSerializer):
    class Meta:
        model = Book
        fields = ("id", "title")


class Books(FinishedAnswers, SingleStatementWrites, ModelViewSet):
    queryset = Book.objects.order_by("-id")
    serializer_class = BookSerializer
    filter_backends = []


class LocatedBooks(Books):
    """Says of a new row what was asked for."""

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return a header that repeats the request line, and one that repeats a header."""
        asked = self.request.META
        said = asked["REQUEST_METHOD"] + asked["PATH_INFO"] + asked["QUERY_STRING"]
        return {"X-Asked": said, "X-Agent": asked["HTTP_USER_AGENT"]}


class OtherBooks(Books):
    queryset = Book.objects.using("other").order_by("-id")


class WithKey(BasePermission):
    """Looks at what changes from request to request, its headers being the same."""

    decides_by = ("QUERY_STRING",)

    def has_permission(self, request: Any, view: Any) -> bool:
        """Let in who shows the key."""
        return bool(request.META["QUERY_STRING"] == "key=right")


class GuardedBooks(Books):
    permission_classes = [WithKey]


LIST: Any = {"get": "list", "post": "create"}
ROW: Any = {"get": "retrieve", "patch": "partial_update"}
urlpatterns = [
    path("books/", Books.as_view(LIST)), path("books/<int:pk>/", Books.as_view(ROW)),
    path("located/", LocatedBooks.as_view(LIST)),
    path("guarded/<int:pk>/", GuardedBooks.as_view(ROW)),
    path("other/", OtherBooks.as_view(LIST)), path("other/<int:pk>/", OtherBooks.as_view(ROW)),
]  # fmt: skip
look_before_closing()
lane = ExpressLane(get_wsgi_application())
lane.overlap = overlapping(lane, 2)  # type: ignore[attr-defined]
