"""View sets as the tutorial has them, and as most projects do."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from rest_framework import (
    decorators,
    filters,
    permissions,
    renderers,
    routers,
    serializers,
    viewsets,
)

from tests.costs.shop.models import Author, Book, Snippet, Topic
from tests.costs.shop.settings import VARIANT

LINKS = "HyperlinkedModelSerializer"
if VARIANT == "fastdrf":
    from fastdrf import serializers as fast
    from fastdrf.list_serializers import ListSerializer
    from fastdrf.views import DispatchOptimizationMixin

    MODEL: Any = fast.ModelSerializer
    LINKED: Any = getattr(
        fast, "HyperlinkedModelSerializer", serializers.HyperlinkedModelSerializer
    )
    MIXINS: tuple[Any, ...] = (DispatchOptimizationMixin,)
    OF_LISTS: dict[str, Any] = {"list_serializer_class": ListSerializer}
else:
    MODEL, LINKED, MIXINS, OF_LISTS = (
        serializers.ModelSerializer, serializers.HyperlinkedModelSerializer, (), {},
    )  # fmt: skip


def _serializer(base: Any, model: Any, *shown: str, **declared: Any) -> Any:
    meta = type("Meta", (), {"model": model, "fields": [*shown], **OF_LISTS})
    return type(f"{model.__name__}Serializer", (base,), {"Meta": meta, **declared})


def _view_set(rows: Any, serializer: Any, **more: Any) -> Any:
    return type("Measured", (*MIXINS, viewsets.ModelViewSet),
                {"queryset": rows, "serializer_class": serializer, **more})  # fmt: skip


class IsOwnerOrReadOnly(permissions.BasePermission):
    """The tutorial's permission."""

    def has_object_permission(self, request: Any, _view: Any, row: Any) -> bool:
        """Let others read."""
        return request.method in permissions.SAFE_METHODS or row.owner == request.user


@decorators.action(detail=True, renderer_classes=[renderers.StaticHTMLRenderer])
def highlight(self: Any, _request: Any, *_args: Any, **_kwargs: Any) -> Any:
    """Answer with a snippet as HTML."""
    return HttpResponse(self.get_object().highlighted)


COLUMNS = ("id", "title", "genre", "price", "pages", "is_open", "published", "made_at")
BOOKS: Any = Book._default_manager.all()
WRITER = _serializer(MODEL, Author, "id", "name", "born")
ABOUT = _serializer(MODEL, Topic, "id", "word")
VIEW_SETS = {
    "snippet": _view_set(
        Snippet._default_manager.all(),
        _serializer(
            LINKED, Snippet, "url", "id", "highlight", "owner", "title", "code", "linenos",
            "language", "style",
            highlight=serializers.HyperlinkedIdentityField("snippet-highlight", format="html"),
            owner=serializers.ReadOnlyField(source="owner.username")),
        permission_classes=[permissions.IsAuthenticatedOrReadOnly, IsOwnerOrReadOnly],
        perform_create=lambda self, serializer: serializer.save(owner=self.request.user),
        highlight=highlight),
    "group": _view_set(
        Group.objects.order_by("name"), _serializer(LINKED, Group, "url", "name")),
    "member": _view_set(
        User.objects.order_by("-date_joined"),
        _serializer(LINKED, User, "url", "username", "email", "groups")),
    "user": _view_set(
        User.objects.order_by("id"),
        _serializer(LINKED, User, "url", "username", "email", "is_staff")),
    "columns": _view_set(BOOKS, _serializer(MODEL, Book, *COLUMNS, "author", "blurb")),
    "filtered": _view_set(
        BOOKS.filter(is_open=True), _serializer(MODEL, Book, *COLUMNS, "author"),
        filter_backends=[filters.SearchFilter, filters.OrderingFilter],
        search_fields=["title"], ordering_fields=["id", "price"]),
    "nested": _view_set(
        BOOKS.select_related("author"),
        _serializer(MODEL, Book, *COLUMNS, "author", author=WRITER(read_only=True))),
    "many": _view_set(
        BOOKS.prefetch_related("topics"),
        _serializer(MODEL, Book, *COLUMNS, "author", "topics",
                    topics=ABOUT(many=True, read_only=True))),
    "method": _view_set(
        BOOKS, _serializer(
            MODEL, Book, *COLUMNS, "author", "label", label=serializers.SerializerMethodField(),
            get_label=lambda _, book: f"{book.title}, {book.pages} p.")),
}  # fmt: skip
router = routers.DefaultRouter()
for name, view_set in VIEW_SETS.items():
    router.register(name, view_set, basename=name)
urlpatterns = router.urls
