"""Which INSERTs may wait for another transaction: those that a rule compares with other rows."""

import pytest
from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models.functions import Lower
from django.test.utils import isolate_apps
from rest_framework import serializers
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from drf_speedups.answers import FinishedAnswers
from drf_speedups.answers.changing import Create

SOME = models.Q(name__gt="")
RULES = {
    "none": ([], False),
    "check": ([models.CheckConstraint(condition=SOME, name="some")], False),
    "unique": ([models.UniqueConstraint(fields=["name"], name="one")], True),
    "unique among some": ([models.UniqueConstraint("name", condition=SOME, name="one")], True),
    "unique expression": ([models.UniqueConstraint(Lower("name"), name="one")], True),
    "exclusion": ([ExclusionConstraint(name="one", expressions=[("name", "=")])], True),
}


@pytest.mark.parametrize(("rules", "waits"), RULES.values(), ids=RULES)
@isolate_apps("crud")
def test_an_insert_may_wait_where_a_rule_compares_it_with_other_rows(rules, waits):
    class Row(models.Model):
        name = models.CharField(max_length=10)

        class Meta:
            app_label = "crud"
            constraints = rules

    class RowSerializer(ModelSerializer):
        name = serializers.CharField(max_length=10)

        class Meta:
            model, fields, validators = Row, ("id", "name"), ()

    class Rows(FinishedAnswers, ModelViewSet):
        queryset, serializer_class, filter_backends = Row._default_manager.all(), RowSerializer, ()

    assert Create(Rows).may_wait == waits
