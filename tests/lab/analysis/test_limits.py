import json
from dataclasses import replace

import pytest

from lab.analysis.analyse import analyse
from lab.analysis.answers import Question
from lab.analysis.growth import Course
from lab.analysis.limits import NOTHING, limit
from lab.analysis.models.network import SERVER
from lab.analysis.rules.parts import (
    LINKS,
    SLOTS,
    WAITING,
)
from lab.analysis.settings import by_setting
from lab.errors import CannotTellError
from lab.records import jsonlines
from lab.records.conditions import Conditions
from lab.records.environment import RoundTrip
from lab.records.usage import Counters
from tests.lab.examples import AT, MACHINE, MIB, counters, processes, second, trial
from tests.lab.simulated import Service, simulated, swept

APART = {"server": (0,), "database": (2,), "generator": (1,)}


def only(one, **changes):
    (setting,) = by_setting([replace(one, **changes)])
    return limit(setting)


def database(**per_second):
    """Counters of a database that grow evenly."""
    totals = {name: tuple(value * (10 + at) for at in AT) for name, value in per_second.items()}
    return counters(busy=46.0) | {"database": Counters(AT, totals)}


def test_a_server_that_fills_its_core():
    found = only(trial())
    assert found.text == "application CPU: the server used 0.96 of 1.00 cores"
    assert not found.too_few_workers


def test_one_worker_that_fills_one_of_six_cores_is_too_few_workers():
    alone = trial(
        conditions=Conditions(workers=1, users=60),
        served_by={"django/11": 30_000},
        cores={"server": (0,), "database": (1, 2), "generator": (3, 4, 5)},
        machine=MACHINE | {"cores": 6},
    )
    found = only(alone)
    assert found.too_few_workers
    assert found.text.startswith("CPU at 25 % while 60 requests queue for 4 slots: too few workers")
    assert found.name == SERVER


def test_one_worker_under_a_cap_of_four_cores_is_too_few_workers():
    alone = trial(
        conditions=Conditions(workers=1, users=60, cpus=4),
        served_by={"django/11": 30_000},
        cores={"server": (0, 1, 2, 3), "database": (4,), "generator": (5,)},
    )
    found = only(alone)
    assert found.text.startswith("CPU at 24 % while 60 requests queue for 4 slots: too few workers")
    assert "0.96 of 4.00 cores, and 1 worker can use 1.00" in found.text


def test_idle_cpu_while_a_queue_grows_is_said_in_the_article_s_words():
    found = only(simulated(1, 500, rate=60.0, cpu=0.004, cores=APART))
    assert found.too_few_workers
    assert found.text.startswith("CPU at 20 % while latency grows: too few workers")


def test_a_service_that_gets_slower_has_not_too_few_workers():
    slower = Service(1, growth=0.02)
    found = only(simulated(1, 100, service=slower, cpu=0.004, think_time=1.0, cores=APART))
    assert not found.too_few_workers
    assert found.text.endswith(
        "Each request takes longer and longer: more workers only put that off"
    )


def test_one_trial_of_four_that_slowed_down_takes_nothing_from_the_lesson():
    slots = {"demand": 0.3, "cores": APART, "conditions": Conditions(workers=1, users=60)}
    steady = [trial(number, pair=number, served_by={"django/11": 30_000}, **slots)
              for number in (1, 2, 3)]  # fmt: skip
    slower = tuple(second(at, "GET /items", 700 - 5 * at, 60_000 / (700 - 5 * at))
                   for at in range(50))  # fmt: skip
    drifts = replace(steady[0], number=4, pair=4, seconds_of_load=slower)
    (setting,) = by_setting([*steady, drifts])
    assert setting.verdicts[4].growth.course is Course.TABLE
    assert limit(setting).too_few_workers


def test_stalls_are_named_and_not_taken_for_too_few_workers():
    stalling = tuple((5.0 + at, 1.0) for at in range(0, 50, 10))
    found = only(trial(processes=processes(6.0), silences=stalling))
    assert found.text == "stalls: no answer came for 1.0 s (5 times for 0.9 s or longer)"
    assert not found.too_few_workers


def test_latency_that_grows_with_the_users_grows_too():
    few, many = (by_setting([simulated(1, users)])[0] for users in (1, 20))
    assert "CPU at 1 % while latency grows: too few workers" in limit(many, few).text
    assert limit(few).name == SLOTS


def test_a_saturated_generator():
    found = only(trial(demand=0.5, processes=processes(15.0, generator=48.0), cores=APART))
    assert found.text == "load generator: it used 96 % of a core"


def test_a_database_that_fills_its_core():
    found = only(trial(processes=processes(15.0, database=48.0), cores=APART,
                       counters=counters(busy=84.0)))  # fmt: skip
    assert found.text == "database CPU: it used 0.96 of 1 core"


def test_a_database_and_a_generator_that_fill_the_core_they_share():
    found = only(trial(processes=processes(20.0, database=26.0)))
    assert found.text.startswith("database and load generator: together they used 0.92 of the 1")


def test_disk_flushes_that_are_always_under_way():
    flushing = database(commits=600, wal_flushes=150, wal_flush_ms=850)
    found = only(trial(processes=processes(20.0), counters=flushing))
    assert found.text == "disk flushes: 150 a second, under way 85 % of the time"


def test_memory_up_to_its_cap_and_a_kill():
    capped = Conditions(users=60, memory=122 * MIB)
    assert only(trial(conditions=capped)).text == "memory: 98 % of 122 MiB"
    killed = counters() | {"cap": Counters(AT, {"oom_kills": (0, 0, 1, 1)})}
    roomy = Conditions(users=60, memory=512 * MIB)
    assert only(trial(conditions=roomy, counters=killed)).text == "memory: 23 % of 512 MiB, 1 kills"


def test_slots_that_wait_for_round_trips_wait_on_the_database():
    idle = trial(processes=processes(6.0), round_trip=RoundTrip(0.06, 12.0))
    found = only(idle)
    assert found.name == WAITING
    assert "all 8 are held, 91 % of the time by the database" in found.text
    assert found.too_few_workers


def test_links_that_overlapping_requests_share_are_full_before_any_slot():
    settings = {"at_once": 256, "connections": 3, "per_worker": "link"}
    away = {"round_trip": RoundTrip(0.1, 10.0), "counters": database(commits=600), "cores": APART}
    found = only(trial(demand=0.4), settings=settings, **away)
    assert found.name == LINKS
    assert found.text == (
        "CPU at 24 % while 60 requests are in 2 workers: too few workers, or links of each. links "
        "to the database: requests wait 88 % of their time for one of 4: neither CPU nor the "
        "database explains that"
    )
    assert only(trial(), settings=settings, **away).name == SERVER  # causes first
    further = away | {"round_trip": RoundTrip(0.1, 90.0)}
    assert only(trial(demand=0.4), settings=settings, **further).name == NOTHING


def test_slots_that_wait_for_something_else_are_not_blamed_on_the_database():
    found = only(trial(processes=processes(6.0)))
    assert found.name == SLOTS
    assert "of the time by the database" in found.text


def test_a_machine_that_others_fill_is_no_lesson_about_workers():
    starved = trial(processes=processes(6.0), counters=counters(busy=99.0))
    found = only(starved)
    assert found.name == "other programs"
    assert not found.too_few_workers
    assert "they used 1.36 of 2.00 cores, and 99 % was in use" in found.text


def test_a_light_load_finds_no_limit():
    light = simulated(8, 20, think_time=1.0)
    found = only(light)
    assert found.name == NOTHING
    assert "more users will find the limit" in found.text


def test_slots_in_use_are_those_of_the_whole_time_and_not_of_whole_seconds():
    regular = Service(1, hold=0.00184)
    one = simulated(1, 100, service=regular, rate=500.0, cpu=0.0002, cores=APART)
    assert one.in_use(1) == pytest.approx(0.92, abs=0.01)
    assert only(one).name == SLOTS
    assert "92 % of the time the only one is held" in only(one).text


def test_slots_that_requests_leave_free_at_times_are_not_full_however_long_the_queue_is_then():
    bursts = replace(simulated(1, 100, rate=40.0), inside=(3.0,) * 50, at_least=(0.7, 0.6, 0.6))
    assert bursts.in_use(1) == 0.7
    assert only(bursts).name == NOTHING


def test_an_old_record_whose_samples_were_aliased_is_read_by_little_s_law():
    one = simulated(1, 100, service=Service(1, hold=0.00184), rate=500.0)
    old = json.loads(jsonlines.to_line(one)) | {"version": 2, "in_flight": [0] * 51}
    del old["inside"], old["at_least"]
    del old["conditions"]["pace"]
    found = jsonlines.from_line(json.dumps(old))
    assert found.conditions.pace == "constant"
    assert found.under_way == pytest.approx(one.under_way, rel=0.02)


def test_an_open_load_that_finds_nothing_full_speaks_of_its_rate():
    found = only(simulated(4, 100, rate=20.0))
    assert found.text.startswith("nothing is full at this rate: ")


def test_a_server_nobody_measured_has_no_known_limit():
    unseen = trial(processes=processes()[1:], cores={"database": (1,), "generator": (1,)})
    with pytest.raises(CannotTellError, match="give its pid"):
        only(unseen)


def test_a_trial_of_wrong_answers_says_nothing_about_the_limit():
    with pytest.raises(CannotTellError, match="none of its trials can be trusted"):
        only(trial(failures=3_000))


def test_more_workers_that_brought_nothing_are_not_asked_for():
    one_lock = Service(1)  # whatever the workers are, one request at a time
    (answer,) = analyse(swept((1, 2, 4), service=one_lock)).answer(Question.LIMIT)
    assert "too few workers" not in answer.text
    assert answer.text.startswith(
        "something that the lab does not see: 2 workers instead of 1 get 1.0"
    )
