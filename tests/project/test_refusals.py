"""What the database refuses to a command of `manage.py` is one line; a defect has its traceback."""

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing

from project.management.refusals import in_one_line
from tests.project.production import PRODUCTION, run


def refused(*statements: str) -> DatabaseError:
    """Return what Django makes of the last statement."""
    with connection.cursor() as cursor, pytest.raises(DatabaseError) as raised:
        for statement in statements:
            cursor.execute(statement)
    return raised.value


@pytest.mark.django_db
def test_a_table_that_is_not_there_is_named_with_the_command_that_makes_it():
    assert in_one_line(refused("SELECT * FROM nothing")) == (
        'relation "nothing" does not exist: run manage.py migrate first'
    )


@pytest.mark.django_db
def test_a_right_that_is_missing_is_named_also_where_a_migration_tells_it():
    denied = refused("SET LOCAL ROLE pg_monitor", "SELECT * FROM crud_item")
    line = "permission denied for table crud_item: run it as the role that owns the tables"
    assert str(in_one_line(denied)).startswith(line)
    try:
        raise denied
    except DatabaseError as error:
        missing = MigrationSchemaMissing(f"Unable to create the table ({error})")
        missing.__context__ = error
    assert in_one_line(missing) == in_one_line(denied)


@pytest.mark.django_db
def test_a_statement_that_is_wrong_has_its_traceback():
    assert in_one_line(refused("SELEC 1")) is None


def test_a_database_that_cannot_be_reached_is_a_line_of_manage_py():
    ended = run("manage.py", "seed", "--rows", "1", **PRODUCTION)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.endswith("(check DATABASE_URL, and that PostgreSQL runs there)\n")
