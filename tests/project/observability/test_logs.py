"""What people read on a terminal, whatever a client sends."""

import logging

import pytest
from django.utils.module_loading import import_string
from hypothesis import given
from hypothesis import strategies as st

from project.observability.logs import OneLine, logging_settings


@pytest.fixture
def formatter() -> logging.Formatter:
    return people()


def people() -> logging.Formatter:
    """Return the formatter as `logging.config` would make it."""
    made = dict(logging_settings("INFO", "people")["formatters"]["people"])
    assert import_string(made["()"]) is OneLine
    return OneLine(made["format"], datefmt=made["datefmt"])


def line(formatter: logging.Formatter, sent: str, error: Exception | None = None) -> str:
    record = logging.makeLogRecord({"msg": "GET %s", "args": (sent,), "levelname": "INFO"})
    if error:
        record.exc_info = (type(error), error, None)
    return formatter.format(record)


@pytest.mark.parametrize(("sent", "shown"), [
    ("/items/", "/items/"),
    ("/\n00:00:00 INFO forged", r"/\n00:00:00 INFO forged"),
    ("/\x1b[2J", r"/\x1b[2J"),
    ("/\u202egnp", r"/\u202egnp"),
    ("/\udcff\x85\u2028", r"/\udcff\x85\u2028"),
    ("/Bücher/日本", "/Bücher/日本"),
])  # fmt: skip
def test_what_a_client_sent_stays_on_its_line_and_moves_no_cursor(formatter, sent, shown):
    assert line(formatter, sent).endswith(f" INFO GET {shown}")


@given(st.text(st.characters(codec=None)))
def test_every_line_for_people_is_one_line_that_can_be_printed(sent):
    assert line(people(), sent).isprintable()


def test_a_traceback_is_indented_so_that_no_line_of_it_passes_for_one_of_the_log(formatter):
    first, *rest = line(formatter, "/", ValueError("\n00:00:00 INFO forged\x07")).split("\n")
    assert first.endswith(" INFO GET /")
    assert rest[-1] == r"    00:00:00 INFO forged\x07"
    assert all(one.startswith("    ") for one in rest)
