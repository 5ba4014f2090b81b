"""Messages that are no HTTP get from both kinds of worker what the contract says."""

import uuid

import httpx
import pytest

from tests.contract.bad_framing import BODIES, HEADERS, REQUEST_LINES
from tests.contract.raw import exchange
from tests.faults.hostile import address

FRAMING = REQUEST_LINES | HEADERS | BODIES
# A thread that has begun to read a chunked body closes when the client does, without a word.
WITHOUT_A_WORD = {
    "a chunk of 16 exabytes", "a chunk that ends too soon", "chunks whose lines end in LF",
    "chunks without a last one",
}  # fmt: skip
MANY_PARAMETERS = "1,500 parameters"


@pytest.mark.torture
@pytest.mark.parametrize("worker", ["buffered", "gthread"])
def test_what_is_no_http_is_refused_by_every_worker(worker, request):
    stage = request.getfixturevalue(worker)
    differing = {}
    for case, (message, status) in FRAMING.items():
        answer = exchange(address(stage), message, and_no_more=True)
        given = answer.status_code if answer is not None else None
        silent = worker == "gthread" and case in WITHOUT_A_WORD
        if given != (None if silent else status):
            differing[case] = (given, status)
    assert differing == {}


def test_a_request_that_cannot_be_read_decides_nothing_for_those_that_follow(buffered):
    message, status = REQUEST_LINES[MANY_PARAMETERS]
    unheard = f"application/json; name={uuid.uuid4().hex}"  # of this Accept header nothing is known
    sent = message.replace(b"\r\n\r\n", f"\r\nAccept: {unheard}\r\n\r\n".encode())
    for _ in range(4):  # in both workers
        answer = exchange(address(buffered), sent, and_no_more=True)
        assert answer is not None
        assert answer.status_code == status
    found = httpx.get(f"{buffered.server.url}/items/?limit=1", headers={"Accept": unheard})
    assert found.status_code in {200, 406}
