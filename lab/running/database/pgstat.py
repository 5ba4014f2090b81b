"""What PostgreSQL counts about itself, and what it takes to ask it."""

import statistics
import time

import psycopg

from lab.records.environment import RoundTrip

ASKED = 101  # round trips: their median is steady to a few per cent
TIMED_FLUSHES = "ALTER DATABASE {} SET track_wal_io_timing = on"  # two clock readings per flush

DATABASE = """
SELECT xact_commit AS commits, xact_rollback AS rollbacks, blks_read AS blocks_read,
    blks_hit AS blocks_hit, tup_returned AS rows_returned, tup_fetched AS rows_fetched,
    tup_inserted AS rows_inserted, tup_updated AS rows_updated, tup_deleted AS rows_deleted,
    numbackends AS connections, deadlocks, temp_bytes{wal}
FROM {places} WHERE datname = current_database()
"""
WAL = ", wal_records, wal_fpi AS wal_full_pages, wal_bytes::bigint, "
# Since 18 the flushes of the WAL are counted with all other input and output.
FLUSHES_18 = """
(SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::bigint AS wal_flushes,
(SELECT sum(fsync_time) FROM pg_stat_io WHERE object = 'wal') AS wal_flush_ms
"""
FLUSHES_14 = "wal_sync AS wal_flushes, wal_sync_time AS wal_flush_ms"
TABLE = "SELECT count(*), pg_total_relation_size('crud_item') FROM crud_item"


def counters(connection: psycopg.Connection) -> dict[str, float]:
    """Return running totals by name: of this database; WAL and flushes, of the whole server.

    `wal_flush_ms` stays 0 where `track_wal_io_timing` is off. Raises psycopg.Error.
    """
    cursor = connection.execute(_query(connection.info.server_version))
    names = [column.name for column in cursor.description or ()]
    (row,) = cursor.fetchall()
    return {name: round(float(value or 0), 3) for name, value in zip(names, row, strict=True)}


def _query(version: int) -> str:
    if version < 140_000:  # it does not count its WAL yet
        return DATABASE.format(wal="", places="pg_stat_database")
    wal = WAL + (FLUSHES_18 if version >= 180_000 else FLUSHES_14)
    return DATABASE.format(wal=wal, places="pg_stat_database, pg_stat_wal")


def table(connection: psycopg.Connection) -> tuple[int, int]:
    """Return the item table's rows, and its bytes with all indexes. Raises psycopg.Error."""
    (row,) = connection.execute(TABLE).fetchall()
    return row[0], row[1]


def round_trip(direct: str, service: str) -> RoundTrip:
    """Measure SELECT 1 through both URLs, while nothing else goes on. Raises psycopg.Error."""
    near = _round_trip_ms(direct)
    return RoundTrip(near, near if service == direct else _round_trip_ms(service))


def _round_trip_ms(url: str) -> float:
    times = []
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        for _ in range(ASKED):
            before = time.perf_counter()
            connection.execute("SELECT 1")
            times.append(1000 * (time.perf_counter() - before))
    return round(statistics.median(times), 4)
