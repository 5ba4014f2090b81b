"""View sets that admit, read, find or answer in a way of their own."""

from typing import Any

from rest_framework import negotiation, permissions, renderers, throttling, versioning
from rest_framework.authentication import BasicAuthentication
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from tests.speedups.library import serializers as library
from tests.speedups.library.models import Shelf
from tests.speedups.library.views import Shelves


class OddRowsOnly(permissions.BasePermission):
    """Lets only at rows whose rank is odd."""

    message = "An even rank."

    def has_object_permission(self, request: Any, view: Any, obj: Shelf) -> bool:
        """Tell whether the rank is odd."""
        return obj.rank % 2 == 1


class Guarded(Shelves):
    """Permissions per object."""

    permission_classes = [OddRowsOnly]


class GuardedByEither(Shelves):
    """Permissions put together."""

    permission_classes = [OddRowsOnly & permissions.AllowAny]


class GuardedByMethod(Shelves):
    """Permissions chosen for each action."""

    def get_permissions(self) -> Any:
        """Return other permissions for changes."""
        return [permissions.AllowAny() if self.action == "list" else OddRowsOnly()]


class Members(Shelves):
    """For who has signed in."""

    authentication_classes = [BasicAuthentication]
    permission_classes = [permissions.IsAuthenticatedOrReadOnly]


class Throttled(Shelves):
    """Counts who asks."""

    throttle_classes = [
        type("Rate", (throttling.AnonRateThrottle,), {"rate": "1000/hour", "scope": "library"})
    ]


class Versioned(Shelves):
    versioning_class = type(
        "Versions", (versioning.AcceptHeaderVersioning,), {"allowed_versions": ["1", "2"],
                                                            "default_version": "1"}
    )  # fmt: skip


class PlainText(renderers.BaseRenderer):
    """Writes text."""

    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, media_type: Any = None, context: Any = None) -> bytes:
        """Return the names of what there is."""
        return repr(sorted(data)).encode()


class Texts(Shelves):
    """Answers in two media types."""

    renderer_classes = [renderers.JSONRenderer, PlainText]


class TextsFirst(Shelves):
    renderer_classes = [PlainText, renderers.JSONRenderer]


class Shouted(renderers.JSONRenderer):
    """Writes JSON in a way of its own."""

    def render(self, *args: Any, **kwargs: Any) -> bytes:
        """Return JSON in capitals."""
        found: bytes = super().render(*args, **kwargs)
        return found.upper()


class Loud(Shelves):
    renderer_classes = [Shouted]


class ByPath(negotiation.DefaultContentNegotiation):
    """Chooses by what stands in the query, whatever the client accepts."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Return text when it is asked for."""
        chosen = renderers[-1] if "text" in request.GET else renderers[0]
        return chosen, chosen.media_type


class Negotiated(Texts):
    content_negotiation_class = ByPath


class Insisting(JSONParser):
    """A parser that looks at the view."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the data, the view's action as its note."""
        data = super().parse(stream, media_type, parser_context)
        view = (parser_context or {}).get("view")
        return data | {"note": view and view.action}


class Parsed(Shelves):
    parser_classes = [Insisting]


class ByLabel(Shelves):
    """Rows found by a column that is not unique."""

    lookup_field = "label"


class ByRank(Shelves):
    """Rows found by a number that is no key."""

    lookup_field = "rank"
    lookup_url_kwarg = "number"


class PerAction(Shelves):
    """A serializer for each action, and an action of its own."""

    def get_serializer_class(self) -> Any:
        """Return the short form for lists."""
        return library.NumberedSerializer if self.action == "list" else library.ShelfSerializer

    @action(detail=True, methods=["get", "delete"])
    def rank(self, request: Any, pk: Any = None) -> Response:
        """Return or reset the rank."""
        shelf = self.get_object()
        if request.method == "DELETE":
            Shelf.objects.filter(pk=shelf.pk).update(rank=0)
        return Response({"rank": shelf.rank, "action": self.action})

    @action(detail=False)
    def ranks(self, request: Any) -> Response:
        """Return all ranks."""
        return Response(sorted(Shelf.objects.values_list("rank", flat=True)))


class Where(Shelves):
    """Says where a new row lives, with the help of the framework's request."""

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return a link and what was sent."""
        return {
            "Location": self.request.build_absolute_uri(f"{data['id']}/"),
            "X-Sent": str(len(self.request.data)),
        }


class Exploding(Shelves):
    """Answers errors in a way of its own."""

    def handle_exception(self, exc: Exception) -> Response:
        """Return the error's name."""
        return Response({"error": type(exc).__name__, "action": self.action}, status=418)


class Finishing(Shelves):
    """Adds to each answer."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a header."""
        found = super().finalize_response(request, response, *args, **kwargs)
        found["X-Finished"] = "yes"
        return found
