"""The tables of a report: figures per setting, by operation, by trial, and beside predictions."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.formatting import estimated, hundredths, number, percent, spread
from lab.analysis.models.demands import Prediction
from lab.analysis.settings import Setting, ratio
from lab.analysis.statistics import median
from lab.analysis.verdicts import Verdict
from lab.records.operations import ALL, UNANSWERED
from lab.records.trial import Trial
from lab.report.blocks import Table

MIB = 1024 * 1024
FEW_ROWS = 4
RARE = 99.9  # percentile
PARTIES = {
    "server": "server",
    "database": "database",
    "generator": "load generator",
    "lab": "the lab's own sampling",
    "others": "other programs",
    "steal": "taken by the hypervisor",
}


@dataclass(frozen=True)
class Figure:
    """One column of the tables: its name, and its value in a trial (None: not measured)."""

    name: str
    of: Callable[[Trial], float | None]


FIGURES = (
    Figure("throughput, requests/s", lambda trial: trial.throughput),
    Figure("p50, ms", lambda trial: trial.total.p50_ms),
    Figure("p95, ms", lambda trial: trial.total.p95_ms),
    Figure("p99, ms", lambda trial: trial.total.p99_ms),
    Figure("p99.9, ms", lambda trial: trial.total.percentile(RARE)),
    Figure("maximum, ms", lambda trial: trial.total.max_ms),
    Figure("server CPU, ms per request", lambda trial: trial.server_ms_per_request),
    Figure("server memory (PSS), MiB", lambda trial: _memory(trial)),
)
OPENED = Figure("connections the load opened", lambda trial: trial.opened)


def named(settings: Sequence[Setting]) -> dict[str, Setting]:
    """Name settings: by implementation, and by what else differs."""
    labels = [setting.label for setting in settings]
    alone = len(set(labels)) == len(labels)
    return {
        setting.label if alone else f"{setting.label}, {setting.sentence}": setting
        for setting in settings
    }


def _figures(trials: Iterable[Trial]) -> Sequence[Figure]:
    """Return the columns; those of records that know no connections lack that one."""
    return (*FIGURES, OPENED) if any(t.opened is not None for t in trials) else FIGURES


def side_by_side(settings: Sequence[Setting]) -> Table:
    """Return the figures of each setting, and the ratios of implementations under the same."""
    figures = _figures(trial for setting in settings for trial in setting.shown)
    rows = [
        [name, *(_value(figure, setting.shown) for figure in figures), _failures(setting.shown)]
        for name, setting in named(settings).items()
    ]
    rows += _ratios(settings, figures)
    most = max(len(setting.shown) for setting in settings)
    note = f"Median of up to {most} trials (lowest to highest)." if most > 1 else "One trial each."
    if any("÷" in row[0] for row in rows):
        note += " Ratios: geometric mean over neighbouring trials, 95 % bootstrap interval."
    return _turned(Table(("", *(figure.name for figure in figures), "failures"), rows, note))


def _ratios(settings: Sequence[Setting], figures: Sequence[Figure]) -> list[list[str]]:
    """Return a row per setting that the first implementation shares with another."""
    first = settings[0].label
    names = {id(setting): name for name, setting in named(settings).items()}
    rows = []
    for ours in (setting for setting in settings if setting.label == first):
        for theirs in settings:
            if theirs.label != first and theirs.conditions == ours.conditions:
                found = [ratio(figure.of, ours, theirs) for figure in figures]
                words = [estimated(one, hundredths) if one else "-" for one in found]
                rows.append([f"{names[id(ours)]} ÷ {theirs.label}", *words, ""])
    return rows


def _turned(table: Table) -> Table:
    """Return a table of few rows with a column for each: narrow enough for a terminal."""
    if len(table.rows) > FEW_ROWS:
        return table
    first, *rest = zip(table.header, *table.rows, strict=True)
    return Table(first, rest, table.note)


def _value(figure: Figure, group: Sequence[Trial]) -> str:
    values = [value for trial in group if (value := figure.of(trial)) is not None]
    return spread(values) if values else "not measured"


def _failures(group: Sequence[Trial]) -> str:
    failed = sum(trial.total.failures for trial in group)
    return f"{failed:,} of {sum(trial.total.requests for trial in group):,}"


def _memory(trial: Trial) -> float | None:
    peak = trial.usage["server"].peak_pss if "server" in trial.usage else None
    return peak / MIB if peak else None


def by_operation(settings: Sequence[Setting]) -> Table:
    """Return the latencies of each kind of request."""
    found = named(settings)
    names = {
        o.name for setting in settings for trial in setting.shown for o in trial.operations
    } - {ALL}
    rows = [
        row
        for operation in sorted(names)
        for name, setting in found.items()
        if (row := _operation_row(operation, name, setting.shown))
    ]
    header = ("operation", "", "requests", "failures", "p50, ms", "p95, ms", "p99, ms",
              "p99.9, ms", "maximum, ms")  # fmt: skip
    some = any(setting.trials and setting.refused for setting in settings)
    which = "the valid trials (where there are none: of all)" if some else "all trials"
    note = f"Requests of {which}; percentiles and maximum: median of the trials'."
    return Table(header, rows, note)


def _operation_row(operation: str, name: str, group: Sequence[Trial]) -> list[str]:
    own = [o for trial in group for o in trial.operations if o.name == operation]
    if not own:
        return []
    kept = ("p50_ms", "p95_ms", "p99_ms")
    columns = [[float(getattr(o, name)) for o in own] for name in kept]
    columns += [[o.percentile(RARE) for o in own], [o.max_ms for o in own]]
    counts = (sum(o.requests for o in own), sum(o.failures for o in own))
    return [operation, name, *(f"{n:,}" for n in counts), *(number(median(c)) for c in columns)]


def by_failure(settings: Sequence[Setting]) -> Table:
    """Return what failed and how: the status that came, or what was wrong with the answer."""
    rows = []
    for name, setting in named(settings).items():
        found: Counter[str] = Counter()
        for trial in setting.all:
            found.update(trial.errors)
            found.update({UNANSWERED: trial.unanswered} if trial.unanswered else {})
        rows += [[error, name, f"{count:,}"] for error, count in found.most_common()]
    return Table(("failure", "", "requests"), rows, note="In the windows of all trials.")


def who_used_the_machine(settings: Sequence[Setting]) -> Table:
    """Return the cores each party used."""
    rows = [
        [name, *(_used(party, setting.shown) for party in PARTIES)]
        for name, setting in named(settings).items()
    ]
    header = ("cores used", *PARTIES.values())
    return _turned(Table(header, rows, note="CPU seconds per second of the window."))


def _used(party: str, group: Sequence[Trial]) -> str:
    if party not in group[0].usage:
        return "not measured"
    return spread([trial.cores_used(party) for trial in group], hundredths)


def predicted(predictions: Sequence[Prediction]) -> Table:
    """Return what the operational laws predict beside what was measured."""
    names = {id(setting): name for name, setting in named([p.setting for p in predictions]).items()}
    rows = [
        [
            names[id(one.setting)],
            number(one.predicted.throughput),
            number(one.measured.throughput),
            percent(one.miss),
            number(1000 * one.predicted.latency),
            number(1000 * one.measured.latency),
            percent(one.latency_miss),
            _remark(one),
        ]
        for one in predictions
    ]
    header = ("", "requests/s, predicted", "measured", "off by", "mean ms, predicted", "measured",
              "off by", "")  # fmt: skip
    note = "Exact MVA of the closed network from measured service demands; docs/method.md."
    return Table(header, rows, note)


def _remark(one: Prediction) -> str:
    if one.is_calibration:
        return "the wait was fitted here"
    return "MISSED" if one.is_flagged else ""


def by_trial(trials: Sequence[Trial], verdicts: Mapping[int, Verdict]) -> Table:
    """Return every trial in the order of measuring, with its verdict."""
    figures = _figures(trials)
    header = ("trial", "verdict", *(figure.name for figure in figures), "failures", "began")
    rows = [
        [
            f"{trial.number} {trial.label}",
            str(verdicts[trial.number].level),
            *(_value(figure, [trial]) for figure in figures),
            f"{trial.total.failures:,}",
            trial.started,
        ]
        for trial in trials
    ]
    return Table(header, rows)
