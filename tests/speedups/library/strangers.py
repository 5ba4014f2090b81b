"""View sets as other projects have them, each with a way around what the pieces look at."""

import io
from typing import Any

from django.db.models import IntegerField, Value
from django.http import QueryDict
from rest_framework import permissions, serializers
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from drf_speedups.serializers.shared_fields import SharedFields
from tests.speedups.library import serializers as library
from tests.speedups.library.models import Shelf
from tests.speedups.library.views import Shelves


class ListedForMembers(Shelves):
    """Locks with a method what its class leaves open."""

    def get_permissions(self) -> Any:
        """Return other permissions for lists and new rows."""
        open_to_all = self.action not in {"list", "create"}
        return [permissions.AllowAny() if open_to_all else permissions.IsAuthenticated()]


class LockedByProperty(Shelves):
    """Computes who may do what."""

    @property
    def permission_classes(self) -> Any:  # type: ignore[override]
        """Return nobody for changes."""
        safe = self.request.method in permissions.SAFE_METHODS
        return [permissions.AllowAny if safe else permissions.IsAuthenticated]


class KnownByProperty(Shelves):
    """Computes how it knows who asks."""

    @property
    def authentication_classes(self) -> Any:  # type: ignore[override]
        """Return one way."""
        return [BasicAuthentication]


class Sealed(Shelves):
    """Refuses to change a row when it makes its serializer."""

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the serializer. Raises `PermissionDenied` for the first row's changes."""
        if args and "data" in kwargs and args[0].label == "alpha":
            raise PermissionDenied
        return super().get_serializer(*args, **kwargs)


class EchoingSerializer(library.ShelfSerializer):
    """Shows how the row was changed."""

    class Meta(library.ShelfSerializer.Meta):
        fields = ["id", "label", "rank"]

    def to_representation(self, instance: Any) -> Any:
        """Return the row, with what was sent."""
        sent = sorted(getattr(self, "initial_data", ()))
        return super().to_representation(instance) | {"sent": sent, "partial": self.partial}


class Echoing(Shelves):
    serializer_class = EchoingSerializer


class Noted(Request):
    """A request whose data is not what was sent."""

    @property
    def data(self) -> Any:
        """Return what was sent, with a note."""
        sent: Any = super().data
        return {**sent, "note": "by a request of its own"}


class OwnRequest(Shelves):
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Return a request of the project's own class."""
        made: Any = super().initialize_request(request, *args, **kwargs)
        made.__class__ = Noted
        return made


class Noting(JSONParser):
    """Adds a note to what it reads."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the data with a note."""
        return {**super().parse(*args, **kwargs), "note": "by another parser"}


class ParserOfOneRequest(Shelves):
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Give a request other parsers than the class has."""
        made = super().initialize_request(request, *args, **kwargs)
        made.parsers = [Noting()]
        return made


class AnotherEncoding(Shelves):
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Read all bodies in another encoding."""
        request.encoding = "utf-16"
        return super().initialize_request(request, *args, **kwargs)


class WithoutLength(Shelves):
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Leave the length of a body unsaid, as it is with chunks behind ASGI."""
        request.META["CONTENT_LENGTH"] = ""
        return super().initialize_request(request, *args, **kwargs)


class Mine(Shelves):
    """Has one row for who asks, whatever the path says."""

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Put another key in the place of the path's."""
        super().initial(request, *args, **kwargs)
        if self.kwargs:
            self.kwargs = {"pk": "2"}


class AsAnother(Shelves):
    """Looks at another request than it was given."""

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Put one in its place that was sent by nobody."""
        super().initial(request, *args, **kwargs)
        sent = b'{"label": "of another"}'
        more = {"wsgi.input": io.BytesIO(sent), "CONTENT_LENGTH": str(len(sent))}
        self.request = self.initialize_request(type(request._request)({**request.META, **more}))


class OtherNames(Shelves):
    """Takes parameters by other names."""

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Give those of the URL names in small letters."""
        request._request.GET = QueryDict(request.META["QUERY_STRING"].lower() or "limit=3")
        super().initial(request, *args, **kwargs)


class HeadersOfNobody(Shelves):
    @staticmethod
    def get_success_headers(data: Any) -> Any:
        """Return headers, without a view."""
        return {"X-Label": data["label"]}


class HeadersOrNone(Shelves):
    def get_success_headers(self, data: Any) -> Any:
        """Return headers for some rows only."""
        return {"X-Label": b"short", "X-Rank": data["rank"]} if data["label"] < "e" else None


class HeadersOfTheClass(Shelves):
    @classmethod
    def get_success_headers(cls, data: Any) -> Any:
        """Return headers by the class."""
        return {"X-Label": cls.__name__ + data["label"]}


class HeadersOfTheRow(Shelves):
    def get_success_headers(self, data: Any) -> Any:
        """Return headers by the row that was saved."""
        return {"X-Row": type(data.serializer.instance).__name__}


class OnlyNamed:
    """Shows the fields that the client asks for, as drf-dynamic-fields does it."""

    @property
    def fields(self) -> Any:
        """The fields, but for a label that nobody asked for."""
        fields: Any = super().fields  # type: ignore[misc]
        if self.context and "limit" in self.context["request"].GET:  # type: ignore[attr-defined]
            fields.pop("label", None)
        return fields


class OnlyNamedSerializer(SharedFields, OnlyNamed, serializers.ModelSerializer):
    class Meta(library.ShelfSerializer.Meta):
        fields = ["id", "label", "rank"]


class NamedFields(Shelves):
    serializer_class = OnlyNamedSerializer


class OnlyShort:
    """Writes fewer fields than there are."""

    @property
    def _readable_fields(self) -> Any:
        return (one for one in super()._readable_fields if len(one.field_name) < 5)  # type: ignore[misc]


class OnlyShortSerializer(SharedFields, OnlyShort, serializers.ModelSerializer):
    class Meta(library.ShelfSerializer.Meta):
        fields = ["id", "label", "rank"]


class ShortFields(Shelves):
    serializer_class = OnlyShortSerializer


class LeastRank(Value):
    """An expression whose value whoever asks decides, as it is with tenants."""

    now = 0

    def __init__(self) -> None:
        super().__init__(0, output_field=IntegerField())

    def as_sql(self, *_args: Any, **_kwargs: Any) -> Any:
        """Return the value of now."""
        return "%s", (LeastRank.now,)


class ByQuery(BaseAuthentication):
    """Decides which rows there are for who asks."""

    def authenticate(self, request: Any) -> None:
        """Let who asks for pages have fewer rows."""
        LeastRank.now = 3 if "limit" in request.GET else -99999


class RowsOfATenant(Shelves):
    queryset = Shelf.objects.filter(rank__gte=LeastRank())
    authentication_classes = [ByQuery]
