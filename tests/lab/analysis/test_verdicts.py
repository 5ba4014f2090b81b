"""Each rule is fed the defect it is there for, and the trial leaves ranking and advice."""

from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.rules.trials import little_residual, stalls
from lab.analysis.settings import by_setting
from lab.analysis.verdicts import Level, verdict
from lab.records.conditions import Conditions
from lab.records.environment import Cap, Table
from lab.records.usage import Counters
from tests.lab.examples import AT, MIB, MIX, comparison, counters, load, process, processes, trial
from tests.lab.simulated import Service, simulated


def reason(one):
    """The only reason against a trial."""
    (found,) = verdict(one).reasons
    (setting,) = by_setting([one])
    assert setting.trials == ()
    return found


def test_a_sound_trial_is_valid():
    assert [verdict(one).level for one in comparison()] == [Level.VALID] * 6
    assert sum(len(setting.trials) for setting in by_setting(comparison())) == 6


def test_one_failure_in_a_thousand_is_borne_and_more_is_invalid():
    assert verdict(trial(failures=30)).level is Level.VALID
    found = reason(trial(failures=1500, errors={"POST /items: status 500": 1500}))
    assert found.level is Level.INVALID
    assert found.text == "1,500 of 30,000 requests failed (most often POST /items: status 500)"


def test_an_expected_404_is_no_failure():
    mix = {name: share for name, share in MIX.items() if "DELETE" not in name}
    mix |= {"DELETE /items/[id]": 3, "DELETE /items/[id] (gone)": 2}
    assert verdict(trial(seconds_of_load=load(30_000, 100.0, mix=mix))).level is Level.VALID


def test_answers_of_another_implementation_are_invalid():
    found = reason(trial(served_by={"django/11": 15_000, "django/12": 14_000, "fastapi/7": 1000}))
    assert found.level is Level.INVALID
    assert found.text == "1,000 answers came from fastapi, not from django"


def test_answers_that_name_nobody_are_invalid():
    texts = [found.text for found in verdict(trial(served_by={"": 30_000})).reasons]
    assert texts == ["30,000 answers came from an unnamed server, not from django"]


def test_what_runs_elsewhere_need_not_name_itself_and_may_be_several():
    url = {"target": "http://127.0.0.1:9", "label": "http://127.0.0.1:9"}
    assert verdict(trial(**url, served_by={"": 30_000})).level is Level.VALID
    assert verdict(trial(**url, served_by={"theirs/1": 30_000})).level is Level.VALID
    behind_a_balancer = {"web1": 15_000, "web2": 15_000}
    assert verdict(trial(**url, served_by=behind_a_balancer)).level is Level.VALID
    found = reason(trial(**url, served_by={"theirs/1": 20_000, "other/2": 10_000}))
    assert "10,000 answers came from other" in found.text


def test_a_worker_that_ended_during_the_load_is_invalid():
    ended = process("server", 12, 10.0, at=(-10.0, 0.0, 20.0))
    found = reason(trial(processes=(*processes(), ended)))
    assert found.level is Level.INVALID
    assert found.text == "1 server processes ended during the load"


def test_a_service_of_somebody_s_own_may_replace_its_workers():
    ended = process("server", 12, 10.0, at=(-10.0, 0.0, 20.0))
    follows = process("server", 13, 10.0, at=(20.0, 30.0, 50.0))
    theirs = {"settings": {**trial().settings, "is_foreign": True}}
    both = trial(processes=(*processes(), ended, follows), **theirs)
    assert verdict(both).level is Level.VALID
    assert reason(replace(both, settings=trial().settings)).rule == "restarts"
    alone = trial(processes=(*processes(), ended), **theirs)
    assert reason(alone).text == "1 server processes ended during the load"


def test_more_workers_than_asked_for_were_replaced():
    shares = {"django/11": 15_000, "django/12": 10_000, "django/99": 5_000}
    assert reason(trial(served_by=shares)).text == "3 workers answered instead of 2"


def test_a_worker_that_never_answered_is_suspect():
    found = reason(trial(served_by={"django/11": 30_000}))
    assert (found.level, found.text) == (Level.SUSPECT, "only 1 of 2 workers answered")


def test_a_saturated_generator_is_invalid():
    cores = {"server": (0,), "database": (2,), "generator": (1,)}
    more = {"counters": counters(busy=100.0), "cores": cores}
    found = reason(trial(processes=processes(generator=46.0), **more))
    assert (found.level, found.text) == (Level.INVALID, "the load generator used 92 % of a core")


def test_locust_s_own_warning_is_suspect():
    found = reason(trial(warnings=("CPU usage above 90%! This may constrain your throughput",)))
    assert found.level is Level.SUSPECT
    assert "CPU usage above 90%" in found.text
    assert verdict(trial(warnings=("something else",))).level is Level.VALID


def test_users_that_wait_inside_the_generator_are_suspect():
    slow_generator = trial(mean_ms=80.0)
    assert little_residual(slow_generator) == pytest.approx(0.2)
    assert "Little's law misses 20 % of the users" in reason(slow_generator).text


def test_latencies_in_a_wrong_unit_break_little_s_law():
    assert little_residual(trial(mean_ms=0.1)) == pytest.approx(0.999)


def test_answers_in_bursts_that_the_window_cuts_break_no_law():
    slow = simulated(100, 100, service=Service(100, hold=20.0), think_time=0.1)
    by_those_that_ended = slow.throughput * (slow.total.mean_ms / 1000 + 0.1)
    assert abs(by_those_that_ended / 100 - 1) > 0.1
    assert little_residual(slow) < 0.02


def test_think_time_counts_for_little_s_law():
    thinking = trial(conditions=Conditions(users=120, think_time=0.1))
    assert little_residual(thinking) == pytest.approx(0)


def test_little_s_law_binds_no_users_of_an_open_load():
    opened = Conditions(users=500, arrival_rate=600.0)
    assert verdict(trial(conditions=opened, inside=(60.0,) * 50)).level is Level.VALID


def test_a_second_without_answers_is_suspect_in_a_closed_load_too():
    found = reason(trial(silences=((12.3, 1.02), (20.0, 0.95), (31.0, 0.6))))
    assert found.level is Level.SUSPECT
    assert found.text == "no answer came for 1.0 s (2 times for 0.9 s or longer)"


def test_a_stall_of_a_second_is_always_seen_and_a_stationary_queue_is_never_accused():
    for seed in range(1, 11):
        stalling = simulated(2, 20, pair=seed, service=Service(2, 0.02, stall=20.0))
        assert stalls(stalling) == pytest.approx([1.0], abs=0.08)
        assert stalls(simulated(2, 40, pair=seed, think_time=0.4)) == ()


def test_answers_that_come_in_bursts_are_no_stalls():
    assert stalls(trial(silences=tuple((float(at), 0.95) for at in range(50)))) == ()


def test_an_arrival_rate_that_was_not_reached_is_suspect():
    wanted = Conditions(users=500, arrival_rate=200.0)
    texts = [one.text for one in verdict(trial(requests=3_850, conditions=wanted)).reasons]
    assert "77.0 of 200 requests/s were answered: the arrival rate was not reached" in texts
    assert verdict(trial(requests=9_900, conditions=wanted)).level is Level.VALID


def test_a_load_that_was_ended_early_is_invalid():
    half = tuple(one for one in load(30_000, 100.0) if one.at < 20)
    ended = trial(seconds_of_load=half, inside=(60.0,) * 20 + (0.0,) * 30)
    texts = [one.text for one in verdict(ended).reasons]
    assert "the load ended 30 s before its window did" in texts


def test_a_stall_up_to_the_end_of_the_window_is_no_load_that_ended():
    until = tuple(one for one in load(30_000, 100.0) if one.at < 45)
    stalled = trial(seconds_of_load=until, silences=((45.0, 5.0),), inside=(60.0,) * 50)
    rules = {one.rule for one in verdict(stalled).reasons}
    assert "silence" in rules
    assert "cut_short" not in rules
    killed = replace(stalled, silences=(), inside=(60.0,) * 45 + (0.0,) * 5)
    assert "cut_short" in {one.rule for one in verdict(killed).reasons}


def test_a_mix_that_is_off_by_more_than_a_point_is_suspect():
    drifted = {"GET /items/[id]": 62, "GET /items": 15, "POST /items": 18, "DELETE /items/[id]": 5}
    texts = [
        found.text
        for found in verdict(trial(seconds_of_load=load(30_000, 100.0, mix=drifted))).reasons
    ]
    assert texts == [
        "62.0 % of the requests were retrieve, not 60.0 %",
        "18.0 % of the requests were create, not 20.0 %",
    ]


def rising(first, last):
    """A trial whose latency goes evenly from first to last, at the same throughput."""
    middle = (first + last) / 2
    steps = first + (last - first) * (np.arange(50) + 0.5) / 50
    seconds = tuple(
        replace(one, mean_ms=steps[max(one.at, 0)], max_ms=4 * last) for one in load(30_000, middle)
    )
    return trial(seconds_of_load=seconds, inside=tuple(60 * steps / middle))


def test_latency_that_grows_is_suspect_with_its_cause():
    found = reason(rising(60.0, 140.0))
    assert found.level is Level.SUSPECT
    assert "latency changed by 133 % (" in found.text
    assert found.text.endswith("growing because the queue grows")


def test_a_drift_that_does_not_matter_is_borne():
    assert verdict(rising(98.0, 102.0)).level is Level.VALID


def test_a_drift_is_no_objection_where_drift_is_the_question():
    assert verdict(rising(60.0, 140.0)).without("drift") is Level.VALID


def test_rows_that_no_answer_spoke_of_are_invalid():
    grown = Table(100_000, 110_000, 20 * MIB, 22 * MIB, created=6_000, deleted=1_500)
    found = reason(trial(table=grown))
    assert found.level is Level.INVALID
    assert found.text.startswith("5,500 rows appeared that no response accounts for")


def test_rows_of_writes_without_a_right_answer_are_borne_and_not_one_more():
    grown = Table(100_000, 104_540, 20 * MIB, 22 * MIB, created=6_000, deleted=1_500, unsure=40)
    assert verdict(trial(table=grown)).level is Level.VALID
    assert "40 rows appeared" in reason(trial(table=replace(grown, unsure=39))).text


def test_one_write_of_a_hundred_that_the_table_lacks_is_invalid():
    lacking = Table(100_000, 104_440, 20 * MIB, 22 * MIB, created=6_000, deleted=1_500)
    assert "60 rows disappeared" in reason(trial(table=lacking)).text


def test_one_acknowledged_write_that_was_not_found_is_invalid():
    lost = {"GET /items/[id]: lost write: a row that was written is not there": 1}
    found = reason(trial(failures=1, errors=lost))
    assert found.level is Level.INVALID
    assert found.text == (
        "acknowledged writes were lost, or seen too late: once a row that was written is not there"
    )


def test_requests_that_were_never_answered_are_invalid():
    assert verdict(trial(unanswered=30)).level is Level.VALID
    assert reason(trial(unanswered=31)).text == "31 requests were never answered"


def test_more_404s_than_deletes_explain_are_invalid():
    mix = {"GET /items/[id]": 15, "GET /items/[id] (gone)": 45, "GET /items": 15, "POST /items": 20,
           "DELETE /items/[id]": 5}  # fmt: skip
    found = reason(trial(seconds_of_load=load(30_000, 100.0, mix=mix)))
    assert found.level is Level.INVALID
    assert "requests were answered 404, and 1,5" in found.text


def test_a_database_the_lab_does_not_see_is_no_objection():
    assert verdict(trial(table=None)).level is Level.VALID


def capped(cpu, memory_holds, said, **conditions):
    return trial(
        cap=Cap(cpu, memory_holds, None, (said,)),
        conditions=Conditions(users=60, **conditions),
    )


def test_a_cpu_cap_that_does_not_hold_is_invalid():
    said = "cap of 0.5 CPU NOT enforced: Permission denied"
    found = reason(capped(False, None, said, cpus=0.5))
    assert (found.level, found.text) == (Level.INVALID, said)


def test_a_cpu_cap_that_the_pinning_keeps_holds():
    said = "cap of 1 CPU NOT enforced: Permission denied"
    assert verdict(capped(False, None, said, cpus=1.0)).level is Level.VALID


def test_a_memory_cap_that_does_not_hold_is_suspect():
    said = "cap of 512 MiB of memory NOT enforced: Permission denied"
    found = reason(capped(None, False, said, memory=512 * MIB))
    assert (found.level, found.text) == (Level.SUSPECT, said)


def test_fewer_than_a_thousand_requests_are_suspect():
    few = trial(requests=900, served_by={"django/11": 450, "django/12": 450})
    texts = [found.text for found in verdict(few).reasons if found.rule == "few_requests"]
    assert texts == ["only 900 requests in the window: fewer than 1,000"]


def test_the_heaviest_reason_gives_the_level():
    both = trial(failures=1500, mean_ms=80.0)
    assert verdict(both).level is Level.INVALID
    assert [found.rule for found in verdict(both).reasons] == ["failures", "little"]
    assert str(Level.INVALID) == "invalid"


def test_programs_that_somebody_s_service_runs_for_a_moment_are_no_lost_workers():
    theirs = {"settings": {**trial().settings, "is_foreign": True}}
    moments = [process("server", 40 + n, 0.2, at=(10.0 + n, 11.0 + n)) for n in range(5)]
    assert verdict(trial(processes=(*processes(), *moments), **theirs)).level is Level.VALID
    found = reason(trial(processes=(*processes(), *moments)))
    assert found.rule == "restarts"
    lost = process("server", 12, 10.0, at=(-10.0, 0.0, 20.0))
    assert reason(trial(processes=(*processes(), *moments, lost), **theirs)).rule == "restarts"


def test_a_lab_that_did_not_look_says_so():
    def seen(*at):
        return {"counters": {"machine": Counters(at, {"busy_seconds": at, "steal_seconds": at})}}

    found = reason(trial(**seen(-1.0, 0.0, 10.0, 340.0)))
    assert found.rule == "unwatched"
    assert "the lab did not look for 330 s where the window begins or ends" in found.text
    for fine in (seen(-1.0, 0.2, 10.0, 49.0, 50.1), seen(0.1, 49.9), seen(-1.0, 0.0, 20.0, 50.0)):
        assert not [one for one in verdict(trial(**fine)).reasons if one.rule == "unwatched"]


def test_a_clock_that_was_set_is_invalid():
    def after(*ahead):
        clock = Counters(AT, {"ahead_seconds": ahead})
        return verdict(trial(counters=counters() | {"clock": clock}))

    found = after(100.0, 100.0, 97.0, 97.0)
    assert found.level is Level.INVALID
    assert "clock was set by 3.0 s" in found.reasons[0].text
    assert after(100.0, 100.0, 100.2, 100.0).level is Level.VALID


def test_a_service_whose_name_begins_as_an_address_does_is_none():
    assert not trial(target="httpbin").is_external
    assert trial(target="https://example.com").is_external
