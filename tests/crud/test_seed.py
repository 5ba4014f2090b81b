"""`manage.py seed`: the same rows every time, and none lost that was not given up."""

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from crud.management.commands import seed
from crud.models import Item
from project.management.refusals import in_one_line

pytestmark = pytest.mark.django_db

COLUMNS = ("id", "name", "description", "price", "quantity")


def rows() -> list[tuple[object, ...]]:
    return list(Item.objects.order_by("id").values_list(*COLUMNS))


@pytest.fixture
def development(settings):
    settings.DEBUG = True


def test_the_rows_are_1_to_n_and_the_same_every_time(development):
    call_command("seed", rows=200)
    first = rows()
    call_command("seed", rows=200)
    assert rows() == first
    assert [row[0] for row in first] == list(range(1, 201))
    assert len({row[1:] for row in first}) == 200


def test_every_row_keeps_the_rules_of_the_service(client):
    call_command("seed", rows=100)
    for row in client.get("/items/?limit=100").json()["results"]:
        assert client.put(f"/items/{row['id']}/", row, format="json").status_code == 200


def test_the_next_row_gets_the_next_id(client):
    call_command("seed", rows=10)
    assert Item.objects.create(name="Desk", price=1).pk == 11


def test_append_keeps_what_is_there_and_goes_on_as_one_seed_would():
    call_command("seed", rows=20)
    expected = rows()
    call_command("seed", rows=8, yes=True)
    call_command("seed", rows=12, append=True)
    assert rows() == expected
    assert Item.objects.create(name="Desk", price=1).pk == 21


def test_if_empty_does_nothing_where_rows_are(item):
    call_command("seed", rows=5, if_empty=True)
    assert Item.objects.get() == item


def test_a_table_that_is_not_there_yet_is_named_with_the_command_that_makes_it():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crud_item RENAME TO elsewhere")
    with pytest.raises(ProgrammingError) as refused:
        call_command("seed", rows=5)
    said = 'relation "crud_item" does not exist: run manage.py migrate first'
    assert in_one_line(refused.value) == said


def test_rows_are_lost_only_in_development_or_when_said(item, settings):
    with pytest.raises(CommandError, match="this would delete rows: say --yes, or --append to"):
        call_command("seed", rows=5)
    assert Item.objects.get() == item
    call_command("seed", rows=5, yes=True)
    assert Item.objects.count() == 5
    settings.DEBUG = True
    call_command("seed", rows=0)
    assert not Item.objects.exists()


def test_a_negative_number_is_refused_before_anything_is_lost(item, development):
    with pytest.raises(CommandError, match="--rows is -1: give a number from 0"):
        call_command("seed", rows=-1)
    assert Item.objects.exists()


def test_ctrl_c_leaves_the_old_rows(item, monkeypatch, development):
    def interrupted(first, rows):
        yield 1, "One", "", "1.00", 1
        raise KeyboardInterrupt

    monkeypatch.setattr(seed, "_items", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("seed", rows=1000)
    assert Item.objects.get() == item
