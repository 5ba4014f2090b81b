"""Exports through a server-side cursor, while others come and go, under all three workers."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.raw import HOST, head
from tests.speedups.worker.exporting import ROWS
from tests.speedups.worker.serving import BUFFERED, gunicorn, talk
from tests.speedups.worker.test_frameworks import seen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("worker_class", ["sync", "gthread", BUFFERED])
def test_no_request_closes_the_connection_of_an_export(database_url, tmp_path, worker_class):
    def ask(what):
        request = head(f"GET /{what} HTTP/1.1", HOST, "Connection: close")
        return what, talk(address, request, end=False)

    given: dict[str, Any] = {"worker_class": worker_class, "raw_env": [f"EXPORTED={database_url}"]}
    with (
        gunicorn(tmp_path, "exporting:application()", **given) as (address, _),
        ThreadPoolExecutor(6) as pool,
    ):
        answers = list(pool.map(ask, itertools.chain(*[("export", "write", "write")] * 8)))
    for what, answer in answers:
        status, _, body = seen(answer)
        assert status == b"HTTP/1.1 200 OK"
        if what == "write":
            assert body == (b"1", True)
        else:
            assert body == (b"".join(b"%d\n" % number for number in range(1, ROWS + 1)), True)
