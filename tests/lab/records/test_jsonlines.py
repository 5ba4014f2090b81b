import dataclasses
import gzip
import json
import os

import pytest

from lab.errors import LabError
from lab.records import jsonlines
from lab.records.operations import Operation
from lab.records.usage import Counters, Process, Usage
from tests.lab.examples import comparison, lasting, load, process, second, trial


def test_what_is_written_is_read_back_the_same(tmp_path):
    path = tmp_path / "records.jsonl"
    for one in comparison():
        jsonlines.append(path, one)
    assert jsonlines.read(path) == comparison()


def test_a_record_of_a_later_lab_is_refused_with_its_line(tmp_path):
    later = json.loads(jsonlines.to_line(trial())) | {"version": jsonlines.VERSION + 1}
    path = tmp_path / "records.jsonl"
    path.write_text(jsonlines.to_line(trial()) + json.dumps(later) + "\n")
    with pytest.raises(LabError, match=r"line 2 written by a later lab \(format 4, known is 3\)"):
        jsonlines.read(path)


def test_a_record_of_an_earlier_lab_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text('{"version": 1}\n')
    with pytest.raises(LabError, match=r"line 1 written by an earlier lab \(format 1\): measure"):
        jsonlines.read(path)


def test_records_of_two_runs_that_were_joined_are_refused(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(2 * "".join(map(jsonlines.to_line, (trial(1), trial(2)))))
    with pytest.raises(LabError, match=r"line 3 is another trial 1: records are of one run"):
        jsonlines.read(path)


@pytest.mark.parametrize("line", ["{", "[]", "7", "{}", '{"version": 2}', '{"version": "x"}'])
def test_a_line_that_is_no_record_is_refused(line, tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(LabError, match="line 1 is not the record of a trial"):
        jsonlines.read(path)


def test_a_missing_file_is_one_readable_line(tmp_path):
    with pytest.raises(LabError, match="cannot read"):
        jsonlines.read(tmp_path / "records.jsonl")


def test_values_that_cannot_be_are_refused_at_birth():
    with pytest.raises(ValueError, match="failures"):
        second(0, "GET /items", 10, 5.0, failures=11)
    with pytest.raises(ValueError, match="do not rise"):
        Operation("all", 1, 0, 1.0, 9.0, 5.0, 9.0, 9.0)
    with pytest.raises(ValueError, match="negative"):
        Usage(-1.0)
    with pytest.raises(ValueError, match="unequal length"):
        Process("server", 1, "python", (0.0, 1.0), (1.0,), (1, 1), (0, 0), (0, 0), (None, None))
    with pytest.raises(ValueError, match="unequal length"):
        Counters((0.0,), {"commits": (1.0, 2.0)})
    with pytest.raises(ValueError, match="no answer in it"):
        trial(seconds_of_load=(second(-1, "GET /items", 10, 5.0),))


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial().number = 2


def test_derived_figures_are_in_the_units_they_say():
    one = trial(requests=30_000, demand=1.6)
    assert one.throughput == pytest.approx(600)
    assert one.server_ms_per_request == pytest.approx(1.6)
    assert one.cores_used("server") == pytest.approx(0.96)
    assert one.cores_used("nobody") == 0
    assert one.usage["others"].cpu_seconds == pytest.approx(1.0)
    shares = {"retrieve": 0.6, "list": 0.15, "create": 0.2, "update": 0, "delete": 0.05}
    assert one.mix == pytest.approx(shares)
    assert one.table.unexplained_rows == 0


def test_the_window_leaves_the_warm_up_out_and_the_seconds_keep_it():
    one = trial(seconds_of_load=load(1000, 20.0, seconds=50, warm_up=5))
    assert one.total.requests == 1000
    assert [s.at for s in one.by_second()][:6] == [-5, -4, -3, -2, -1, 0]
    assert sum(s.requests for s in one.by_second("POST /items")) == 220
    assert lasting(10, one).throughput == one.throughput


def test_percentiles_come_from_all_seconds_together_and_never_pass_the_maximum():
    fast, slow = second(0, "GET /items", 95, 10.0), second(1, "GET /items", 5, 1000.0)
    whole = trial(seconds_of_load=(fast, slow)).total
    assert whole.mean_ms == pytest.approx(59.5)
    assert whole.p50_ms < 12
    assert 300 < whole.p99_ms <= whole.max_ms


def test_an_implementation_that_the_lab_did_not_start_has_no_service_demand():
    one = trial(target="http://127.0.0.1:9", processes=(), cores={"generator": ()})
    assert one.is_external
    assert one.server_ms_per_request is None
    assert "server" not in one.usage


def test_a_server_process_that_ends_under_load_is_a_restart():
    gone = process("server", 12, 1.0, at=(-10.0, 0.0, 25.0))
    assert trial().restarts == 0
    assert trial(processes=(*trial().processes, gone)).restarts == 1


def test_a_failed_write_leaves_the_completed_trials(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    jsonlines.append(path, trial())

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        jsonlines.append(path, trial(number=2))
    assert jsonlines.read(path) == [trial()]


def test_compressed_records_are_read_and_a_run_goes_on_from_them(tmp_path):
    first, second = trial(number=1), trial(number=2)
    lines = jsonlines.to_line(first).encode()
    (tmp_path / "records.jsonl.gz").write_bytes(gzip.compress(lines))
    assert jsonlines.completed(tmp_path) == [first]
    jsonlines.append(tmp_path / "records.jsonl", second)
    assert jsonlines.completed(tmp_path) == [first, second]
    assert not (tmp_path / "records.jsonl.gz").exists()


def test_compressed_records_that_are_cut_off_are_one_line(tmp_path):
    packed = gzip.compress(jsonlines.to_line(trial()).encode())
    (tmp_path / "records.jsonl.gz").write_bytes(packed[:-20])
    with pytest.raises(LabError, match=r"cannot read .*records\.jsonl\.gz"):
        jsonlines.completed(tmp_path)


def test_a_line_that_was_being_written_when_all_was_killed_is_no_trial(tmp_path):
    path = tmp_path / "records.jsonl"
    jsonlines.append(path, trial(number=1))
    with path.open("a") as file:
        file.write(jsonlines.to_line(trial(number=2))[:500])
    assert jsonlines.completed(tmp_path) == [trial(number=1)]
    jsonlines.append(path, trial(number=3))
    assert jsonlines.completed(tmp_path) == [trial(number=1), trial(number=3)]


def test_a_whole_line_without_its_end_is_kept(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(jsonlines.to_line(trial(number=1)).rstrip("\n"))
    jsonlines.append(path, trial(number=2))
    assert jsonlines.completed(tmp_path) == [trial(number=1), trial(number=2)]


def test_compressed_records_that_are_damaged_are_one_line(tmp_path):
    packed = bytearray(gzip.compress(jsonlines.to_line(trial()).encode()))
    packed[10] = 0x07  # after the header: a block of a kind that there is not
    (tmp_path / "records.jsonl.gz").write_bytes(packed)
    with pytest.raises(LabError, match=r"cannot read .*records\.jsonl\.gz"):
        jsonlines.completed(tmp_path)


def test_a_disk_that_is_full_leaves_compressed_records_as_they_are(tmp_path, monkeypatch):
    lines = jsonlines.to_line(trial(number=1)).encode()
    (tmp_path / "records.jsonl.gz").write_bytes(gzip.compress(lines))

    def full(path, text):
        with path.open("wb") as file:
            file.write(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        jsonlines.append(tmp_path / "records.jsonl", trial(number=2))
    assert jsonlines.completed(tmp_path) == [trial(number=1)]


def test_a_folder_that_is_not_there_is_told_from_one_without_trials(tmp_path):
    assert jsonlines.completed(tmp_path) == []
    with pytest.raises(LabError, match=r"there is no folder .*nowhere: give one of a run"):
        jsonlines.completed(tmp_path / "nowhere")
