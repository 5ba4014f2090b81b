"""What a service has acknowledged, to be compared with its table afterwards.

Each row belongs to one client, which sends one request after the other: so what must be in the
table is known exactly. A request without an answer, or with a 5xx, may have been done or not.
"""

import threading
from dataclasses import dataclass, field

Row = tuple[int, str, int]  # id, name and quantity


@dataclass
class Entry:
    """One row as its client knows it: the quantities it may have, and whether it may be there."""

    name: str
    quantities: set[int]
    present: bool | None = True  # None: the answer to its DELETE is missing


@dataclass
class Ledger:
    """All rows of all clients. Methods may be called from several threads."""

    entries: dict[int, Entry] = field(default_factory=dict)  # by id
    unanswered: set[str] = field(default_factory=set)  # names whose POST has no answer
    acknowledged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def created(self, key: int, name: str, quantity: int) -> None:
        """A 201."""
        with self._lock:
            self.acknowledged += 1
            self.entries[key] = Entry(name, {quantity})

    def not_known_to_be_created(self, name: str) -> None:
        """A POST that may have been done."""
        with self._lock:
            self.unanswered.add(name)

    def updated(self, key: int, quantity: int, *, surely: bool = True) -> None:
        """A 200, or surely not."""
        with self._lock:
            self.acknowledged += surely
            entry = self.entries[key]
            entry.quantities = {quantity} if surely else entry.quantities | {quantity}

    def deleted(self, key: int, *, surely: bool = True) -> None:
        """A 204, or surely not."""
        with self._lock:
            self.acknowledged += surely
            self.entries[key].present = False if surely else None

    def faults(self, table: list[Row]) -> list[str]:
        """Return a sentence for each row that is lost, revived, doubled or nobody's."""
        found = {key: (name, quantity) for key, name, quantity in table}
        names = [name for _, name, _ in table]
        doubled = {name for name in names if names.count(name) > 1} if _repeat(names) else set()
        wrong = [f"{name} is there twice" for name in sorted(doubled)]
        for key, entry in self.entries.items():
            wrong += _faults_of(key, entry, found.pop(key, None))
        for key, (name, _) in found.items():
            if name not in self.unanswered:
                wrong.append(f"row {key} ({name}) is nobody's")
        return wrong


def _repeat(names: list[str]) -> bool:
    return len(set(names)) < len(names)


def _faults_of(key: int, entry: Entry, found: tuple[str, int] | None) -> list[str]:
    if found is None:
        return [f"row {key} is lost"] if entry.present is True else []
    if entry.present is False:
        return [f"row {key} is back after its DELETE"]
    if found[0] != entry.name:
        return [f"row {key} is {found[0]}, not {entry.name}"]
    if found[1] not in entry.quantities:
        allowed = " or ".join(map(str, sorted(entry.quantities)))
        return [f"an update of row {key} is lost: it has {found[1]}, acknowledged was {allowed}"]
    return []
