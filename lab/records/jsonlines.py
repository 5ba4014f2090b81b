"""Trials as versioned JSON lines: one trial a line, whole or not there.

The file of records is the seam between measuring and reporting: a report needs nothing else. It may
be compressed with gzip once a run is over, as it is where results are kept in the repository.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.records.environment import Cap, RoundTrip, Table
from lab.records.histogram import Histogram
from lab.records.operations import Second
from lab.records.trial import Trial
from lab.records.usage import Counters, Process

VERSION = 3
OLDEST = 2  # that is still read
FILE, PACKED = "records.jsonl", "records.jsonl.gz"


def to_line(trial: Trial) -> str:
    """Return the JSON line of a trial."""
    plain = {"version": VERSION, **_plain(trial)}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Histogram):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def from_line(line: str) -> Trial:
    """Return the trial of a JSON line. Raises `LabError` for another version or a broken line."""
    try:
        found = json.loads(line)
        version = found.pop("version")
        if version > VERSION:
            raise LabError(f"written by a later lab (format {version}, known is {VERSION}): update")
        if version < OLDEST:
            raise LabError(f"written by an earlier lab (format {version}): measure again")
        return _trial(found if version == VERSION else _version_3(found))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabError(f"is not the record of a trial ({error})") from error


def _version_3(found: dict[str, Any]) -> dict[str, Any]:
    """Return what version 2 wrote as version 3 would.

    How many were inside comes from Little's law, L = X R: version 2 looked on whole seconds, in
    step with pauses that were constant.
    """
    inside = [0.0] * int(found["conditions"]["seconds"])
    for second in found["seconds_of_load"]:
        if 0 <= (at := second["at"]) < len(inside):
            inside[at] += sum(second["latencies"][1::2]) * second["mean_ms"] / 1000
    # It did not count what was never answered: that many writes were under way at most.
    users = found["conditions"]["users"]
    table = found["table"] and {**found["table"], "unsure": users}
    unknown: dict[str, Any] = {"at_least": [], "silences": [], "unanswered": 0}
    return {**found, **unknown, "inside": inside, "table": table}


def _trial(found: dict[str, Any]) -> Trial:
    found = {field.name: found[field.name] for field in fields(Trial) if field.name in found}
    found["conditions"] = Conditions.from_json(found["conditions"])
    found["seconds_of_load"] = tuple(
        Second(**{**second, "latencies": Histogram.from_json(second["latencies"])})
        for second in found["seconds_of_load"]
    )
    found["processes"] = tuple(Process(**_columns(process)) for process in found["processes"])
    found["counters"] = {
        source: Counters(tuple(counters["at"]), _columns(counters["totals"]))
        for source, counters in found["counters"].items()
    }
    found["cores"] = _columns(found["cores"])
    found["cap"] = Cap(**_columns(found["cap"]))
    for name, kind in (("table", Table), ("round_trip", RoundTrip)):
        found[name] = kind(**found[name]) if found[name] else None
    for name in ("inside", "at_least", "warnings"):
        found[name] = tuple(found[name])
    found["silences"] = tuple((at, lasted) for at, lasted in found["silences"])
    return Trial(**found)


def _columns(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()}


def append(path: Path, trial: Trial) -> None:
    """Add a trial to the file, wholly or (on a full disk, say) not at all. Raises OSError."""
    _unpack(path.with_name(PACKED), path)
    _cut_off(path)
    with path.open("ab") as file:
        before = file.tell()
        try:
            file.write(to_line(trial).encode())
            file.flush()
            os.fsync(file.fileno())
        except BaseException:  # Ctrl-C too
            os.truncate(path, before)
            raise


def _cut_off(path: Path) -> None:
    """Take away the line that was being written when the machine, or the lab, was killed."""
    if not path.exists() or (written := path.read_bytes()).endswith(b"\n"):
        return
    before, _, last = written.rpartition(b"\n")
    try:
        from_line(last.decode())
        path.write_bytes(written + b"\n")  # it is whole: somebody has edited the file
    except (LabError, ValueError):
        os.truncate(path, len(before) + 1 if before else 0)


def _unpack(packed: Path, path: Path) -> None:
    """Let a run whose records are compressed go on."""
    if packed.exists() and not path.exists():
        whole = path.with_name(f"{path.name}.unfinished")
        whole.write_bytes(gzip.decompress(packed.read_bytes()))
        whole.replace(path)
        packed.unlink()


def read(path: Path) -> list[Trial]:
    """Return the trials of a file. Raises `LabError` naming the file and the line."""
    opened = gzip.open if path.name == PACKED else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            return list(_trials(path, lines))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise LabError(f"cannot read {path}: {error}") from error


def completed(folder: Path) -> list[Trial]:
    """Return the trials of a results folder; none before the first one. Raises `LabError`."""
    if not folder.is_dir():
        raise LabError(f"there is no folder {folder}: give one of a run, such as results/bench")
    paths = (folder / name for name in (FILE, PACKED))
    return next((read(path) for path in paths if path.exists()), [])


def _trials(path: Path, lines: Iterable[str]) -> Iterator[Trial]:
    known: set[int] = set()
    for number, line in enumerate(lines, start=1):
        try:
            trial = from_line(line)
            if trial.number in known:  # files of two runs were joined: it would count as a repeat
                raise LabError(f"is another trial {trial.number}: records are of one run")
        except LabError as error:
            if not line.endswith("\n"):  # it was being written when all was killed: measured anew
                return
            raise LabError(f"{path} line {number} {error}") from error
        known.add(trial.number)
        yield trial
