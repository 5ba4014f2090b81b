"""View sets drawn at random answer as they do with the framework's own serialization.

`FUZZ_EXAMPLES=2000 pytest tests/speedups/representation/test_drawn.py` looks for longer.
"""

import os

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.speedups.representation.comparing import answered, installed, seed
from tests.speedups.representation.drawn import PARTS, ZONES, Spec, view_of
from tests.speedups.representation.odd import ODD
from tests.speedups.representation.shown import SHOWN
from tests.speedups.representation.views import QUERY_SETS, made

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


class Undo(Exception):  # noqa: N818  (no error)
    """Ends a transaction."""


def outcome(spec, action):
    """Return an answer, or the error that comes of it, and how many queries there were.

    What is changed is undone.
    """
    made.clear()
    kwargs = {"pk": 3} if action == "retrieve" else {}
    view = view_of(spec).as_view({"get": action})
    answer = None
    connection.queries_log.clear()  # it warns when it is full
    queries = CaptureQueriesContext(connection)
    try:
        with transaction.atomic(), timezone.override(ZONES[spec.zone]), ODD[spec.odd](), queries:
            try:
                answer = answered(view, spec.path, headers={"HTTP_ACCEPT": spec.accept}, **kwargs)
            except Exception as error:  # noqa: BLE001
                answer = type(error), str(error)
            connection.needs_rollback = False
            raise Undo
    except Undo:
        return answer, dict(made), len(queries)


def assert_same(spec):
    for action in ("list", "retrieve"):
        if action == "retrieve" and spec.rows in {"raw", "list", "union", "values"}:
            continue
        *stock, queries = outcome(spec, action)
        with installed():
            *ours, more = outcome(spec, action)
        assert (spec, action, ours) == (spec, action, stock)
        raised = isinstance(ours[0][0], type)  # before a statement that is in the log, unsent
        assert raised or more <= queries, (spec, action)


def parts(names):
    return st.one_of(st.just(names[0]), st.just(names[0]), st.sampled_from(names))


specs = st.builds(
    Spec,
    shown=st.lists(st.sampled_from([*SHOWN]), min_size=1, max_size=6, unique=True).map(tuple),
    **{kind: parts(names) for kind, names in PARTS.items()},
)


@pytest.fixture(autouse=True)
def rows(db):
    seed()


@pytest.mark.parametrize("name", SHOWN)
def test_a_field_is_shown_as_with_stock(name):
    assert_same(Spec(shown=("id", name)))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in PARTS.items() for name in names[1:]]
)
def test_a_part_goes_as_with_stock(kind, name):
    pages = {"pages": "numbers"} if kind in {"view", "renderer", "path"} else {}
    for shown in (
        ("id", "title", "made_at", "price"),
        ("title", "count", "editor in full", "topics"),
    ):
        assert_same(Spec(shown=shown, **{**pages, kind: name}))


@pytest.mark.parametrize("spec", [
    Spec(rows="list", pages="numbers"), Spec(rows="raw", pages="offset"),
    Spec(rows="own", pages="numbers"), Spec(shown=("id", "of"), rows="odd"),
    Spec(shown=("id", "count"), rows="odd"), Spec(shown=("id", "count"), rows="computed"),
    Spec(rows="distinct", pages="offset"),
    Spec(shown=("id", "author"), rows="joined", odd="editors heard"),
    Spec(shown=("id", "author"), rows="beside, to one", odd="editors heard"),
    Spec(shown=("id", "topics"), rows="beside", view="twice"),
    Spec(shown=("id", "editor as many"), rows="beside, to one"),
    Spec(shown=("id", "reviewer_town"), rows="beside, to one"),
    Spec(shown=("id", "topics in full"), rows="beside", view="own list", pages="numbers"),
    Spec(shown=("id", "topics", "topic links"), rows="beside", view="adding"),
    Spec(shown=("id", "broken link"), odd="no rows"), Spec(shown=("id", "wrong"), odd="no rows"),
])  # fmt: skip
def test_a_known_case_goes_as_with_stock(spec):
    assert_same(spec)


@pytest.mark.parametrize("rows", [name for name in QUERY_SETS if name.startswith("beside")])
def test_rows_beside_a_list_go_as_with_stock(rows):
    many = "topics in town", "topic words", "topic links", "topics", "topics marked"
    one = "editor in all", "note in full", "note", "reviewer in full", "reviewing", "free topics"
    for shown in (many, one, ("hired", "staff", "reviewer_town", "note text", "place in full")):
        assert_same(Spec(shown=("id", *shown), rows=rows))


@pytest.mark.timeout(0 if EXAMPLES else 120)
@settings(
    max_examples=EXAMPLES or 25, derandomize=not EXAMPLES, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(specs)
def test_a_view_set_drawn_at_random_goes_as_with_stock(spec):
    assert_same(spec)
