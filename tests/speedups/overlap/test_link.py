"""One link: many statements under way, each with its own result or its own error."""

import select
import time
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from drf_speedups.database.statements import DONE, Native, rows_of
from drf_speedups.eligibility.driver import sqlstate
from drf_speedups.overlap.link import Call, Link, was_aborted

pytestmark = pytest.mark.django_db(transaction=True)


def native(sql: str, name: str = "") -> Native:
    count = sql.count("$")
    return Native(f"test_{name or abs(hash(sql))}".encode(), sql.encode(), (0,) * count,
                  (None,) * count, tuple(range(count)))  # fmt: skip


ECHO = native("SELECT $1::text")
DIVIDE = native("SELECT (1 / $1::int)::text")
SLEEP = native("SELECT pg_sleep($1::float)::text")


@pytest.fixture(params=[True, False], ids=["prepared", "unprepared"])
def link(request):
    wrapper: Any = connections.create_connection("default")
    wrapper.connect()
    made = Link(wrapper.connection, prepares=request.param)
    yield made
    if not made.connection.closed:
        made.close()


def put(link: Link, statement: Native, *values: object, syncs: bool = False) -> Any:
    texts = [str(value).encode() for value in values]
    call = Call(statement, texts, values)
    link.put(call, time.perf_counter(), syncs=syncs)
    return call


def finish(link: Link) -> list[Any]:
    """Flush, and wait until nothing is under way."""
    done: list[Any] = []
    link.flush()
    while link.depth:
        assert select.select([link.fd], [], [], 10)[0]
        done += link.receive()
    return done


def test_results_come_in_the_order_of_the_statements(link):
    for round_of in range(3):
        calls = [put(link, ECHO, f"{round_of} {number}") for number in range(100)]
        done = finish(link)
        assert done == calls
        assert [rows_of(call.result) for call in done] == [
            [(f"{round_of} {number}".encode(),)] for number in range(100)
        ]
    assert all(0 < call.seconds < 10 for call in done)


class HalfRead:
    """libpq with TLS: it takes what has come off the socket, and shows it when asked once more."""

    def __init__(self, pgconn):
        self._pgconn = pgconn
        self._taken = False

    def __getattr__(self, name):
        return getattr(self._pgconn, name)

    def consume_input(self):
        shown, self._taken = self._taken, bool(select.select([self.socket], [], [], 0)[0])
        self._pgconn.consume_input()
        self._hides = self._taken and not shown

    def is_busy(self):
        return self._hides or self._pgconn.is_busy()


def test_what_tls_has_taken_off_the_socket_is_read_though_no_poller_tells_of_it(link):
    link._pgconn, link._is_encrypted = HalfRead(link._pgconn), True
    for number in range(3):
        call = put(link, ECHO, number)
        assert finish(link) == [call]


def test_an_error_is_that_of_its_statement_and_reads_behind_it_were_not_done(link):
    calls = [put(link, ECHO, 1), put(link, DIVIDE, 0), put(link, ECHO, 2), put(link, ECHO, 3)]
    assert finish(link) == calls
    first, failed, *behind = (call.result for call in calls)
    assert first.status in DONE
    assert sqlstate(failed) == b"22012"
    assert all(was_aborted(result) for result in behind)
    again = put(link, ECHO, 2)
    assert finish(link) == [again]
    assert rows_of(again.result) == [(b"2",)]


@pytest.fixture
def refused_at_commit():
    """A table whose rows are refused when they are committed, and not before."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TABLE refused (number int);
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RAISE check_violation; END';
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refused DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.number > 1) EXECUTE FUNCTION refuse();
        """)
    yield native("INSERT INTO refused VALUES ($1::int) RETURNING number::text")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE refused; DROP FUNCTION refuse")


def test_a_change_is_done_when_it_is_committed_and_not_before(link, refused_at_commit):
    calls = [put(link, refused_at_commit, number, syncs=True) for number in (1, 2, 1)]
    assert finish(link) == calls
    first, refused, last = (call.result for call in calls)
    assert rows_of(first) == rows_of(last) == [(b"1",)]
    assert sqlstate(refused) == b"23514"
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM refused")
        assert cursor.fetchall() == [(1,), (1,)]
    again = put(link, ECHO, 2)
    assert finish(link) == [again]


def test_a_change_is_a_transaction_of_its_own(link):
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS overlapping; CREATE TABLE overlapping (key int UNIQUE)"
        )
    insert = native("INSERT INTO overlapping VALUES ($1::int) RETURNING key::text")
    calls = [put(link, insert, key, syncs=True) for key in (1, 2, 1, 3)]
    finish(link)
    assert [call.result.status in DONE for call in calls] == [True, True, False, True]
    assert sqlstate(calls[2].result) == b"23505"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(key ORDER BY key) FROM overlapping; DROP TABLE overlapping"
        )


def test_an_error_of_a_read_is_none_of_a_change_or_of_what_shares_no_sync(link):
    calls = [put(link, DIVIDE, 0), put(link, ECHO, 1, syncs=True), put(link, ECHO, 2)]
    assert finish(link) == calls
    assert [call.result.status in DONE for call in calls] == [False, True, True]


def test_a_statement_that_cannot_be_prepared_is_an_error_and_the_next_one_is_well(link):
    wrong = native("SELECT nothing FROM nowhere WHERE 'a' = $1::text")
    calls = [put(link, wrong, "a"), put(link, wrong, "b", syncs=True), put(link, ECHO, 1)]
    finish(link)
    assert sqlstate(calls[0].result) == b"42P01"
    assert calls[2].result.status in DONE


def test_what_cannot_be_prepared_is_no_reason_to_prepare_no_more(link):
    wrong = native("SELECT nothing FROM nowhere WHERE 'a' = $1::text")
    calls = [put(link, wrong, "a", syncs=True) for _ in range(3)]
    finish(link)
    assert [sqlstate(call.result) for call in calls] == [b"42P01"] * 3


def test_what_is_under_way_when_the_link_is_lost_has_no_result(link):
    done = put(link, ECHO, 1)
    finish(link)
    calls = [put(link, SLEEP, 5), put(link, ECHO, 2)]
    link.flush()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [link.connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        while True:
            assert select.select([link.fd], [], [], 10)[0]
            for call in link.receive():  # the server may still have said why
                assert call in calls
                assert call.result is not None
                assert call.result.status not in DONE
    assert done.result.status in DONE
    assert all(call.result is None for call in link.close())
