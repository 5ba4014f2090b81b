"""No answer reaches another request, whatever happens to clients, links and statements."""

import os

from tests.faults.mixing import TROUBLE, wreak, wrong_rows

ANSWERS = int(os.environ.get("MIXED_ANSWERS", "3000"))


def test_every_answer_belongs_to_its_request_while_all_goes_wrong(buffered):
    seen, done = wreak(buffered.cluster, buffered.server.url, ANSWERS, seed=ANSWERS)
    assert seen.mixed_up == []
    assert wrong_rows(buffered.cluster, seen) == []
    assert seen.cut_off == 0
    assert seen.left
    assert done
    troubled = sum(count for status, count in seen.answers.items() if status in TROUBLE)
    assert troubled < 0.2 * ANSWERS
    assert not any("Traceback" in line["message"] for line in buffered.log_lines())
