"""The helper for a project's own tests, in projects that do more than a table of items."""

import contextlib
import itertools

import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.signing import TimestampSigner
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, throttle_classes
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from drf_speedups.testing import Request, assert_same_answers
from tests.speedups.library.odd_models import Hiding
from tests.speedups.library.related_models import Article, Topic
from tests.speedups.representation.comparing import seed

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Once(SimpleRateThrottle):
    """Counts all requests together."""

    rate = "1/min"

    def get_cache_key(self, *_asked):
        return "once"


def _pieces_are_on():
    return "answers" in settings.SPEEDUPS


def relate(_request):
    """Let an article have other topics where the pieces are on."""
    Article.objects.get(id=1).topics.set([1, 2] if _pieces_are_on() else [1])
    return HttpResponse()


def hide(_request):
    """Store what the model's own manager does not show, another one where the pieces are on."""
    Hiding.objects.create(rank=1000 + _pieces_are_on())
    return HttpResponse()


def durably(_request):
    """Change something that is not to be a part of anything else."""
    with transaction.atomic(durable=True):
        Article.objects.update(title="changed")
    return HttpResponse()


def fail(request):
    """Refuse a row because of another, in a transaction or not."""
    with transaction.atomic(savepoint=False) if request.GET else contextlib.nullcontext():
        Topic.objects.create(id=1, word="late")
    return HttpResponse()


def look(_request):
    """Say what there is."""
    return HttpResponse(str(Topic.objects.count()))


def count(_request):
    """Count requests, where another cache than the usual one is used for that."""
    other = caches["other"]
    other.add("asked", 0)
    return HttpResponse(str(other.incr("asked")))


def upload(_request):
    """Keep a file, whose name another one may have."""
    return HttpResponse(FileSystemStorage().save("notes.txt", ContentFile(b"of mine")))


@cache_page(600)
def timed(_request):
    """Say when the answer expires and how old it is, in a signature, too."""
    return HttpResponse(TimestampSigner().sign("mine"))


@api_view(["POST"])
@authentication_classes([SessionAuthentication])
def change(request):
    """Say who changes something."""
    return Response(getattr(request.user, "username", ""))


@api_view(["GET"])
@throttle_classes([Once])
def once(_request):
    """Answer once a minute."""
    return Response()


@api_view(["GET"])
@authentication_classes([BasicAuthentication])
def who(request):
    """Say who asks."""
    return Response(
        [getattr(request.user, "username", ""), request.META.get("HTTP_AUTHORIZATION", "")]
    )


urlpatterns = [
    *(
        path(f"{view.__name__}/", view)
        for view in (relate, hide, durably, fail, look, count, upload, timed)
    ),
    path("who/", who),
    path("once/", once),
    path("change/", change),
]


def test_rows_of_a_table_between_two_others_are_compared(client):
    seed()
    with pytest.raises(AssertionError, match="Article_topics has other rows"):
        assert_same_answers(client, [Request("GET", "/relate/")])


def test_rows_that_a_model_s_own_manager_hides_are_compared(client):
    with pytest.raises(AssertionError, match="Hiding has other rows"):
        assert_same_answers(client, [Request("GET", "/hide/")])


def test_a_change_that_is_to_be_durable_may_be_made(client):
    (answer,) = assert_same_answers(client, [Request("GET", "/durably/")])
    assert answer.status == "200 OK"


@pytest.mark.parametrize("path", ["/fail/", "/fail/?atomic"])
def test_a_statement_that_fails_is_its_request_s_trouble_alone(client, path):
    seed()
    answers = assert_same_answers(client, [Request("GET", path), Request("GET", "/look/")])
    assert [(one.status[:3], one.raised) for one in answers] == [
        ("500", IntegrityError), ("200", None),
    ]  # fmt: skip


def test_every_cache_is_empty_before_the_requests_are_sent_again(client, settings):
    memory = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {
        "default": {"BACKEND": memory},
        "other": {"BACKEND": memory, "LOCATION": "x"},
    }
    (answer,) = assert_same_answers(client, [Request("GET", "/count/")])
    assert answer.body == b"1"


def test_a_file_that_was_kept_is_gone_before_it_is_sent_again(client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    first, second = assert_same_answers(client, [Request("GET", "/upload/")] * 2)
    assert (first.body, second.body != b"notes.txt") == (b"notes.txt", True)
    assert not [*tmp_path.iterdir()]


def test_what_an_answer_says_of_the_time_is_the_same(client, monkeypatch):
    seconds = itertools.count(10**9)
    monkeypatch.setattr("time.time", lambda: next(seconds))
    asked = [Request("GET", path) for path in ("/timed/", "/timed/", "/once/", "/once/")]
    answers = assert_same_answers(client, asked)
    assert [one.status[:3] for one in answers] == ["200", "200", "200", "429"]
    assert "Age" in dict(answers[1].headers)


def test_a_client_of_the_framework_is_who_it_says(django_user_model):
    client, kim = APIClient(), django_user_model.objects.create(username="kim")
    client.credentials(HTTP_AUTHORIZATION="Token 7")
    (answer,) = assert_same_answers(client, [Request("GET", "/who/")])
    assert answer.body == b'["","Token 7"]'
    client.force_authenticate(kim)
    (answer,) = assert_same_answers(client, [Request("GET", "/who/")])
    assert answer.body == b'["kim","Token 7"]'


@override_settings(SPEEDUPS=None)
def test_no_list_of_pieces_is_all_of_them(client):
    assert_same_answers(client, [Request("GET", "/who/")])


@pytest.mark.parametrize(("checks", "status"), [(False, "200 OK"), (True, "403 Forbidden")])
def test_a_client_that_is_logged_in_may_change_something(django_user_model, checks, status):
    client = Client(enforce_csrf_checks=checks)
    client.force_login(django_user_model.objects.create(username="kim"))
    (answer,) = assert_same_answers(client, [Request("POST", "/change/")])
    assert answer.status == status
