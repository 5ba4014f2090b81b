"""`manage.py speedups` in projects of all kinds."""

import io

import pytest
from django.core.management import call_command
from django.db.models.signals import post_init
from django.urls import path
from rest_framework.generics import ListAPIView

from tests.speedups.library.ways_around import Plain
from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import installed

pytestmark = pytest.mark.urls(__name__)


class Listed(ListAPIView):
    """No view set, but one of the framework's generic views."""

    serializer_class = drawn.serializer_of(drawn.Spec())


class Aside(Plain):
    """Is not in the lane."""

    def initial(self, request, *args, **kwargs):
        """Do what the framework does."""
        super().initial(request, *args, **kwargs)


urlpatterns = [path("listed/", Listed.as_view()), path("aside/", Aside.as_view({"get": "list"}))]


def _said():
    said = io.StringIO()
    call_command("speedups", stdout=said)
    return said.getvalue()


def test_generic_views_are_listed_too():
    with installed():
        said = _said().splitlines()
    assert said[said.index("Listed") + 1].split(maxsplit=1) == ["rows", "lists by the database"]


def test_who_listens_to_rows_that_are_made_is_named_and_keeps_lists_from_the_database():
    def noting(**_kwargs):
        """Do nothing, which nobody can tell."""

    post_init.connect(noting)
    try:
        with installed():
            said = _said()
    finally:
        post_init.disconnect(noting)
    assert "lists by the database" not in said
    assert f"post_init ({__name__}.{noting.__qualname__})" in said


def test_each_action_of_the_service_is_on_with_the_backends_that_it_has(settings):
    settings.ROOT_URLCONF = "project.urls"
    lines = _said().splitlines()
    begin = lines.index("ItemViewSet") + 1
    assert [line.split()[1:] for line in lines[begin : begin + 6]] == [["on"]] * 6


@pytest.mark.parametrize(("debug", "urls"), [
    (True, __name__), (False, __name__),
    (False, "tests.speedups.library.urls"),  # all kinds of view sets, which takes two seconds
])  # fmt: skip
def test_routes_that_are_not_in_the_lane_are_listed_where_there_is_one(settings, debug, urls):
    settings.DEBUG, settings.MIDDLEWARE, settings.ROOT_URLCONF = debug, [], urls
    said = _said()
    assert ("express lane: DEBUG is on" in said) is debug
    assert ("  not in it: " in said) is not debug


def test_it_is_written_at_once():
    class Written(io.StringIO):
        times = 0

        def write(self, text):
            self.times += 1
            return super().write(text)

    call_command("speedups", stdout=(said := Written()))
    assert said.times == 1
