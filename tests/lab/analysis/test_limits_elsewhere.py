"""What limits a service that is not ours, or that a container or a hypervisor holds back."""

from dataclasses import replace

import pytest

from lab.analysis.headroom import spare_cpu
from lab.analysis.limits import NOTHING, UNSEEN, limit
from lab.analysis.models.network import server_cores
from lab.analysis.rules.parts import (
    CONTAINER,
    HYPERVISOR,
    STRANGERS,
)
from lab.analysis.rules.parts import MACHINE as WHOLE
from lab.analysis.settings import by_setting
from lab.errors import CannotTellError
from lab.records.conditions import Conditions
from lab.records.usage import Counters
from tests.lab.analysis.test_limits import only
from tests.lab.examples import AT, MACHINE, counters, processes, trial
from tests.lab.simulated import Service, simulated


def test_workers_that_nobody_told_a_running_service_are_not_used():
    url = {"target": "http://127.0.0.1:9", "label": "theirs", "settings": {"at_once": 4}}
    found = only(trial(processes=processes(6.0), **url))
    assert found.name == NOTHING
    assert not found.too_few_workers
    assert "slot" not in str(found)
    assert by_setting([trial(**url)])[0].sentence == "60 users"


ADDRESS = {
    "target": "http://127.0.0.1:9", "label": "theirs",
    "settings": {"at_once": None, "is_told": False, "is_foreign": True},
    "cores": {"server": (), "generator": (1,)}, "table": None, "round_trip": None,
}  # fmt: skip


def test_one_process_at_an_address_that_fills_a_core_is_the_limit():
    found = only(trial(processes=processes(48.0, 0, 10.0), counters=counters(58.0)), **ADDRESS)
    assert found.text == (
        "application CPU: the server used 0.96 of 2.00 cores: its busy process fills one, and can "
        "use no more if it runs on one at a time"
    )
    several = processes(72.0, 0, 10.0)  # one process that runs on several
    assert only(trial(processes=several, counters=counters(82.0)), **ADDRESS).name == NOTHING


def test_workers_that_use_more_than_a_core_each_are_not_held_to_one():
    twice = trial(processes=processes(90.0), cores={"server": (0, 1, 2), "generator": (3,)},
                  conditions=Conditions(workers=1, users=60), machine=MACHINE | {"cores": 4},
                  settings={"at_once": None, "is_foreign": True})  # fmt: skip
    found = only(twice)
    assert found.name == NOTHING
    assert "application CPU is the fullest (the server used 1.80 of 3.00 cores)" in found.text


def test_workers_on_several_hosts_are_counted_on_all():
    hosts = {name: {"role": "service", "cores": 2} for name in ("web1", "web2")}
    two = trial(processes=processes(95.0), conditions=Conditions(workers=1, users=60),
                cores={"server": (0, 1, 2, 3), "generator": (4,)},
                machine=MACHINE | {"cores": 5, "hosts": hosts},
                settings={"at_once": None, "is_told": True, "is_foreign": True})  # fmt: skip
    assert only(two).text == (
        "application CPU: the server used 1.90 of 4.00 cores, and 2 workers can use 2.00"
    )
    assert by_setting([two])[0].sentence == "1 worker on each of 2 hosts, 60 users"


def test_a_machine_that_service_and_load_fill_together_is_the_limit():
    found = only(trial(processes=processes(64.0, 0, 32.0), counters=counters(98.0)), **ADDRESS)
    assert found.name == WHOLE
    assert found.text.endswith(
        "all together used 1.96 of 2 cores: the server 1.28, the load generator 0.64"
    )


def test_a_queue_that_nobody_sees_is_told_by_more_users_and_never_denied():
    one_slot = {"service": Service(1, hold=0.02), "cpu": 0.0005}
    few, many = (
        by_setting([replace(simulated(1, users, **one_slot), **ADDRESS)])[0] for users in (5, 50)
    )
    assert limit(few).name == NOTHING
    assert limit(few).text.startswith("nothing that the lab sees is full: ")
    assert limit(few).text.endswith("if more users bring no more requests/s, something else is")
    found = limit(many, few)
    assert found.name == UNSEEN
    assert "50 users instead of 5 get 1.0" in found.text
    assert "each takes 10.0 times as long" in found.text
    sleeps = [by_setting([replace(simulated(100, users, service=Service(100, hold=0.2),
                                            cpu=0.0005), **ADDRESS)])[0]
              for users in (5, 50)]  # fmt: skip
    assert limit(sleeps[1], sleeps[0]).name == NOTHING


def test_what_the_hypervisor_takes_is_not_said_of_other_programs():
    found = only(trial(processes=processes(40.0, 5, 10.0), counters=counters(57.0, steal=41.0)))
    assert found.name == HYPERVISOR
    assert found.text == (
        "the hypervisor: it took 0.82 of 2.00 cores, and other programs used 0.04, and 98 % was in "
        "use"
    )


def test_a_database_that_nobody_named_is_not_said_to_be_another_s():
    theirs = {"settings": {"at_once": None, "is_told": True, "is_foreign": True},
              "cores": {"server": (0,), "generator": (1,)}}  # fmt: skip
    found = only(trial(processes=processes(40.0, 0, 10.0), counters=counters(97.0)), **theirs)
    assert found.name == STRANGERS
    assert "(the service's database, if it is here, is one of them)" in found.text


def quota(used, **more):
    """A trial in a container that is allowed one of eight cores, of which so much was used."""
    values = {
        "machine": MACHINE | {"cores": 8, "quota": 1.0},
        "cores": {"server": (0, 1), "database": (2, 3, 4), "generator": (5, 6, 7)},
        "processes": processes(server=used * 30, database=used * 10, generator=used * 10),
        "counters": counters(busy=used * 50)
        | {"quota": Counters(AT, {"throttled_seconds": (0.0, 2.0, 40.0, 80.0)})},
    }
    return trial(**(values | more))


def test_a_container_that_allows_less_than_its_cores_is_the_limit_and_no_lesson():
    found = only(quota(0.97))
    assert found.name == CONTAINER
    assert found.text == (
        "the CPU that the lab's container is allowed: all together used 0.97 of 1.00 cores, and "
        "were stopped for 78.0 CPU seconds"
    )
    assert not found.too_few_workers
    assert only(quota(0.5)).name != CONTAINER
    # What other containers do on the machine leaves it as it is.
    assert only(replace(quota(0.97), counters=counters(busy=390.0))).name == CONTAINER


def test_a_server_in_a_container_may_use_no_more_cores_than_that():
    assert server_cores(quota(0.5)) == 1.0
    assert server_cores(replace(quota(0.5), machine=MACHINE)) == 2.0
    (setting,) = by_setting([quota(0.9)])
    assert spare_cpu(setting) == pytest.approx(0.1)


def test_a_service_behind_its_command_has_no_known_limit():
    behind = trial(cores={"generator": (1,)}, settings=trial().settings | {"is_foreign": True})
    with pytest.raises(CannotTellError, match="what answers is no process of the command"):
        only(behind)
