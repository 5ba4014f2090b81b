import numpy as np
import pytest

from lab.errors import LabError
from lab.load import Tail, read_requests

HEAD = "#request-log 1\nstart,intended,operation,latency_ms,status,bytes,served_by,error\n"
LINES = (
    "100.000000,100.000000,GET /items,500.0,200,9,django/1,\n"
    "100.500000,100.500000,GET /items/[id],1000.0,200,9,django/1,\n"
    '101.000000,101.000000,GET /items,2000.0,500,9,django/2,"status 500, with a comma"\n'
    "109.000000,109.000000,GET /items,10.0,200,9,django/2,\n"
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD + LINES)
    return path


def test_a_request_counts_where_it_ended(log):
    window = read_requests(log).ending(100.5, 103)
    assert list(window.latency_ms) == [500, 1000]


def test_operations_have_a_total_first_and_then_names(log):
    total, lists, single = read_requests(log).operations()
    assert (total.name, total.requests, total.failures) == ("all", 4, 1)
    assert (lists.name, lists.requests, lists.max_ms) == ("GET /items", 3, 2000)
    assert (single.name, single.p50_ms, single.mean_ms) == ("GET /items/[id]", 1000, 1000)


def test_errors_and_servers_are_counted(log):
    requests = read_requests(log)
    assert requests.errors() == {"GET /items: status 500, with a comma": 1}
    assert requests.answered_by() == {"django/1": 2, "django/2": 2}


def test_seconds_count_from_the_window_and_skip_empty_ones(log):
    seconds = read_requests(log).by_second(begin=101)
    assert [(second.at, second.requests, second.failures) for second in seconds] == [
        (-1, 1, 0), (0, 1, 0), (2, 1, 1), (8, 1, 0),
    ]  # fmt: skip


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD.replace("1", "2", 1))
    with pytest.raises(LabError, match="begins with '#request-log 2'"):
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
    assert tail.news() == [500, 1000, 2000]
    path.write_text(HEAD + LINES)
    assert tail.news() == [10]
    assert (tail.requests, tail.failures) == (4, 1)


def test_an_empty_log_has_no_requests(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text(HEAD)
    assert read_requests(path).start.dtype == np.float64
    assert len(read_requests(path).start) == 0
