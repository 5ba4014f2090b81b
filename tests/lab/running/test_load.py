import numpy as np
import pytest

from lab.errors import LabError
from lab.experiments.targets import TARGETS
from lab.records.conditions import Conditions
from lab.running.load import Ended, Tail, driving, read_requests
from lab.running.processes import Placement
from lab.running.servers import Server

HEAD = "#request-log 2\nstart,intended,operation,latency_ms,status,bytes,opened,served_by,error\n"
LINES = (
    "100.000000,100.000000,GET /items,500.0,200,9,1,django/1,\n"
    "100.500000,100.500000,GET /items/[id],1000.0,200,9,1,django/1,\n"
    '101.000000,101.000000,GET /items,2000.0,500,9,0,django/2,"status 500, with a comma"\n'
    "109.000000,109.000000,GET /items,10.0,200,9,0,django/2,\n"
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD + LINES)
    return path


def test_a_request_counts_where_it_ended(log):
    window = read_requests(log).ending(100.5, 103)
    assert list(window.latency_ms) == pytest.approx([500, 1000])


def test_under_an_open_load_the_wait_before_sending_is_latency(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD + "103.000000,100.000000,GET /items,500.0,200,9,1,django/1,\n")
    assert list(read_requests(path).latency_ms) == pytest.approx([3500])


def test_errors_and_servers_are_counted(log):
    requests = read_requests(log)
    assert requests.errors() == {"GET /items: status 500, with a comma": 1}
    assert requests.answered_by() == {"django/1": 2, "django/2": 2}


def test_connections_that_were_opened_are_counted(log):
    assert read_requests(log).ending(100.5, 103).opened.sum() == 2


def test_seconds_count_from_the_window_by_operation_and_skip_empty_ones(log):
    seconds = read_requests(log).by_second(begin=101)
    assert [(one.at, one.operation, one.requests, one.failures) for one in seconds] == [
        (-1, "GET /items", 1, 0), (2, "GET /items", 1, 1), (8, "GET /items", 1, 0),
        (0, "GET /items/[id]", 1, 0),
    ]  # fmt: skip
    assert (seconds[1].mean_ms, seconds[1].max_ms, seconds[1].bytes) == (2000, 2000, 9)


def test_requests_inside_are_those_due_and_not_answered_over_each_second(log):
    assert read_requests(log).inside(100, 4) == pytest.approx((1, 1.5, 1, 0))


def test_the_time_with_at_least_so_many_inside_is_known(log):
    requests = read_requests(log)
    assert requests.at_least(100, 4) == pytest.approx((0.75, 0.125))
    assert sum(requests.at_least(100.2, 1.5)) * 1.5 == pytest.approx(2, rel=1e-3)


def test_what_the_load_did_to_the_table_is_counted_from_right_answers(tmp_path):
    path = tmp_path / "requests.csv"
    rows = ("POST /items,5,201,9,0,,", "POST /items,5,500,9,0,,status 500",
            "DELETE /items/[id],5,204,0,0,,", "DELETE /items/[id] (gone),5,404,0,0,,")  # fmt: skip
    path.write_text(HEAD + "".join(f"100.0,100.0,{row}\n" for row in rows))
    requests = read_requests(path)
    assert (requests.succeeded("POST"), requests.succeeded("DELETE")) == (1, 1)


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD.replace("2", "3", 1))
    with pytest.raises(LabError, match="begins with '#request-log 3'"):
        read_requests(path)


def test_a_missing_log_is_one_readable_line(tmp_path):
    with pytest.raises(LabError, match=r"cannot read the load's requests\.csv"):
        read_requests(tmp_path / "requests.csv")


def test_the_live_line_reads_whole_lines_only(tmp_path):
    path = tmp_path / "requests.csv"
    tail = Tail(path)
    assert tail.news() == []
    cut = len(HEAD) + LINES.index("109") + 5
    path.write_text((HEAD + LINES)[:cut])
    assert [one.latency_ms for one in tail.news()] == [500, 1000, 2000]
    path.write_text(HEAD + LINES)
    assert tail.news() == [Ended(at=109.01, latency_ms=10, failed=False)]


def test_the_live_line_minds_no_name_that_a_server_gives_itself(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD + LINES.replace("django/2", "web\x85\u20282", 1), encoding="utf-8")
    assert [one.latency_ms for one in Tail(path).news()] == [500, 1000, 2000, 10]


def test_what_somebody_keeps_for_locust_at_home_changes_no_load(tmp_path, monkeypatch):
    (tmp_path / ".locust.conf").write_text("payload = no JSON\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    nowhere = Server(TARGETS["django"], "http://127.0.0.1:9", None, None)
    files = tmp_path / "requests.csv", tmp_path / "log"
    with driving(nowhere, Conditions(users=1), *files, Placement()) as load:
        load.wait(60)
        assert "is the service running?" in load.last_lines()


def test_an_empty_log_has_no_requests(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD)
    assert read_requests(path).end.dtype == np.float64
    assert len(read_requests(path).end) == 0


def test_who_waited_no_longer_than_others_is_not_said_to_be_never_answered(tmp_path):
    path = tmp_path / "requests.csv"
    never = "no answer until the end of the load"
    path.write_text(
        HEAD + "100.000000,100.000000,GET /items,15000.0,200,9,1,,\n"
        f"104.000000,104.000000,GET /items,11000.0,0,0,0,,{never}\n"
        f"97.000000,97.000000,GET /items,18000.0,0,0,0,,{never}\n"
    )
    assert read_requests(path).unanswered(110.0) == 1
