"""The options of the load: one declaration for the command line, the config files and the web form.

A web form gives back the type of the default, and an empty field as "". So every option of the form
has a default of its type, and Load checks all of them in one place, however they came.
"""

import math
import os
import re
from argparse import Namespace
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from shapes import SHAPES
from targets import CREATED, PRESETS, SLASHES, UPDATES, Target

OPERATIONS = ("retrieve", "list", "create", "update", "delete")
# Weights in the order of OPERATIONS; `update` may be left out.
MOST_WEIGHT = 10_000  # of all together: as many requests are one round, which is in memory
MIXES = {"article": "60/15/20/5", "httparena-crud": "75/5/5/15/0"}
PACES = ("random", "constant")
PRESET_WORD = "preset"
NO_QUERY = "none"
KEY = "LOCUST_API_KEY"
HEADER = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
SCHEME = re.compile(r"[A-Za-z-]{0,12}", re.ASCII)  # longer, or with a digit, it would be the key


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, where and how often. Raises ValueError, with one line that names the option."""

    target: Target
    mix: tuple[int, ...]  # weights, in the order of OPERATIONS
    page_size: int
    seeded_rows: int
    think_time: float  # seconds, the mean
    arrival_rate: float  # requests per second over all users; 0: as fast as the answers come
    pace: str  # of pauses and arrivals
    seed: int
    api_key: str
    auth_header: str  # name of the key's header, and perhaps a scheme: `Authorization: Bearer`

    def __post_init__(self) -> None:
        if self.page_size < 1:
            raise ValueError(f"page size {self.page_size}: must be at least 1")
        if self.seeded_rows < 0:
            raise ValueError(f"seeded rows {self.seeded_rows}: must not be negative")
        for name, value in (("think time", self.think_time), ("arrival rate", self.arrival_rate)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} {value:g}: must be 0 or more")
        if self.think_time and self.arrival_rate:
            raise ValueError("think time and arrival rate exclude each other: set one of them to 0")
        if self.pace not in PACES:
            raise ValueError(f"pace {self.pace!r}: must be one of {', '.join(PACES)}")
        self._refuse_to_change_others_rows()
        name, _, scheme = self.auth_header.partition(":")
        if not (HEADER.fullmatch(name) and SCHEME.fullmatch(scheme.strip())):
            raise ValueError(
                "auth header: must be a name such as X-API-Key, or one and a scheme such as "
                f"'Authorization: Bearer'; the key itself is in {KEY}"
            )
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError(f"{KEY}: must be one line of letters, digits and signs of ASCII")

    def _refuse_to_change_others_rows(self) -> None:
        """Raise ValueError where a mix wants more rows than it makes, and none were seeded."""
        weights = dict(zip(OPERATIONS, self.mix, strict=True))
        too_many = weights["delete"] > weights["create"]
        if not self.seeded_rows and (too_many or (weights["update"] and not weights["create"])):
            raise ValueError(
                f"mix {'/'.join(map(str, self.mix))}: only rows that the load created are changed "
                "and deleted, so create as many, or give --seeded-rows N where rows 1 to N are to "
                "be changed"
            )

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        name, _, scheme = self.auth_header.partition(":")
        return {name: f"{scheme.strip()} {self.api_key}".strip()} if self.api_key else {}

    def does(self, operation: str) -> bool:
        """Whether an operation is in the mix."""
        return self.mix[OPERATIONS.index(operation)] > 0

    @property
    def writes(self) -> bool:
        """Whether the mix changes anything."""
        return any(map(self.does, ("create", "update", "delete")))


def options_of(environment: Environment) -> Namespace:
    """Locust's types let them be missing; they are so only where Locust is used as a library."""
    return cast(Namespace, environment.parsed_options)


def load_from(options: Namespace) -> Load:
    """Raises ValueError."""
    return Load(
        target=_target_from(options),
        mix=_mix_from(options.mix),
        page_size=options.page_size,
        seeded_rows=options.seeded_rows,
        think_time=options.think_time,
        arrival_rate=options.arrival_rate,
        pace=options.pace,
        seed=options.seed,
        api_key=options.api_key or _key(),
        auth_header=options.auth_header,
    )


def _key() -> str:
    """The key of the environment, which no page and no list of processes shows."""
    if file := os.environ.get(f"{KEY}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ValueError(f"{KEY}_FILE: {error}") from error
    return os.environ.get(KEY, "").strip()


def _target_from(options: Namespace) -> Target:
    if options.preset not in PRESETS:
        raise ValueError(f"preset {options.preset!r}: must be one of {', '.join(PRESETS)}")
    target = PRESETS[options.preset]
    if options.trailing_slash != PRESET_WORD:
        target = replace(target, slashes=options.trailing_slash)
    if options.fields:
        target = replace(target, fields=tuple(options.fields.replace(",", " ").split()))
    words = (
        "base_path", "id_field", "item_field", "list_field", "list_query", "payload",
        "update_payload",
    )  # fmt: skip
    given = {word: value for word in words if (value := getattr(options, word))}
    if given.get("list_query") == NO_QUERY:
        given["list_query"] = ""
    return replace(target, created=options.created, update_method=options.update_method, **given)


def _mix_from(text: str) -> tuple[int, ...]:
    try:
        weights = [int(weight) for weight in MIXES.get(text, text).split("/")]
    except ValueError:
        weights = []
    if len(weights) == len(OPERATIONS) - 1:
        weights.insert(OPERATIONS.index("update"), 0)
    fits = len(weights) == len(OPERATIONS) and 0 < sum(weights) <= MOST_WEIGHT
    if not fits or min(weights) < 0:
        raise ValueError(
            f"mix {text!r}: must be weights, {'/'.join(OPERATIONS)}: 60/15/20/0/5, "
            f"together {MOST_WEIGHT:,} at most, or one of {', '.join(MIXES)}"
        )
    return tuple(weights)


# The declarations, in the order of the web form. There a help text is a label: one short line


def add_options(parser: LocustArgumentParser, **_: object) -> None:
    _add_load_options(parser)
    _add_target_options(parser)
    _add_run_options(parser)


def _add_load_options(parser: LocustArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--preset",
        choices=list(PRESETS),
        default="django",
        help="django: slash at the end, list in 'results'; fastapi: no slash, a bare list",
    )
    add(
        "--mix",
        default="article",
        help=f"{', '.join(MIXES)} or weights of {'/'.join(OPERATIONS)}: 60/15/20/0/5",
    )
    add(
        "--seeded-rows",
        type=int,
        default=0,
        help="ids 1 to this number exist; 0: learn up to 50 pages of ids from the list",
    )
    add("--page-size", type=int, default=20, help="items per list request")
    add(
        "--think-time",
        type=float,
        default=0.0,
        help="seconds between a response and the next request, the mean",
    )
    add(
        "--arrival-rate",
        type=float,
        default=0.0,
        help="requests/s of all users, 0: off; users must be more than rate x response time",
    )
    add(
        "--pace",
        choices=PACES,
        default="random",
        help="whether pauses and arrivals are random around the mean (Poisson) or constant",
    )
    add(
        "--shape",
        choices=["none", *SHAPES],
        default="none",
        help="shape of the load over the run time; the number of users is the peak",
    )
    add("--seed", type=int, default=1, help="seed of all random choices")


def _add_target_options(parser: LocustArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--trailing-slash",
        choices=[PRESET_WORD, *SLASHES],
        default=PRESET_WORD,
        help="whether paths end in a slash, or only one of them does",
    )
    for flag, what in {
        "--base-path": "path of the items, such as /api/v1/items",
        "--id-field": "name of the id in an item",
        "--item-field": "where the item is in an answer: data, . for no envelope",
        "--list-field": "where the list is: results, data.items, . for a bare list",
        "--list-query": "query of a list request, such as skip=0&limit={size}, or none",
        "--fields": "fields that every item must have, separated by commas",
        "--payload": "JSON of a new item with $name, $text, $price, $quantity, $unique",
        "--update-payload": "JSON of an update; as for a new item",
    }.items():
        default = "the payload's" if flag == "--update-payload" else "the preset's"
        add(flag, default="", help=f"{what}; empty: {default}")
    add("--update-method", choices=UPDATES, default="PUT", help="of an update")
    add("--created", choices=CREATED, default="item", help="what the answer to a create tells")
    add(
        "--auth-header",
        default="Authorization: Bearer",
        help="header of the key: X-API-Key, Authorization: Token",
    )
    add("--api-key", default="", is_secret=True, help=f"the key, if any; empty: {KEY}")


def _add_run_options(parser: LocustArgumentParser) -> None:
    add = partial(parser.add_argument, include_in_web_ui=False)
    add(
        "--request-log",
        default="",
        help="file for a CSV line per request (see request_log.py); with several processes one "
        "each: name-0.csv, name-1.csv",
    )
    add("--max-fail-ratio", type=float, help="exit code 1 above this share of failures, 0 to 1")
    add("--max-p95", type=float, help="exit code 1 above this 95th percentile, ms")
    add("--min-rps", type=float, help="exit code 1 below this many requests per second")
