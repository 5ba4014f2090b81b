import dataclasses
import json
import os

import pytest

from lab import records
from lab.errors import LabError
from lab.records import Operation, Usage
from tests.lab.examples import comparison, operation, trial


def test_what_is_written_is_read_back_the_same(tmp_path):
    path = tmp_path / "records.jsonl"
    for one in comparison():
        records.append(path, one)
    assert records.read(path) == comparison()


def test_a_record_of_a_later_lab_is_refused_with_its_line(tmp_path):
    later = json.loads(records.to_line(trial())) | {"version": records.VERSION + 1}
    path = tmp_path / "records.jsonl"
    path.write_text(records.to_line(trial()) + json.dumps(later) + "\n")
    with pytest.raises(LabError, match=r"line 2 written by a later lab \(format 2, known is 1\)"):
        records.read(path)


@pytest.mark.parametrize("line", ["{", "[]", "7", "{}", '{"version": 1}', '{"version": "x"}'])
def test_a_line_that_is_no_record_is_refused(line, tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(LabError, match="line 1 is no record of a trial"):
        records.read(path)


def test_a_missing_file_is_one_readable_line(tmp_path):
    with pytest.raises(LabError, match="cannot read"):
        records.read(tmp_path / "records.jsonl")


def test_values_that_cannot_be_are_refused_at_birth():
    with pytest.raises(ValueError, match="failures"):
        operation(requests=10, failures=11)
    with pytest.raises(ValueError, match="failures"):
        operation(requests=0)
    with pytest.raises(ValueError, match="do not rise"):
        Operation("all", 1, 0, 1.0, 9.0, 5.0, 9.0, 9.0)
    with pytest.raises(ValueError, match="negative"):
        Usage(-1.0)
    with pytest.raises(ValueError, match="no window"):
        trial(seconds=0.0)
    with pytest.raises(ValueError, match="no total"):
        trial(operations=())


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial().number = 2


def test_derived_figures_are_in_the_units_they_say():
    one = trial(requests=30_000, demand=1.6)
    assert one.throughput == pytest.approx(600)
    assert one.server_ms_per_request == pytest.approx(1.6)
    assert one.cores_used("server") == pytest.approx(0.96)
    assert one.cores_used("nobody") == 0


def test_a_failed_write_leaves_the_completed_trials(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    records.append(path, trial())

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        records.append(path, trial(number=2))
    assert records.read(path) == [trial()]
