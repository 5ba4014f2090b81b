"""View sets as people write them, for all kinds of rows; all of them ask for every piece."""

from django.db import models
from rest_framework import (
    filters,
    pagination,
    renderers,
    serializers,
    viewsets,
)
from rest_framework.parsers import FormParser, JSONParser

from drf_speedups.answers import FinishedAnswers
from drf_speedups.pagination import KeysetPagination
from drf_speedups.writes import SingleStatementWrites
from tests.speedups.library import serializers as library
from tests.speedups.library.models import (
    Author,
    Book,
    Loan,
    Member,
    Shelf,
    Shouting,
    Ticket,
    Watched,
)


class Fast(FinishedAnswers, SingleStatementWrites, viewsets.ModelViewSet):
    """Every piece, over the framework's own defaults where the project has others."""

    renderer_classes = [renderers.JSONRenderer]
    parser_classes = [JSONParser, FormParser]
    pagination_class = KeysetPagination


class Shelves(Fast):
    """Plain."""

    queryset = Shelf.objects.all()
    serializer_class = library.ShelfSerializer


class OrderedShelves(Shelves):
    serializer_class = library.OrderedShelfSerializer


class DynamicShelves(Shelves):
    serializer_class = library.DynamicSerializer


class ExpandingShelves(Shelves):
    serializer_class = library.ExpandingSerializer


class CheckedShelves(Shelves):
    serializer_class = library.CheckingSerializer


class SignedShelves(Shelves):
    serializer_class = library.SignedSerializer


class RawShelves(Shelves):
    serializer_class = library.RawSerializer


class NumberedShelves(Shelves):
    serializer_class = library.NumberedSerializer


class CountedShelves(Shelves):
    serializer_class = library.CountingSerializer


class OpenShelves(Shelves):
    """Only some of the rows."""

    queryset = Shelf.objects.filter(is_open=True, rank__gte=1).exclude(label="hidden")


class RecentShelves(Shelves):
    """Rows of its own choice."""

    def get_queryset(self) -> models.QuerySet[Shelf]:
        """Return the shelves of a rank in the URL's query."""
        rank = self.request.query_params.get("rank", "3")
        return super().get_queryset().filter(rank=rank)


class NumberPages(Shelves):
    pagination_class = type("Pages", (pagination.PageNumberPagination,), {"page_size": 2})


class OffsetPages(Shelves):
    pagination_class = type("Pages", (pagination.LimitOffsetPagination,), {"default_limit": 2})


class LabelPages(Shelves):
    """Keyset pages in another order."""

    pagination_class = type(
        "Pages", (pagination.CursorPagination,), {"ordering": ("label", "id"), "page_size": 2}
    )


class OtherParameters(Shelves):
    """Keyset pages whose parameters have other names."""

    pagination_class = type(
        "Pages", (KeysetPagination,), {"cursor_query_param": "after", "page_size": 2}
    )


class AllAtOnce(Shelves):
    pagination_class = None


class Searched(Shelves):
    """Filters of the framework."""

    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["label", "note"]
    pagination_class = None


class ReadOnly(Shelves):
    """What its router would offer and it does not."""

    http_method_names = ["get", "head", "options"]


class Stamped(Shelves):
    """Steps of its own while it saves and deletes."""

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        """Save with a note."""
        serializer.save(note="created")

    def perform_update(self, serializer: serializers.BaseSerializer) -> None:
        """Save with a note."""
        serializer.save(note="updated")

    def perform_destroy(self, instance: Shelf) -> None:
        """Hide instead of deleting."""
        instance.is_open = False
        instance.save()


class Authors(Fast):
    queryset = Author.objects.all()
    serializer_class = library.AuthorSerializer


class NestedAuthors(Authors):
    queryset = Author.objects.prefetch_related("books")
    serializer_class = library.NestedAuthorSerializer


class Books(Fast):
    queryset = Book.objects.all()
    serializer_class = library.BookSerializer


class SlugBooks(Books):
    queryset = Book.objects.select_related("author")
    serializer_class = library.SlugBookSerializer


class LinkedBooks(Books):
    serializer_class = library.LinkedBookSerializer


class OwnedBooks(Books):
    serializer_class = library.OwnedBookSerializer


class Tickets(Fast):
    queryset = Ticket.objects.all()
    serializer_class = library.TicketSerializer


class Loans(Fast):
    queryset = Loan.objects.all()
    serializer_class = library.LoanSerializer


class WatchedRows(Fast):
    queryset = Watched.objects.all()
    serializer_class = library.WatchedSerializer


class ShoutingRows(Fast):
    queryset = Shouting.objects.all()
    serializer_class = library.ShoutingSerializer


class MemberRows(Fast):
    queryset = Member.objects.all()
    serializer_class = library.MemberSerializer
