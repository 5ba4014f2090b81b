"""Who listens to all models and does nothing for most of them keeps no list from the database."""

import gc
import importlib
import io
import sys
import weakref
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.signals import post_init, post_save, pre_save
from django.urls import path
from rest_framework import generics, renderers

from drf_speedups.eligibility import members
from drf_speedups.eligibility.listeners import IMAGEKIT
from drf_speedups.eligibility.models import READ, SAVED, Silence
from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.representation.finished import Finished
from tests.speedups import library
from tests.speedups.library.related_models import Article, Editor, Topic
from tests.speedups.library.standing_before import Before
from tests.speedups.representation.comparing import factory, installed, seed
from tests.speedups.representation.shown import serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
SOURCE = (Path(library.__file__).parent / "pictures.py").read_text()  # which connects itself


class Listed(generics.ListAPIView):
    """A list that is the database's."""

    queryset = Article.objects.all()
    serializer_class = serializer(Article, "id", "title")
    renderer_classes = (renderers.JSONRenderer,)


urlpatterns = [path("listed/", Listed.as_view())]


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    """Let the other tests have signals, and what is known of a module, as they were."""
    for signal in (post_init, post_save):
        monkeypatch.setattr(signal, "receivers", [*signal.receivers])
        signal.sender_receivers_cache.clear()
    yield
    monkeypatch.undo()
    for signal in (post_init, post_save):
        signal.sender_receivers_cache.clear()
    members._compiled.cache_clear()


@pytest.fixture
def imagekit(tmp_path, monkeypatch):
    """Return what imports the listener's module, with its text changed."""

    def imported(*changes):
        source = SOURCE
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        folder = tmp_path / "imagekit" / "specs"
        folder.mkdir(parents=True)
        for module in (folder.parent / "__init__.py", folder / "__init__.py"):
            module.write_text("")
        (folder / "sourcegroups.py").write_text(source)
        for name in ("imagekit", "imagekit.specs", IMAGEKIT):
            monkeypatch.setitem(sys.modules, name, None)  # and what it is now is forgotten
            del sys.modules[name]
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module(IMAGEKIT)

    return imported


def who_listens(model, heard=READ):
    silence = Silence(model, heard)
    try:
        silence.check()
    except StepAside as reason:
        assert not silence
        return str(reason)
    assert silence
    return ""


def test_it_is_let_be_for_models_without_pictures(imagekit):
    module = imagekit()
    assert who_listens(Article) == who_listens(Article, SAVED) == ""
    module.ImageFieldSourceGroup(Editor)
    assert who_listens(Article) == ""
    assert "post_init (imagekit.specs.sourcegroups.ModelSignalRouter" in who_listens(Editor)


def test_pictures_that_are_told_of_later_count_from_then_on(imagekit):
    module = imagekit()
    silence, saved = Silence(Article, READ), Silence(Article, (pre_save, post_save))
    assert silence
    assert saved
    module.ImageFieldSourceGroup(Article.__mro__[1])  # which it inherits from
    assert not silence
    assert not saved
    module.signal_router._source_groups.clear()
    assert silence


def test_lists_are_the_database_s_unless_it_does_something(imagekit):
    seed()
    module = imagekit()
    stock = listed()
    with installed():
        assert listed() == (stock[0], True)
        assert "lists by the database" in said()
        module.ImageFieldSourceGroup(Article)
        assert b"Article with a picture" in listed()[0]
        assert not listed()[1]
        assert "post_init (imagekit.specs.sourcegroups." in said()


def listed():
    """Return the body of a list, and whether the database wrote it."""
    response = Listed.as_view()(factory.get("/"))
    return response.render().content, type(response.data) is Finished


def said():
    told = io.StringIO()
    call_command("speedups", stdout=told)
    return told.getvalue()


@pytest.mark.parametrize("changes", [
    [("if inspect.isclass(sender)", "if inspect.isclass(sender) or print(sender)")],
    [("def receiver(self", "def hearing(self"), ("return receiver", "return hearing")],
    [("group.model_class", "group.model")],
    [("    @ik_model_receiver\n    def post_init_receiver", "    def post_init_receiver")],
    [("class ModelSignalRouter:", "class Router:"), ("= ModelSignalRouter()", "= Router()")],
    [("receiver(fn):", "receiver(fn, more=()):"), ("in self.", "in more or self.")],
    [("if issubclass", "if not issubclass"), ("groups = []", "groups = [ImageFieldSourceGroup]"),
     ("self.model_class = model_class", ""), ('"""Says', 'model_class = str\n    """Says')],
])  # fmt: skip
def test_code_that_is_not_known_may_do_anything(imagekit, changes):
    module = imagekit(*changes)
    assert who_listens(Article).count(module.__name__) == 1


def test_code_that_somebody_put_into_it_may_do_anything(imagekit):
    module = imagekit()
    function = vars(module.ModelSignalRouter)["post_init_receiver"]
    own: dict[str, Any] = {}
    text = SOURCE.replace("inspect.isclass(sender)", "not inspect.isclass(sender)")
    exec(compile(text, IMAGEKIT, "exec"), own)
    post_init.disconnect(dispatch_uid="pictures")
    post_init.connect(module.signal_router.post_init_receiver)
    assert who_listens(Article) == ""
    function.__code__ = vars(own["ModelSignalRouter"])["post_init_receiver"].__code__
    assert who_listens(Article)


def elsewhere(function):
    """Return a function that finds other things by the names in it."""
    return FunctionType(function.__code__, {"inspect": None}, closure=function.__closure__)


@pytest.mark.parametrize("wrap", [
    lambda listener: Before(listener, print),
    lambda listener: lambda **kwargs: listener(**kwargs),
    lambda listener: partial(listener),
    lambda listener: MethodType(listener.__func__, SimpleNamespace(_source_groups=[])),
    lambda listener: MethodType(elsewhere(listener.__func__), listener.__self__),
    lambda listener: MethodType(Before(listener.__func__, print), listener.__self__),
    lambda listener: type("Own", (type(listener.__self__),), {})().post_init_receiver,
])  # fmt: skip
def test_what_stands_before_it_may_do_anything(imagekit, wrap):
    module = imagekit()
    listener = wrap(module.signal_router.post_init_receiver)
    post_init.disconnect(dispatch_uid="pictures")
    post_init.connect(listener, weak=False)
    assert who_listens(Article)


def test_others_are_heard_beside_it(imagekit):
    imagekit()

    def listener(**_kwargs):
        """Do nothing, which nobody can tell."""

    post_init.connect(listener, sender=Topic)
    assert who_listens(Article) == ""
    assert who_listens(Topic).endswith(f"post_init ({__name__}.{listener.__qualname__})")
    post_init.disconnect(listener, sender=Topic)
    assert who_listens(Topic) == ""


def test_nobody_is_kept_alive_by_being_looked_at(imagekit):
    module = imagekit()
    silence = Silence(Article, READ)
    gone = weakref.ref(module.signal_router)
    del module.signal_router
    gc.collect()
    assert gone() is None
    assert not silence  # until Django looks who is left
    assert not post_init.has_listeners(Article)
    assert silence


def test_projects_without_it_hear_all(imagekit, monkeypatch):
    module = imagekit()
    monkeypatch.delitem(sys.modules, IMAGEKIT)
    assert who_listens(Article).count(module.__name__) == 1
