"""`python -m lab plan`, from records of a service whose answers are known."""

import json
import math
import re
from functools import cache

import pytest

from lab.analysis.settings import by_setting
from lab.cli.main import main
from lab.errors import CannotTellError
from lab.records import jsonlines
from lab.records.environment import RoundTrip
from lab.sizing.cross_validation import held_out
from tests.lab.examples import comparison
from tests.lab.simulated import Service, simulated


@cache
def sizes(users=(20, 60, 90), repeats=3):
    """Four slots of 20 ms, of which 4 ms are CPU; users think 0.5 s."""
    runs = [(pair, count) for pair in range(1, repeats + 1) for count in users]
    return [
        simulated(
            4, count, pair, number=number, cpu=0.004, think_time=0.5, round_trip=RoundTrip(0.1, 0.1)
        )
        for number, (pair, count) in enumerate(runs, start=1)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The records of a sweep over users."""
    place = tmp_path_factory.mktemp("sweep")
    for one in sizes():
        jsonlines.append(place / jsonlines.FILE, one)
    return place


def planned(capsys, folder, *words):
    assert main(["plan", str(folder), "--think-time", "5s", *words]) == 0
    return capsys.readouterr().out


def test_a_plan_says_what_is_needed_and_on_what_that_rests(capsys, folder):
    out = planned(capsys, folder, "--users", "1000,200000", "--price-vcpu-hour", "0.05")
    assert "- **1,000 users**: with 5 s of think time they send 199 requests/s" in out
    assert "| instances | 2 " in out
    assert "| cost a month |" in out
    for words in (
        "PgBouncer is needed",
        "## Assumptions",
        "valid trials",
        "read replica",
        "all waits",
    ):
        assert words in out
    assert "I cannot tell" not in out
    assert "3 settings, each predicted from the trials of other sizes" in out


def test_the_same_for_programs(capsys, folder):
    words = ("--users", "1000", "--json", "--check", "--simulate", "--platform", "cloudrun")
    (found,) = json.loads(planned(capsys, folder, *words))["plans"]
    (size,) = found["sizes"]
    assert size["instances"]["low"] <= size["instances"]["middle"] <= size["instances"]["high"]
    assert found["measured"]["application"]["middle"] == pytest.approx(0.004, rel=0.05)
    assert len(found["check"]) == 3
    (played,) = found["simulated"]
    share = size["throughput"]["middle"] / size["instances"]["middle"]
    assert played["throughput"]["middle"] == pytest.approx(share, rel=0.05)
    assert found["cloudrun"][0]["values"]["cpu"] == "1"


def test_cloud_runs_values_come_with_their_arithmetic(capsys, folder):
    out = planned(capsys, folder, "--users", "1000", "--platform", "cloudrun", "--p95", "200ms")
    ((*factors, held, room),) = re.findall(
        r"(\d) x (\d+) instances? x (\d+) workers x (\d) connection = (\d+) <= (\d+) = max", out
    )
    assert math.prod(map(int, factors)) == int(held) <= int(room)
    ((rate, at_once),) = re.findall(r"(\d+) requests/s x 0.2 s = (\d+)", out)
    assert int(int(rate) * 0.2) == int(at_once)
    assert f"| containerConcurrency | {at_once} |" in out


def test_instances_that_the_database_cannot_hold_are_not_asked_for(capsys, folder):
    words = ("--users", "1000", "--platform", "cloudrun", "--max-connections")
    assert "comes first" in planned(capsys, folder, *words, "20")
    assert "I cannot tell, because one instance and its" in planned(capsys, folder, *words, "9")


def test_sizes_that_were_held_out_are_predicted_from_the_others():
    found = held_out(by_setting(sizes()))
    assert [one.prediction.setting.conditions.users for one in found] == [20, 60, 90]
    for one in found:
        assert abs(one.prediction.miss) < 0.05
    with pytest.raises(CannotTellError, match="one size"):
        held_out(by_setting(sizes()[::3]))


def test_a_size_at_which_something_new_holds_requests_up_is_a_miss():
    slower = [
        simulated(
            4, 90, pair, service=Service(4, hold=0.04), cpu=0.004, think_time=0.5, number=9 + pair
        )
        for pair in (1, 2, 3)
    ]
    *_, unlike = held_out(by_setting([*sizes((20, 60)), *slower]))
    assert unlike.is_missed
    assert unlike.prediction.miss > 0.3


def test_too_little_for_a_plan_is_one_line(capsys, tmp_path):
    for one in comparison()[:4]:
        jsonlines.append(tmp_path / jsonlines.FILE, one)
    assert main(["plan", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out.count("only 2 of its trials are valid") == 2
    assert err.startswith("lab: no plan: I cannot tell what django needs, because only 2")
    assert main(["plan", str(tmp_path), "--users", "0"]) == 2
    assert "--users is 0" in capsys.readouterr().err
    assert main(["plan", str(tmp_path), "--target", "rails"]) == 2
    assert "no 'rails'" in capsys.readouterr().err
    assert main(["plan", str(tmp_path / "away")]) == 2
    assert "there is no folder" in capsys.readouterr().err
