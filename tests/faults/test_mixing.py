"""No answer reaches another request, whatever happens to clients, links and statements."""

import os

from tests.faults.mixing import TROUBLE, wreak, wrong_rows
from tests.faults.stage import BUFFERED, staged

ANSWERS = int(os.environ.get("MIXED_ANSWERS", "3000"))


def test_every_answer_belongs_to_its_request_while_all_goes_wrong(own_cluster, tmp_path):
    # A service of its own: what its clients leave behind must be over when the next test looks.
    with staged(own_cluster, BUFFERED, tmp_path / "log") as stage:
        seen, done = wreak(own_cluster, stage.server.url, ANSWERS, seed=ANSWERS)
        log = stage.log_lines()
    assert seen.mixed_up == []
    assert wrong_rows(own_cluster, seen) == []
    assert seen.cut_off == 0
    assert seen.left
    assert done
    troubled = sum(count for status, count in seen.answers.items() if status in TROUBLE)
    assert troubled < 0.2 * ANSWERS
    assert not any("Traceback" in line["message"] for line in log)
