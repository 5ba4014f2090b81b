"""View sets with ways around what the pieces looked at, that a third reading thought of."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.urls import path
from django.utils.functional import classproperty
from rest_framework import negotiation, permissions, serializers, viewsets
from rest_framework.routers import SimpleRouter

from drf_speedups.answers import FinishedAnswers
from drf_speedups.serializers.shared_fields import SharedFields
from tests.speedups.library import letting_in
from tests.speedups.library.models import Shelf
from tests.speedups.library.odd_models import BigKey
from tests.speedups.library.own_ways import PlainText
from tests.speedups.library.serializers import ShelfSerializer
from tests.speedups.library.standing_before import Before
from tests.speedups.library.views import Fast, Shelves


def refuse(*_args: Any, **_kwargs: Any) -> None:
    raise PermissionDenied


class Shelf3(SharedFields, serializers.ModelSerializer):
    class Meta:
        model = Shelf
        fields = ["id", "label", "rank", "width"]


class Plain(Shelves):
    serializer_class = Shelf3


class Joined(Plain):
    """Names another table in its SQL."""

    queryset = Shelf.objects.extra(
        tables=["library_author"], where=["library_author.id = library_shelf.id"]
    )


class Behind(viewsets.ModelViewSet, FinishedAnswers):
    """Has the mixin behind what it is to stand before."""

    queryset = Shelf.objects.all()
    serializer_class = Shelf3
    renderer_classes = Shelves.renderer_classes


class Taking(ShelfSerializer):
    class Meta(ShelfSerializer.Meta):
        fields = ["id", "label", "rank"]

    def to_internal_value(self, data: Any) -> Any:
        """Return the values."""
        return super().to_internal_value(data)

    def takes(self, _data: Any) -> bool:
        """Tell that the method above does what the framework's does."""
        return True


class Raising(Taking):
    """Has another method than the class that has said what its own does."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values, the label in capitals."""
        values = super().to_internal_value(data)
        return values | {"label": values["label"].upper()} if "label" in values else values


class Capitals(Shelves):
    serializer_class = Raising


class Unpaged(Plain):
    _paginator = None


class ByQuery(negotiation.DefaultContentNegotiation):
    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Refuse what the query says."""
        if "refused" in request.GET:
            raise PermissionDenied
        return super().select_renderer(request, renderers, format_suffix)


class Negotiating(Plain):
    _negotiator = ByQuery()


class Choosing:
    """Gives a serializer by who asks; is no class."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        asked = (kwargs.get("context") or {}).get("request")
        kind = Shelf3 if asked is None or "all" in asked.GET else Short
        return kind(*args, **kwargs)


class Short(serializers.ModelSerializer):
    class Meta:
        model = Shelf
        fields = ["id"]


class Chosen(Plain):
    serializer_class: Any = Choosing()


class Titled(Plain):
    title = "a shelf"

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return a header by what the class says."""
        return {"X-Title": self.title}


class Named(Plain):
    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return a header by what only the framework's request has."""
        return {"X-Who": ",".join(one for one in ("a", "b") if self.request.user is None)}


class Allowing(Plain):
    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return headers that the framework says, too."""
        return {"Allow": "NOTHING", "Content-Type": "text/plain", "X-Row": "1"}


def only_of_rows(value: str) -> None:
    """Fail in a way that is no validation error."""
    if value == "forbidden":
        raise PermissionDenied


class Validating(Shelf3):
    label: Any = serializers.CharField(validators=[only_of_rows])


class Validated(Plain):
    serializer_class = Validating


class LooksAtData(permissions.BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        """Look at what was sent."""
        return request.data is not None


class Marking(Shelf3):
    def to_internal_value(self, data: Any) -> Any:
        """Return the values of what was sent, which is marked."""
        data["label"] = data["label"] + "!"
        return super().to_internal_value(data)


class Marked(Plain):
    permission_classes = [LooksAtData]
    serializer_class = Marking


class Rows(Fast):
    queryset = BigKey.objects.all()
    serializer_class: Any = type("OfRows", (serializers.ModelSerializer,), {
        "Meta": type("Meta", (), {"model": BigKey, "fields": ["id", "name", "rank"]}),
    })  # fmt: skip


class Forced(Plain):
    authentication_classes = [letting_in.Promises]
    permission_classes = [letting_in.SignedIn]


class Computing(Shelf3):
    class Meta:
        model = Shelf
        all_of_them = True

        @classproperty
        def fields(cls) -> list[str]:  # noqa: N805
            """Name what is shown now."""
            return ["id", "label", "rank"] if cls.all_of_them else ["id"]


class Computed(Plain):
    serializer_class = Computing


class Made(Plain):
    """Can be made within a request only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        raise RuntimeError("nobody asks")


def after(change: Callable[[Any], None]) -> Any:
    """Return a decorator that changes an answer before it is rendered."""

    def decorator(view: Any) -> Any:
        def around(*args: Any, **kwargs: Any) -> Any:
            response = view(*args, **kwargs)
            change(response)
            return response

        return around

    return decorator


def elsewhere(view: Any) -> Any:
    """Let a request be one to another host, as projects do behind a proxy."""

    def around(request: Any, *args: Any, **kwargs: Any) -> Any:
        request.build_absolute_uri = lambda *_: "https://api.example.org/there/"
        return view(request, *args, **kwargs)

    return around


AROUND: dict[str, Any] = {
    "typed": after(lambda one: setattr(one, "content_type", "application/vnd.one+json")),
    "indented": after(
        lambda one: setattr(one, "accepted_media_type", "application/json; indent=2")
    ),
    "spread": after(lambda one: one.renderer_context.update(indent=1)),
    "texted": after(lambda one: setattr(one, "accepted_renderer", PlainText())),
    "loose": after(lambda one: setattr(one.accepted_renderer, "compact", False)),
    "elsewhere": elsewhere,
}
router = SimpleRouter()
VIEW_SETS = (
    Shelves, Plain, Joined, Behind, Capitals, Unpaged, Negotiating, Chosen, Titled, Named, Allowing,
    Validated, Marked, Rows, Forced,
)  # fmt: skip
for view_set in VIEW_SETS:
    router.register(view_set.__name__.lower(), view_set, basename=view_set.__name__)
LIST: Any = {"get": "list", "post": "create"}
guarded: Any = Before(Plain.as_view(LIST), refuse)
urlpatterns = [
    *router.urls, path("guarded/", guarded),
    *(path(f"{name}/", around(Plain.as_view(LIST))) for name, around in AROUND.items()),
]  # fmt: skip
