"""Who may come in is asked whenever the framework asks: empty promises, changed gates."""

from unittest import mock

import pytest
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.routers import SimpleRouter

from drf_speedups.eligibility import StepAside
from drf_speedups.eligibility.views import deciding
from tests.speedups.library import letting_in
from tests.speedups.library.comparing import ALL, Request, assert_same
from tests.speedups.library.ways_around import Plain

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]


class Promises(letting_in.Promises):
    """Has a promise of its own, and the code of its base."""


class Guarded(Plain):
    authentication_classes = [Promises]
    permission_classes = [letting_in.SignedIn]


class Open(Plain):
    permission_classes = [AllowAny]


router = SimpleRouter()
for view_set in (Guarded, Open):
    router.register(view_set.__name__.lower(), view_set, basename=view_set.__name__)
urlpatterns = router.urls


@pytest.mark.parametrize("said", [
    ("HTTP_X_KEY"), ("X-Key",), None, 5, property(lambda _self: ("HTTP_X_KEY",)), (None,),
])  # fmt: skip
def test_a_promise_that_names_no_keys_lets_nobody_in(said):
    patched = mock.patch.object(Promises, "decides_by", said, create=True)
    with patched, pytest.raises(StepAside, match="give it a tuple of keys"):
        deciding(Guarded)


def test_a_promise_without_its_comma_lets_in_those_with_a_key_only():
    without, key = Request("GET", "/guarded/1/"), {"X-Key": "1"}
    with mock.patch.object(Promises, "decides_by", "HTTP_X_KEY", create=True):
        answers = assert_same([without, Request("GET", "/guarded/1/", headers=key), without], ALL)
    assert [one[0][:3] for one in answers] == ["403", "200", "403"]


@pytest.mark.parametrize("said", [(), ("HTTP_X_KEY",), ["REMOTE_USER"], ("wsgi.url_scheme",)])
def test_a_promise_names_keys_of_the_environment(said):
    with mock.patch.object(Promises, "decides_by", said, create=True):
        assert deciding(Guarded) == tuple(said)


def forbid(*_args: object) -> bool:
    return False


@pytest.mark.parametrize(("kind", "name"), [
    (BasePermission, "has_object_permission"), (AllowAny, "has_permission"),
])  # fmt: skip
def test_a_package_that_changes_the_framework_s_permissions_is_asked(kind, name):
    with mock.patch.object(kind, name, forbid):
        assert {one[0][:3] for one in assert_same([Request("GET", "/open/1/")] * 2, ALL)} == {"403"}
