"""Each rule is fed the defect it is there for, and the trial leaves ranking and advice."""

from dataclasses import replace

from lab.analysis.settings import by_setting
from lab.analysis.verdicts import Level, verdict
from lab.records.conditions import Conditions
from lab.records.environment import Cap, Table
from lab.records.usage import Counters
from tests.lab.examples import AT, MIB, MIX, comparison, counters, load, process, processes, trial


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
