"""What was made while somebody's code stood in the place of Django's is not kept."""

from unittest import mock

import pytest
from django.db.models import Max, lookups
from django.db.models.expressions import Col
from django.db.models.sql import Query

from drf_speedups.queries import building
from tests.speedups.library.related_models import Article
from tests.speedups.queries.test_later import asked
from tests.speedups.representation.comparing import installed

pytestmark = pytest.mark.django_db
PATH, SQL = Query.names_to_path, Col.as_sql


def bodies(self, names, *args, **kwargs):
    """Find another column by the name of one."""
    names = ["body" if name == "title" else name for name in names]
    return PATH(self, names, *args, **kwargs)


def upper(self, *args):
    """Say what is in a column loudly."""
    sql, values = SQL(self, *args)
    return f"UPPER({sql}::text)", values


@pytest.mark.parametrize(("kind", "name", "own"), [
    (Query, "names_to_path", bodies), (Col, "as_sql", upper),
])  # fmt: skip
@pytest.mark.parametrize("way", [
    lambda: Article.objects.filter(title="a").count(),
    lambda: [*Article.objects.filter(title="a").order_by("title").values_list("title")],
    lambda: Article.objects.filter(title="a").exists(),
    lambda: Article.objects.aggregate(Max("title")),
])  # fmt: skip
def test_what_is_found_meanwhile_is_not_used_afterwards(kind, name, own, way):
    stock = asked(way)
    with installed():
        asked(Article.objects.filter(level=1).count)
        with mock.patch.object(kind, name, own):
            asked(way)
        assert asked(way) == stock


def test_what_was_there_at_the_first_look_is_forgotten_with_the_rest():
    stock = lookups.Contains.as_sql
    own = mock.patch.object(lookups.Contains, "as_sql", lambda *args: stock(*args))
    with own, installed():
        asked(Article.objects.filter(title__contains="a").count)
    with installed():
        Article.objects.filter(title__contains="a")
        assert building._builds().look()
