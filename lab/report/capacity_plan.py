"""A plan in words and a table: what is needed, why, and what that rests on."""

import math
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.formatting import counted, number, percent, ranged, so_many_users
from lab.analysis.rules.parts import FLUSHING
from lab.report.blocks import Answers, Block, Bullets, Heading, Table
from lab.report.summary import estimate
from lab.sizing.capacity import Needs, Plan, Size
from lab.sizing.costs import Costs, Measured
from lab.sizing.instances import MEMORY_ROOM, waiting
from lab.sizing.requirements import GIB, RESERVED, ROLLOUT, Requirements

MS, MIB = 1000, 2**20
MONTH = 730  # hours
ALWAYS = (
    "that many users are active at the busiest moment; each waits for its response, pauses and "
    "sends again, and only the mean of the pauses matters",
    "service times spread exponentially; where they spread less, latency is lower",
    "the balancer gives all instances the same; none is spare for when one is lost: add it",
    "what a request was on its way here, load generator apart, it is there: the way from the users "
    "to the balancer comes on top",
    "the database's cores do not hinder one another, and what is read stays in its memory",
    "a read costs the database what a write costs: they were not measured apart",
)


def blocks(plan: Plan) -> list[Block]:
    """Return a plan for people: answers, table, arithmetic, what was measured, assumptions."""
    said: list[Block] = [
        Heading(f"What it takes: {plan.measured.label}", level=1),
        Answers(str(Question.PLAN), answers(plan)),
    ]
    if plan.sizes:
        said += [Heading("In numbers"), table(plan), Heading("What else is needed, and why")]
        said += [
            Bullets(
                [
                    f"{so_many_users(one.users)}: {why}"
                    for one in plan.sizes
                    for why in due(plan, one)
                ]
            )
        ]
    return [
        *said,
        Heading("From what was measured"),
        Bullets([*costs(plan.measured)]),
        Heading("Assumptions"),
        Bullets([*assumptions(plan)]),
    ]


def answers(plan: Plan) -> list[Answer]:
    """Return a sentence about each number of users."""
    told = [
        Answer(Question.PLAN, so_many_users(one.users), Kind.ANSWER, sentence(plan.required, one))
        for one in plan.sizes
    ]
    return told + [
        Answer(Question.PLAN, so_many_users(users), Kind.UNKNOWN, f"I cannot tell, because {why}.")
        for users, why in plan.unknown
    ]


def sentence(required: Requirements, size: Size) -> str:
    """Say what a number of users asks and takes."""
    needs, of = size.needs, size.estimate
    return (
        f"with {required.think_time:g} s of think time they send {number(needs.throughput)} "
        f"requests/s, which need {ranged(of('instances'), whole)} × {required.vcpus:g} vCPU with "
        f"{required.memory / MIB:,.0f} MB and {counted(size.one.workers, 'worker')} each, at "
        f"{percent(needs.used)} of their CPU and a p95 of {number(MS * needs.p95)} ms, and a "
        f"database of {ranged(of('database_vcpus'), whole)} vCPU. The knee is at "
        f"{number(needs.knee)} requests/s, {whole(needs.knee_users)} users."
    )


def whole(value: float) -> str:
    """Return a number of things."""
    return f"{value:,.0f}"


def table(plan: Plan) -> Table:
    """Return every figure with its interval, a column for each number of users."""
    rows = [
        ("requests/s", "throughput", number, 1.0),
        ("instances", "instances", whole, 1.0),
        ("workers", "workers", whole, 1.0),
        ("vCPUs", "vcpus", number, 1.0),
        ("memory, GiB", "memory", number, GIB),
        ("application CPU in use, %", "used", number, 0.01),
        ("mean latency, ms", "latency", number, 1 / MS),
        ("p95, ms", "p95", number, 1 / MS),
        ("requests/s at the knee", "knee", number, 1.0),
        ("users at the knee", "knee_users", whole, 1.0),
        ("database connections", "connections", whole, 1.0),
        ("the same through PgBouncer", "pool", whole, 1.0),
        ("database vCPUs", "database_vcpus", whole, 1.0),
    ]
    if plan.required.prices.given:
        rows += [("cost an hour", "cost", number, 1.0), ("cost a month", "cost", number, 1 / MONTH)]
    found = [
        [name, *(ranged(one.estimate(of, unit), written) for one in plan.sizes)]
        for name, of, written, unit in rows
    ]
    header = ("", *(so_many_users(one.users) for one in plan.sizes))
    note = (
        "95 % intervals: trials are resampled and everything is planned anew, with the same "
        "workers in an instance."
    )
    return Table(header, found, note)


def due(plan: Plan, size: Size) -> Iterator[str]:
    """Say what else it takes, each with its arithmetic."""
    yield pooler(plan.required, size)
    yield replica(plan, size)
    if size.needs.flushing > FLUSHING:
        yield flushes(plan, size)
    if plan.required.prices.given:
        million = size.needs.cost / size.needs.throughput / 3600 * 1e6
        yield f"a million requests cost {number(million)}"


def pooler(required: Requirements, size: Size) -> str:
    """Say whether PgBouncer is needed."""
    needs, room = size.needs, required.max_connections - RESERVED
    held = ROLLOUT * int(needs.connections)
    count = counted(needs.instances, "instance")
    sum_of = f"{ROLLOUT} (old and new in a rollout) × {count} × {size.one.connections} = {held:,}"
    limit = f"{room:,} = max_connections {required.max_connections:,} - {RESERVED} reserved"
    if held <= room:
        return f"no PgBouncer: {sum_of} connections ≤ {limit}"
    enough = "then do"
    if needs.pool > room:
        enough = f"are still too many: raise max_connections to {needs.pool + RESERVED:.0f}"
    return (
        f"PgBouncer is needed: {sum_of} connections > {limit}; {number(needs.throughput)} "
        f"requests/s × {number(MS * size.one.held)} ms / {percent(required.utilisation)} = "
        f"{whole(needs.pool)} server connections {enough}"
    )


def replica(plan: Plan, size: Size) -> str:
    """Say whether a read replica is needed."""
    needs, most = size.needs, plan.required.database_vcpus
    cost = MS * plan.measured.costs.database
    sum_of = (
        f"{number(needs.throughput)} requests/s × {number(cost)} ms / "
        f"{percent(plan.required.utilisation)} = {whole(needs.database_vcpus)} vCPUs"
    )
    if needs.database_vcpus <= most:
        return f"no read replica: {sum_of} ≤ {most}, the largest database"
    share, writing = percent(1 - plan.measured.reads), number(needs.writing_vcpus)
    writes = f"writes, {share} of the requests, take {writing} of them"
    if needs.writing_vcpus > most:
        return f"{sum_of} > {most}, and {writes}: no replica helps, the table must be divided"
    count = math.ceil((needs.database_vcpus - most) / most)
    replicas = counted(count, "read replica")
    return f"{replicas} needed: {sum_of} > {most}; {writes}, which stay on the primary"


def flushes(plan: Plan, size: Size) -> str:
    """Say what the disk is asked to do."""
    rate, each = number(size.needs.throughput), number(MS * plan.measured.costs.flush)
    return (
        f"flushes: {rate} requests/s × {each} ms = {percent(size.needs.flushing)} of the time, if "
        "no two commits shared one. They do when they meet; how many is not known here, so "
        "measure the writes on the disk you will have"
    )


def costs(found: Measured) -> Iterator[str]:
    """Say what one request and one worker cost."""
    yield f"{counted(len(found.trials), 'valid trial')}; one request takes"
    for name, of, unit, what in (
        ("application CPU", "application", 1 / MS, "ms"),
        ("database CPU", "database", 1 / MS, "ms"),
        ("waiting in a worker", "wait", 1 / MS, "ms"),
        ("on its way to one and back", "outside", 1 / MS, "ms"),
        ("round trips to the database", "round_trips", 1.0, ""),
        ("WAL flush", "flush", 1 / MS, "ms"),
        ("memory of a worker", "worker", MIB, "MB"),
    ):
        yield f"{name}: {ranged(found.estimate(of, unit))} {what}".rstrip()
    yield f"one worker holds {counted(found.at_once, 'request')} at once"


def assumptions(plan: Plan) -> Iterator[str]:
    """Say everything the numbers rest on."""
    found, required = plan.measured, plan.required
    first = found.trials[0]
    yield (
        f"a request costs there what it cost here: on {first.machine['cpu']}, with a table of "
        f"{first.conditions.rows:,} rows and a mix of {first.conditions.mix}"
    )
    planned = max((size.one.workers for size in plan.sizes), default=1)
    measured = counted(found.most_workers, "worker")
    yield f"measured were up to {measured}, planned are {planned} in an instance"
    if not found.is_sure:
        yield (
            "what a request waits beyond round trips and flushes is not known, because no setting "
            "left CPU idle: none is assumed"
        )
    yield _distance(found, required)
    yield (
        f"CPU, slots and pooled connections are used to {percent(required.utilisation)}, and p95 "
        f"stays below {MS * required.objective:g} ms"
    )
    yield f"workers fill {percent(MEMORY_ROOM)} of an instance's memory at most"
    yield from ALWAYS


def _distance(found: Measured, required: Requirements) -> str:
    """Say how far away the database is."""
    if required.round_trip is None:
        trip, said = found.round_trip, "as measured: give --db-rtt for another"
    else:
        trip, said = required.round_trip, f"here it took {number(MS * found.round_trip)} ms"
    wait = number(MS * waiting(found.costs, found, required))
    return (
        f"a round trip to the database takes {number(MS * trip)} ms ({said}); all waits in a "
        f"worker take {wait} ms"
    )


def document(plan: Plan) -> dict[str, Any]:
    """Return a plan for other programs; seconds, bytes and requests/s."""
    return {
        "measured": {one.name: estimate(plan.measured.estimate(one.name)) for one in fields(Costs)},
        "sizes": [
            {
                "users": size.users,
                "workers_per_instance": size.one.workers,
                **{one.name: estimate(size.estimate(one.name)) for one in fields(Needs)},
                "due": [*due(plan, size)],
            }
            for size in plan.sizes
        ],
        "cannot_tell": [{"users": users, "because": str(why)} for users, why in plan.unknown],
        "assumptions": [*assumptions(plan)],
    }
