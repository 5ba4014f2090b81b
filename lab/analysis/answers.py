"""An answer in words, with the evidence beside it; also "not distinguishable" and "cannot tell"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab.errors import CannotTellError


class Question(StrEnum):
    """What a report answers, in this order."""

    WORKERS = "How many workers?"
    LIMIT = "What is the limit?"
    GROWTH = "Is it still growing?"
    BETTER = "Which implementation is better?"
    BOUGHT = "What did each improvement buy?"
    PLAN = "What would it take for more users?"


class Kind(StrEnum):
    """How far the data went."""

    ANSWER = "answer"
    EVEN = "not distinguishable"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Answer:
    """`about` names the implementations; `numbers` are those of the text, for other programs.

    Units stand in the names of the numbers.
    """

    question: Question
    about: str
    kind: Kind
    text: str
    evidence: tuple[str, ...] = ()
    numbers: Mapping[str, float | str | None] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The text, begun with what it is about unless it says so itself."""
        says_so = self.question in (Question.BETTER, Question.BOUGHT)
        return self.text if says_so else f"{self.about}: {self.text}"


def answered(
    question: Question,
    about: str,
    find: Callable[..., Answer],
    *data: object,
    evidence: Sequence[str] = (),
) -> Answer:
    """Return what `find` finds in data; or that it cannot tell, why, and the evidence there is."""
    try:
        return find(*data)
    except CannotTellError as why:
        text = f"I cannot tell, because {why}."
        return Answer(question, about, Kind.UNKNOWN, text, tuple(evidence))
