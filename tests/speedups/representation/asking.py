"""A view set asked twice and more, with all that it does to the database."""

from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import answered, installed
from tests.speedups.representation.drawn import Spec


def view_of(spec=None, action="list", mixin=object, **more):
    bases = tuple(one for one in (mixin, drawn.view_of(spec or Spec())) if one is not object)
    view: Any = type("View", bases, more)
    return view.as_view({"get": action})


def outcome(ask):
    """Return what is given, or the error in words; what it did to the database is undone."""
    try:
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            try:
                return ask(), len(queries)
            except Exception as error:  # noqa: BLE001
                return repr(error)
            finally:
                transaction.set_rollback(True)
    except transaction.TransactionManagementError as error:
        return repr(error)


def assert_same(view, path="/", times=2, **kwargs):
    stock = [outcome(lambda: answered(view, path, **kwargs)) for _ in range(times)]
    with installed():
        assert [outcome(lambda: answered(view, path, **kwargs)) for _ in range(times)] == stock


def assert_same_answer(view):
    """Compare answers only: what is related comes by fewer queries."""
    stock = outcome(lambda: answered(view))
    with installed():
        ours = outcome(lambda: answered(view))
    assert ours == stock if isinstance(stock, str) else ours[0] == stock[0]


def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)
