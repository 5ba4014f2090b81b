"""What a class has of others, what it has got since it was looked at, and what one object has."""

import pytest
from rest_framework import serializers

from tests.speedups.library.related_models import Article
from tests.speedups.representation.asking import assert_same, view_of
from tests.speedups.representation.comparing import seed
from tests.speedups.representation.shown import serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
ACTIONS = pytest.mark.parametrize(("action", "named"), [("list", {}), ("retrieve", {"pk": 2})])


@pytest.fixture(autouse=True)
def articles(db):
    seed()


class Prefixed(serializers.CharField):
    """Leaves to others what stands before a value."""

    sign = "-"

    def prefix(self):
        """Return nothing."""
        return ""

    def to_representation(self, value):
        """Return both."""
        return self.prefix() + self.sign + str(value)


class ByPath(Prefixed):
    """Says it, by the request."""

    def prefix(self):
        """Return the path."""
        return self.context["request"].path


class BySign(Prefixed):
    """Says the sign so."""

    @property
    def sign(self):  # type: ignore[override]
        """Return the path."""
        return self.context["request"].path


@ACTIONS
@pytest.mark.parametrize("field", [Prefixed, ByPath, BySign])
def test_what_a_field_leaves_to_the_classes_below_it_is_theirs(field, action, named):
    kind = serializer(Article, "id", "title", title=field())
    assert_same(view_of(action=action, serializer_class=kind), **named)
