"""What is said of all trials together."""

from dataclasses import replace

import numpy as np

from lab.analysis.rules.doubts import doubts, noise
from lab.records.conditions import Conditions
from lab.records.histogram import Histogram
from tests.lab.examples import (
    MACHINE,
    MIB,
    comparison,
    counters,
    lasting,
    process,
    processes,
    trial,
)
from tests.lab.simulated import Service, simulated

MORE = {"counters": counters(busy=100.0)}


def test_a_sound_comparison_raises_no_doubt():
    assert doubts(comparison()) == []


def only(changed):
    """The doubts about a sound comparison whose first trial was replaced."""
    return doubts([changed, *comparison()[1:]])


def test_a_stall_that_the_closed_load_hides_is_shown_by_the_open_one():
    stalling = Service(2, hold=0.05, stall=20.0)
    closed = simulated(2, 3, service=stalling)
    assert closed.total.p99_ms < 150
    opened = simulated(2, 100, service=stalling, rate=28.0)
    assert opened.total.p99_ms > 800
    (doubt,) = [said for said in doubts([closed, opened]) if "coordinated omission" in said]
    assert "at 28.0 requests/s on a schedule p99 is" in doubt


def test_an_open_load_without_a_stall_is_no_doubt():
    sound = Service(2, hold=0.05)
    trials = [simulated(2, 3, service=sound), simulated(2, 100, service=sound, rate=28.0)]
    assert not [said for said in doubts(trials) if "coordinated omission" in said]


def test_random_arrivals_that_queue_are_not_called_a_stall():
    busy = Service(1, hold=0.05)
    closed = simulated(1, 2, service=busy)
    opened = simulated(1, 100, service=busy, rate=18.0)
    seconds = tuple(replace(one, mean_ms=5 * one.mean_ms, max_ms=5 * one.max_ms,
                            latencies=Histogram.of(np.full(one.requests, 5 * one.mean_ms)))
                    for one in opened.seconds_of_load)  # fmt: skip
    (doubt,) = [said for said in doubts([closed, replace(opened, seconds_of_load=seconds)])
                if "on a schedule" in said]  # fmt: skip
    assert "because its users send nothing while they wait, and a schedule goes on" in doubt


def test_an_address_whose_answers_name_nobody_is_doubted():
    (doubt,) = only(trial(target="http://127.0.0.1:9", served_by={"": 30_000}))
    assert "no response names its server" in doubt


def test_a_service_that_closes_connections_is_named():
    (doubt,) = only(trial(opened=30_000))
    assert "30,000 connections were opened for 30,000 requests: the service closes each" in doubt
    (doubt,) = only(trial(opened=3_000))
    assert "closes some of them" in doubt
    many = trial(opened=400, conditions=Conditions(users=500, think_time=0.78))
    assert not [said for said in only(many) if "connections" in said]  # the first one of each user


def test_a_full_process_beside_an_idle_one_is_doubted():
    parent, full, idle = (
        process("server", pid, used) for pid, used in ((11, 0.1), (12, 47.0), (13, 0.2))
    )
    others = processes()[1:]
    (doubt,) = only(trial(processes=(parent, full, idle, *others)))
    assert "one server process used 0.94 of a core and another 0.00" in doubt
    assert only(trial(processes=(parent, full, replace(full, pid=13), *others), **MORE)) == []


FOREIGN = {"settings": {**trial().settings, "is_foreign": True, "is_told": False}}


def test_a_parent_and_a_helper_of_somebody_s_service_are_no_idle_workers():
    parent, helper = process("server", 11, 0.1, 20 * MIB), process("server", 12, 0.1, 8 * MIB)
    full = [process("server", pid, 47.0, 40 * MIB) for pid in (13, 14)]
    idle = process("server", 15, 0.1, 35 * MIB)
    busy = {"counters": counters(busy=121.0), **FOREIGN}
    fine = trial(processes=(parent, helper, *full, *processes()[1:]), **busy)
    assert not [said for said in only(fine) if "does not reach" in said]
    recycled = process("server", 16, 0.5, 40 * MIB, at=(25.0, 30.0, 50.0))
    replaces = replace(fine, processes=(*fine.processes, recycled))
    assert not [said for said in only(replaces) if "does not reach" in said]
    stuck = replace(fine, processes=(parent, helper, *full, idle, *processes()[1:]))
    assert [said for said in only(stuck) if "does not reach" in said]


def test_workers_that_somebody_s_service_replaces_are_said():
    ended = process("server", 12, 10.0, at=(-10.0, 0.0, 20.0))
    follows = process("server", 13, 10.0, at=(20.0, 30.0, 50.0))
    doubt, *_ = only(trial(processes=(*processes(), ended, follows), **FOREIGN))
    assert "server processes ended and others took their place (1 times)" in doubt


def test_memory_that_grows_is_said():
    server = processes()[0]
    growing = replace(server, pss=tuple(size * MIB for size in (70, 80, 95, 130)))
    (doubt,) = only(trial(processes=(growing, *processes()[1:])))
    assert "the server's memory grew from 80 to 130 MiB in the window" in doubt
    collected = replace(server, pss=tuple(size * MIB for size in (70, 80, 200, 195)))
    (doubt,) = only(trial(processes=(collected, *processes()[1:])))
    assert "the server's memory grew from 80 to 195 MiB in the window" in doubt
    wavering = replace(server, pss=tuple(size * MIB for size in (70, 80, 130, 120)))
    assert only(trial(processes=(wavering, *processes()[1:]))) == []


def test_the_service_itself_is_not_said_to_be_another_program():
    url = {"target": "http://127.0.0.1:9", **FOREIGN, "counters": counters(busy=74.0)}
    said = only(trial(processes=processes()[1:], cores={"generator": (1,)}, **url))
    assert any("other programs, the service itself among them if it is here" in one for one in said)
    said = only(trial(cores={"server": (0,), "generator": (1,)}, **url))
    assert any("other programs, a database of the service among" in one for one in said)


def test_one_implementation_on_one_core_beside_one_on_all_is_doubted():
    cores = {"server": (), "database": (1,), "generator": (1,)}
    (doubt,) = doubts([replace(one, cores=cores) if one.label == "fastapi" else one
                       for one in comparison()])  # fmt: skip
    assert doubt == (
        "django was kept to 1 core and fastapi could use the whole machine: they were not measured "
        "alike"
    )


def test_an_uneven_spread_over_workers_is_doubted():
    (doubt,) = only(trial(served_by={"django/11": 20_000, "django/12": 10_000}))
    assert "2.0 times" in doubt


def test_what_holds_for_many_trials_is_said_once_of_the_gravest():
    shares = [(20_000, 10_000), (15_000, 14_000), (20_000, 8_000)]
    uneven = [
        trial(number, served_by={"django/11": most, "django/12": least})
        for number, (most, least) in enumerate(shares, start=1)
    ]
    (doubt,) = [said for said in doubts(uneven) if "busiest" in said]
    assert doubt.startswith("trial 3, django: the busiest worker answered 2.5 times")
    assert doubt.endswith("; likewise trial 1")


def test_what_the_generator_said_is_passed_on():
    (doubt,) = only(trial(warnings=("Too many open files",)))
    assert "the load generator said: Too many open files" in doubt


def test_what_the_generator_says_of_the_lab_s_own_choice_is_no_doubt():
    ramp = "Your selected spawn rate is very high (>100), and this is known to cause issues"
    assert not only(trial(warnings=(ramp,)))


def test_a_crowded_core_beside_the_server_is_doubted():
    (doubt,) = only(trial(processes=processes(generator=30.0, database=18.0), **MORE))
    assert "together used 0.96 of the 1 core they share" in doubt


def test_other_programs_and_the_hypervisor_are_doubted():
    programs, hypervisor = only(trial(counters=counters(busy=73.0 + 20, steal=10.0)))
    assert "other programs used 0.40 cores" in programs
    assert "hypervisor took 0.20 cores" in hypervisor


def test_few_repeats_and_short_windows_are_doubted():
    (few,) = doubts([trial()])
    assert "only one trial of each" in few
    short = only(lasting(29.0, trial()))[-1]
    assert "windows of 29 s" in short


def test_repeats_that_disagree_are_doubted():
    (doubt,) = only(trial(requests=20_000))
    assert "differ by up to 53 % in throughput" in doubt


def test_uncommitted_code_is_doubted():
    (doubt,) = only(trial(machine=MACHINE | {"changed_files": 3}))
    assert "3 files differed from the commit" in doubt


def test_repeats_of_different_settings_are_no_noise():
    assert noise(comparison()) is not None
    assert noise([trial(1), trial(2, "fastapi", requests=60_000)]) is None


def test_trials_of_another_state_are_named():
    commits = [MACHINE | {"commit": digit * 40} for digit in "01"]
    first, second, *rest = comparison()
    old, new = replace(first, machine=commits[0]), replace(second, machine=commits[1])
    same = [replace(one, machine=commits[0]) for one in rest]
    (doubt,) = doubts([old, new, *same])
    assert doubt == (
        "trial 2, fastapi: commit was 000000000000 in trial 1 and 111111111111 here: they did not "
        "measure the same"
    )
    updated = {**first.settings, "versions": {"django": "6.0"}}
    last = next(one for one in reversed(rest) if one.label == first.label)
    changed = [replace(one, settings=updated) if one is last else one for one in comparison()[2:]]
    changed = [replace(one, settings=updated) if one.number == last.number else one
               for one in comparison()]  # fmt: skip
    (doubt,) = doubts(changed)
    assert "it is made of other versions than in the first trial of django" in doubt


def test_a_database_that_the_lab_does_not_see_may_be_among_other_programs():
    here = {name: cores for name, cores in trial().cores.items() if name != "database"}
    said = only(trial(**MORE, cores=here))
    assert any("a database of the service among them" in doubt for doubt in said)
