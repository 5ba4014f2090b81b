"""Fields and serializers of the tables that refer to one another."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import serializers

from tests.speedups.library.related_models import Article, Editor, Note, Reply, Topic, Town


def serializer(row_class: Any, *shown: str, **attributes: Any) -> Any:
    """Return a new serializer class."""
    meta = type("Meta", (), {"model": row_class, "fields": [*shown]})
    return type(f"{row_class.__name__}s", (serializers.ModelSerializer,),
                {"Meta": meta, **attributes})  # fmt: skip


class Loud(serializers.CharField):
    """Code of its own that only computes."""

    def to_representation(self, value: Any) -> str:
        return str(value).upper()


class Asking(serializers.CharField):
    """Code of its own that looks at the request."""

    def to_representation(self, value: Any) -> str:
        return f"{value} for {self.context['request'].path}"


class Marked(serializers.PrimaryKeyRelatedField):
    """Shows a key in its own way."""

    def to_representation(self, value: Any) -> str:
        return f"#{value.pk}"


class Named(serializers.SlugRelatedField):
    """Shows a name in its own way."""

    def to_representation(self, obj: Any) -> str:
        return str(obj.pk)


class Counted(serializers.ManyRelatedField):
    """Shows how many there are."""

    def to_representation(self, iterable: Any) -> Any:
        return len(iterable)


class Method(serializers.SerializerMethodField):
    """Shows something else than the method says."""

    def to_representation(self, attribute: Any) -> Any:
        return "its own"


class OwnFile(serializers.FileField):
    """Shows a file in its own way."""

    def to_representation(self, value: Any) -> Any:
        return f"{value.instance.pk}: {super().to_representation(value)}"


class Crowded(serializers.FileField):
    """Shows URLs where there are few other fields."""

    use_url = property(lambda self: len(self.parent.fields) < 3)


class Checked(serializers.ImageField):
    """Looks at what is sent, and shows it as ever."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data)


class Made(serializers.CharField):
    """Made in its own way."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="title", **kwargs)


class Few(serializers.ModelSerializer):
    """Each serializer has its own fields."""

    class Meta:
        model = Article
        fields = ["id", "title", "editor"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "few" in getattr(self.context.get("request"), "GET", {}):
            self.fields.pop("editor")


class OwnFields(serializers.ModelSerializer):
    """Each request has its own fields."""

    class Meta:
        model = Article
        fields = ["id", "title", "editor"]

    def get_fields(self) -> Any:
        found = super().get_fields()
        if self.context:
            found.pop("editor")
        return found


class Changing(serializers.ModelSerializer):
    """Each row has its own fields."""

    class Meta:
        model = Article
        fields = ["id", "title", "editor"]

    def to_representation(self, instance: Any) -> Any:
        if instance.pk == 2:
            self.fields.pop("editor", None)
        return super().to_representation(instance)


class More(serializers.ModelSerializer):
    """Something is added to what the framework makes."""

    class Meta:
        model = Editor
        fields = ["id", "name"]

    def to_representation(self, instance: Any) -> Any:
        return {**super().to_representation(instance), "more": instance.shout}


class Methodical(serializers.ModelSerializer):
    """A nested serializer whose method looks around."""

    method = serializers.SerializerMethodField()

    class Meta:
        model = Editor
        fields = ["id", "method"]

    def get_method(self, row: Any) -> list[Any]:
        """Return what a method can see."""
        return [row.name, self.context["request"].path, type(self.parent).__name__]


FILES = serializer(Editor, "portrait", "name")
CROWDED = serializer(Editor, "portrait", "name", portrait=Crowded())
ICON = serializer(Topic, "icon", "word")
TREE_OF_FILES = serializer(Editor, "staff", "portrait", "articles", staff=FILES(many=True),
                           articles=serializer(Article, "cover")(many=True))  # fmt: skip
TOWN = serializer(Town, "id", "name", "code", "founded")
TOPIC = serializer(Topic, "id", "word", "weight")
TOPIC_IN_TOWN = serializer(Topic, "word", "town", town=TOWN())
EDITOR = serializer(Editor, "id", "name", "hired", "chief")
YEAR = serializers.DateTimeField(format="%Y")
DATED = serializer(Editor, "hired", "name", hired=YEAR)
DATED_IN_TOWN = serializer(Editor, "hired", "name", "town", hired=YEAR, town=serializer(
    Town, "founded", "code", founded=serializers.DateField(format="%d.%m."))())  # fmt: skip
EDITOR_IN_TOWN = serializer(Editor, "name", "town", "chief", town=TOWN(), chief=EDITOR())
NOTE = serializer(Note, "article", "text")
REPLY = serializer(Reply, "id", "text", "answered")
NOTE_AND_REPLY = serializer(Note, "text", "reply", reply=REPLY())
FREE = serializer(Note, "text", "free")
ARTICLE = serializer(Article, "id", "title", "topics", "extra", topics=TOPIC_IN_TOWN(many=True))
EDITOR_IN_ALL = serializer(Editor, "name", "articles", "staff", "town",
                           articles=ARTICLE(many=True))  # fmt: skip
CHAIN = serializer(Editor, "name", "chief")
CHAIN._declared_fields["chief"] = CHAIN()  # as projects write it for rows within rows
TREE = serializer(Editor, "name", "staff")
TREE._declared_fields["staff"] = TREE(many=True)
FIELD = serializers
TOKYO = ZoneInfo("Asia/Tokyo")
SHOWN: dict[str, Callable[[], Any]] = {
    **{one.name: lambda: None for one in Article._meta.concrete_fields},
    "topics": lambda: None,
    "summary": lambda: None,
    "length": lambda: None,
    "author": lambda: FIELD.CharField(source="editor.name"),
    "author_name": lambda: FIELD.ReadOnlyField(source="editor.name"),
    "reviewing": lambda: FIELD.CharField(source="reviewer.name", default="nobody"),
    "reviewer_town": lambda: FIELD.UUIDField(source="reviewer.town.id", required=False),
    "hired": lambda: FIELD.DateTimeField(source="editor.hired"),
    "first": lambda: FIELD.CharField(source="editor.initial"),
    "shout": lambda: FIELD.ReadOnlyField(source="editor.shout"),
    "missing": lambda: FIELD.CharField(source="nothing.at.all", required=False),
    "editor_id": lambda: FIELD.IntegerField(),
    "pk": lambda: FIELD.IntegerField(),
    "as text": lambda: FIELD.CharField(source="big"),
    "loud": lambda: Loud(source="title"),
    "asking": lambda: Asking(source="title"),
    "made": lambda: Made(),
    "whole": lambda: FIELD.DecimalField(source="price", max_digits=9, decimal_places=1),
    "floating": lambda: FIELD.FloatField(source="price"),
    "decimal": lambda: FIELD.DecimalField(source="price", max_digits=8, decimal_places=2,
                                          coerce_to_string=False),
    "date": lambda: FIELD.DateField(source="day", format="%d.%m.%y"),
    "time": lambda: FIELD.TimeField(source="hour", format="%H h"),
    "moment": lambda: FIELD.DateTimeField(source="made_at", format=None),
    "abroad": lambda: FIELD.DateTimeField(source="made_at", default_timezone=TOKYO),
    "hex": lambda: FIELD.UUIDField(source="token", format="hex"),
    "label": lambda: FIELD.CharField(source="get_level_display"),
    "choice": lambda: FIELD.ChoiceField(source="level", choices=[("1", "one"), (2, "two")]),
    "raw level": lambda: FIELD.ReadOnlyField(source="level"),
    "raw token": lambda: FIELD.ReadOnlyField(source="token"),
    "raw moment": lambda: FIELD.ReadOnlyField(source="made_at"),
    "default": lambda: FIELD.BooleanField(source="is_open", default=False),
    "method": lambda: FIELD.SerializerMethodField(),
    "editor in full": lambda: EDITOR(source="editor"),
    "editor by year": lambda: DATED_IN_TOWN(source="editor"),
    "reviewer by year": lambda: DATED(source="reviewer"),
    "reviewer in full": lambda: EDITOR(source="reviewer"),
    "editor in town": lambda: EDITOR_IN_TOWN(source="editor"),
    "editor and more": lambda: More(source="editor"),
    "editor by method": lambda: Methodical(source="editor"),
    "editor and chiefs": lambda: CHAIN(source="editor"),
    "editor and staff": lambda: TREE(source="editor"),
    "editor as many": lambda: EDITOR(source="editor", many=True),
    "editor in all": lambda: EDITOR_IN_ALL(source="editor"),
    "place in full": lambda: TOWN(source="place"),
    "note in full": lambda: NOTE(source="note"),
    "replies": lambda: REPLY(many=True),
    "note and reply": lambda: NOTE_AND_REPLY(source="note"),
    "reply text": lambda: FIELD.ReadOnlyField(source="note.reply.text"),
    "free topics": lambda: FREE(source="note"),
    "note": lambda: FIELD.PrimaryKeyRelatedField(read_only=True),
    "note text": lambda: FIELD.CharField(source="note.text", default=None),
    "topics in full": lambda: TOPIC(source="topics", many=True),
    "topics in town": lambda: TOPIC_IN_TOWN(source="topics", many=True),
    "topic words": lambda: FIELD.SlugRelatedField(
        "word", source="topics", many=True, read_only=True),
    "editor name": lambda: FIELD.SlugRelatedField("name", source="editor", read_only=True),
    "town name": lambda: FIELD.SlugRelatedField("town__name", source="editor", read_only=True),
    "editor as text": lambda: FIELD.StringRelatedField(source="place"),
    "reviewer key": lambda: FIELD.PrimaryKeyRelatedField(
        source="reviewer", read_only=True, pk_field=FIELD.CharField()),
    "name of a file": lambda: FIELD.FileField(source="cover", use_url=False),
    "file of its own": lambda: OwnFile(source="cover"),
    "crowded file": lambda: CROWDED(source="editor"),
    "checked file": lambda: Checked(source="cover"),
    "text of a file": lambda: FIELD.CharField(source="cover"),
    "portrait": lambda: FIELD.FileField(source="editor.portrait"),
    "portrait, maybe": lambda: FIELD.ImageField(source="reviewer.portrait", allow_null=True),
    "portrait, left out": lambda: FIELD.ImageField(source="reviewer.portrait", read_only=True),
    "no file": lambda: FIELD.FileField(source="title"),
    "editor's files": lambda: TREE_OF_FILES(source="editor"),
    "reviewer's file": lambda: FILES(source="reviewer"),
    "icons": lambda: ICON(source="topics", many=True),
    "hidden": lambda: FIELD.HiddenField(default=1),
    "unread": lambda: FIELD.CharField(write_only=True),
    "count": lambda: FIELD.IntegerField(required=False),
    "of": lambda: FIELD.CharField(required=False),
    "staff": lambda: EDITOR(source="editor.staff", many=True),
    "words in full": lambda: FIELD.ListField(source="words", child=FIELD.CharField()),
    "editor marked": lambda: Marked(source="editor", read_only=True),
    "note marked": lambda: Marked(source="note", read_only=True),
    "topics marked": lambda: Marked(source="topics", many=True, read_only=True),
    "topics counted": lambda: Counted(
        FIELD.PrimaryKeyRelatedField(read_only=True), source="topics", read_only=True),
    "editor named": lambda: Named("name", source="editor", read_only=True),
    "own method": lambda: Method("get_method"),
    "staff in a list": lambda: FIELD.ListField(child=Methodical(), source="editor.staff.all"),
    "wrong": lambda: None,
    "broken link": lambda: FIELD.HyperlinkedIdentityField("nowhere"),
    "first link": lambda: FIELD.HyperlinkedIdentityField("article-detail"),
    "topic links": lambda: FIELD.HyperlinkedRelatedField(
        "topic-detail", source="topics", many=True, read_only=True),
}  # fmt: skip
SERIALIZERS: dict[str, Any] = {
    "drawn": None, "few": Few, "changing": Changing, "own fields": OwnFields,
}  # fmt: skip
