"""Serializers as people write them; all of them ask for shared fields, not all can have them."""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.validators import UniqueTogetherValidator

from drf_speedups.serializers.shared_fields import SharedFields
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


class ShelfSerializer(SharedFields, serializers.ModelSerializer):
    """Plain: nothing but columns."""

    class Meta:
        model = Shelf
        fields = "__all__"


class OrderedShelfSerializer(ShelfSerializer):
    """Other names, another order, something that is never shown, something that is only shown."""

    title = serializers.CharField(source="label", max_length=30)
    rank = serializers.IntegerField(write_only=True, required=False)
    serial = serializers.IntegerField(read_only=True)

    class Meta(ShelfSerializer.Meta):
        fields = ["whole", "title", "id", "rank", "serial", "note"]


class DynamicSerializer(ShelfSerializer):
    """Shows the columns that the client asks for: a recipe of the framework's documentation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = self.context["request"].GET.get("fields") if self.context else None
        for name in set(self.fields) - set(asked.split(",")) if asked else ():
            self.fields.pop(name)


class ExpandingSerializer(ShelfSerializer):
    """Changes its fields while it writes: a recipe that goes around."""

    def to_representation(self, instance: Shelf) -> Any:
        """Return the row, its label in capitals if it is open."""
        if instance.is_open:
            self.fields["label"] = serializers.SerializerMethodField()
        return super().to_representation(instance)

    def get_label(self, row: Shelf) -> str:
        """Return the label in capitals."""
        return row.label.upper()


class CheckingSerializer(ShelfSerializer):
    """Validates a field and the whole, the latter with a look at the row as it was."""

    class Meta(ShelfSerializer.Meta):
        fields = ["id", "label", "rank", "is_open"]

    def validate_label(self, value: str) -> str:
        """Refuse a word and change all others."""
        if value == "forbidden":
            raise serializers.ValidationError("Not this one.", code="forbidden")
        return value.title()

    def validate(self, attrs: Any) -> Any:
        """Refuse to go down."""
        if self.instance is not None and attrs.get("rank", 99) < self.instance.rank:
            raise serializers.ValidationError({"rank": ["It only goes up."]})
        return attrs


class ByWhom(serializers.CharField):
    """A text field that looks at who asks."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text with the client's name."""
        name = self.context["request"].headers.get("X-Client", "?")
        return f"{super().to_internal_value(data)} ({name})"


class SignedSerializer(ShelfSerializer):
    """Has a field that looks at the request."""

    label = ByWhom(max_length=30)

    class Meta(ShelfSerializer.Meta):
        fields = ["id", "label"]


class RawSerializer(ShelfSerializer):
    """Turns the client's JSON around before it is read, and adds to what was read."""

    class Meta(ShelfSerializer.Meta):
        fields = ["id", "label", "rank", "note"]

    def to_internal_value(self, data: Any) -> Any:
        """Return the values, with a note of how they came."""
        values = super().to_internal_value(data.get("shelf", data))
        return values | {"note": "patched" if self.partial else "posted"}


class Numbered(serializers.ListSerializer):
    """A list that numbers its rows."""

    def to_representation(self, data: Any) -> Any:
        """Return the rows with their place."""
        return [row | {"place": n} for n, row in enumerate(super().to_representation(data))]


class NumberedSerializer(ShelfSerializer):
    """Is listed in a way of its own."""

    class Meta(ShelfSerializer.Meta):
        fields = ["id", "label"]
        list_serializer_class = Numbered


class AuthorSerializer(SharedFields, serializers.ModelSerializer):
    """Has unique columns."""

    class Meta:
        model = Author
        fields = ["id", "name", "slug", "email", "site", "born"]


class BookSerializer(SharedFields, serializers.ModelSerializer):
    """Every kind of column, and a relation by key."""

    class Meta:
        model = Book
        fields = "__all__"


class SlugBookSerializer(SharedFields, serializers.ModelSerializer):
    """A relation by another column, a computed field, a field through the relation."""

    author = serializers.SlugRelatedField(slug_field="name", queryset=Author.objects.all())
    born = serializers.DateField(source="author.born", read_only=True)
    label = serializers.SerializerMethodField()

    class Meta:
        model = Book
        fields = ["id", "author", "born", "title", "label", "genre"]
        validators = [
            UniqueTogetherValidator(queryset=Book.objects.all(), fields=["author", "title"])
        ]

    def get_label(self, book: Book) -> str:
        """Return author and title."""
        return f"{book.author.name}: {book.title}"


class NestedAuthorSerializer(AuthorSerializer):
    """Shows the author's books and takes new ones with the author."""

    class Books(SharedFields, serializers.ModelSerializer):
        """Books within their author."""

        class Meta:
            model = Book
            fields = ["id", "title", "genre"]

    books = Books(many=True, required=False)

    class Meta(AuthorSerializer.Meta):
        fields = ["id", "name", "books"]

    def create(self, validated_data: Any) -> Author:
        """Save the author, then the books."""
        books = validated_data.pop("books", [])
        author: Author = super().create(validated_data)
        Book.objects.bulk_create([Book(author=author, **book) for book in books])
        return author

    def update(self, instance: Author, validated_data: Any) -> Author:
        """Save the author only."""
        validated_data.pop("books", None)
        author: Author = super().update(instance, validated_data)
        return author


class LinkedBookSerializer(SharedFields, serializers.HyperlinkedModelSerializer):
    """Links instead of keys."""

    class Meta:
        model = Book
        fields = ["url", "title", "author"]
        extra_kwargs = {
            "url": {"view_name": "book-detail"},
            "author": {"view_name": "author-detail"},
        }


class OwnedBookSerializer(SharedFields, serializers.ModelSerializer):
    """Whose owner is who asks."""

    owner = serializers.HiddenField(default=serializers.CurrentUserDefault())
    author: Any = serializers.PrimaryKeyRelatedField(read_only=True)

    class Meta:
        model = Book
        fields = ["id", "author", "title", "owner"]


class TicketSerializer(SharedFields, serializers.ModelSerializer):
    """A key that is no number, and a unique text whose rule stands in the database only."""

    class Meta:
        model = Ticket
        fields = ["id", "holder"]
        extra_kwargs: Any = {"holder": {"validators": []}}


class LoanSerializer(SharedFields, serializers.ModelSerializer):
    """A model whose manager hides rows."""

    class Meta:
        model = Loan
        fields = ["id", "reader", "returned"]


class WatchedSerializer(SharedFields, serializers.ModelSerializer):
    """A model with listeners."""

    class Meta:
        model = Watched
        fields = ["id", "name", "seen"]


class ShoutingSerializer(SharedFields, serializers.ModelSerializer):
    """A model that saves in a way of its own."""

    class Meta:
        model = Shouting
        fields = ["id", "name"]


class MemberSerializer(SharedFields, serializers.ModelSerializer):
    """A model of two tables."""

    class Meta:
        model = Member
        fields = ["id", "name", "since"]


class Counting(serializers.IntegerField):
    """A field that keeps something between its uses."""

    def run_validation(self, data: Any = empty) -> Any:
        """Return the number and how often one was asked for before."""
        self.times = getattr(self, "times", 0) + 1
        return super().run_validation(data) * 10 + self.times


class CountingSerializer(ShelfSerializer):
    """Has a field with a memory."""

    rank = Counting()

    class Meta(ShelfSerializer.Meta):
        fields = ["id", "label", "rank"]
