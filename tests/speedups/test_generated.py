"""Generated conversations: with all pieces every one goes as with stock REST framework.

The default run is short and always the same. FUZZ_EXAMPLES=1000 makes it long and random.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.speedups.library.comparing import (
    ALL,
    NOW,
    Request,
    answer,
    assert_alike,
    only,
    seed,
    served,
    told,
)
from tests.speedups.library.models import Shelf
from tests.speedups.library.urls import router

pytestmark = [
    pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"]),
    pytest.mark.urls(__name__),
]
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
ROUTES = ["/shelves/", "/ordered-shelves/", "/open-shelves/", "/raw-shelves/", "/where/", "/loans/"]
urlpatterns = [  # all view sets of the library would be looked at for each conversation
    one for one in router.urls if f"/{str(one.pattern).removeprefix('^')}".startswith((*ROUTES,))
]
text = st.text(max_size=40) | st.sampled_from(["  a  ", "\u2028\u2029", "\x00", "a" * 31, "\ud800"])
numbers = st.integers(-(2**65), 2**65) | st.floats() | st.decimals(-100_000, 100_000, places=5)
values = st.none() | st.booleans() | text | numbers.map(str) | st.integers() | st.dates().map(str)
bodies = st.dictionaries(
    st.sampled_from([field.name for field in Shelf._meta.fields] + ["title", "reader", "returned"]),
    values,
    max_size=6,
).map(lambda body: json.dumps(body).encode())
valid = st.fixed_dictionaries({"label": st.text('ab\u2028"\\<é\t', min_size=2, max_size=30)}).map(
    lambda body: json.dumps(body | {"title": "t", "reader": "r"}).encode()
)
keys = st.integers(0, 8).map(str) | st.sampled_from(["007", "x", "-1", str(2**64)])
queries = st.lists(
    st.tuples(
        st.sampled_from(["limit", "cursor", "format", "x"]),
        st.sampled_from(["", "1", "2", "0", "cD0z", "cj0xJnA9Mg==", "json", "é"]),
    ),
    max_size=3,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
headers = st.dictionaries(
    st.sampled_from(["Accept", "Content-Type", "X-Http-Method-Override", "Range", "Cookie"]),
    st.sampled_from(["application/json", "*/*", "text/plain;q=0.5, */*;q=0.1", "a", ",;,"]),
    max_size=2,
)


@st.composite
def requests(draw):
    route = draw(st.sampled_from(ROUTES))
    place = draw(st.just("") | keys.map("{}/".format))
    method = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]))
    query = draw(queries)
    sent = draw(valid | bodies | st.binary(max_size=9)) if method[0] == "P" else b""
    return Request(method, f"{route}{place}{query and '?'}{query}", sent, draw(headers))


# Several at once: before each lot all view sets are looked at anew, which takes longer than talk.
@how(
    max_examples=int(EXAMPLES or 3), derandomize=not EXAMPLES, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.lists(st.lists(requests(), min_size=4, max_size=12), min_size=5, max_size=7))
def test_conversations_go_as_with_the_framework(conversations):
    stock, ours = (told(conversations, pieces) for pieces in (None, ALL))
    for asked, one, other in zip(conversations, stock, ours, strict=True):
        assert_alike(asked, one, other)


def at_once(pieces):
    """Let four clients talk at once, each about a row of its own; return what each was told."""

    def client(row):
        try:
            return [
                answer(application, Request(method, f"/shelves/{row}/", body))[:3]
                for turn in range(8)
                for method, body in (
                    ("PATCH", b'{"rank": %d, "changed": 1}' % (row + turn)),
                    ("PATCH", b'{"label": "%s"}' % (b"x" * (turn % 3))),
                    ("GET", b""),
                    ("DELETE" if turn == 7 else "HEAD", b""),
                )
            ]
        finally:
            connection.close()

    seed()
    Shelf.objects.update(changed_at="2026-01-01T00:00Z")
    with only(pieces), served() as application, ThreadPoolExecutor(4) as pool:
        return [*pool.map(client, (2, 3, 4, 5))], [*Shelf.objects.values("pk", "label", "rank")]


def test_clients_at_once_are_told_what_the_framework_tells_them(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    assert at_once(ALL) == at_once(None)
