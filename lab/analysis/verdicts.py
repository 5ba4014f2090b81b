"""Whether a trial can be believed: valid, suspect or invalid, and why.

Invalid: it measured something other than it claims. Suspect: its figures may be off by an unknown
amount. Neither counts towards a ranking or advice. Most rules are defects of published benchmarks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from lab.analysis.formatting import estimated, percent
from lab.analysis.growth import Course, Growth, growth_of, share_of
from lab.analysis.rules import trials as rules
from lab.records.trial import Trial


class Level(IntEnum):
    """How far a trial can be believed; the larger, the less."""

    VALID = 0
    SUSPECT = 1
    INVALID = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Reason:
    """Why not: the rule that spoke, and its sentence."""

    level: Level
    rule: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """All reasons against a trial, the heaviest first; without one it is valid."""

    reasons: tuple[Reason, ...]
    growth: Growth

    @property
    def level(self) -> Level:
        """The heaviest reason's."""
        return max((reason.level for reason in self.reasons), default=Level.VALID)

    def without(self, *rules: str) -> Level:
        """Return the level that is left when some rules are no objection to a question."""
        kept = (reason.level for reason in self.reasons if reason.rule not in rules)
        return max(kept, default=Level.VALID)


def verdict(trial: Trial) -> Verdict:
    """Apply every rule to a trial."""
    found = growth_of(trial)
    reasons = [
        Reason(level, rule.__name__, text)
        for level, of_level in RULES.items()
        for rule in of_level
        for text in rule(trial)
    ]
    reasons += [Reason(Level.SUSPECT, drift.__name__, text) for text in drift(found)]
    return Verdict(tuple(reasons), found)


def drift(found: Growth) -> Iterator[str]:
    """Latency changed within the window: its figures depend on when one looks."""
    if found.course not in (Course.CONVERGED, Course.UNKNOWN):
        yield drift_in_words(found)


def drift_in_words(found: Growth) -> str:
    """Return by how much the latency changed, with its interval, and why."""
    if jump := found.jump:
        by, after = percent(share_of(jump.by)), percent(jump.after)
        return f"latency changed by {by} after {after} of the window: it {found.course}"
    change = found.latency.change
    if change.interval is None:  # too few windows: the middle is no number that was measured
        return f"by how much latency changed in the window is {found.course}"
    return f"latency changed by {estimated(change, percent)} in the window: {found.course}"


Rule = Callable[[Trial], Iterator[str]]
RULES: dict[Level, tuple[Rule, ...]] = {
    Level.INVALID: (
        rules.failures,
        rules.unanswered,
        rules.lost_writes,
        rules.too_many_gone,
        rules.wrong_server,
        rules.restarts,
        rules.generator,
        rules.table,
        rules.cpu_cap,
        rules.cut_short,
        rules.clock,
    ),
    Level.SUSPECT: (
        rules.little,
        rules.rate,
        rules.silence,
        rules.mix,
        rules.generator_warning,
        rules.memory_cap,
        rules.silent_workers,
        rules.unwatched,
        rules.few_requests,
    ),
}
