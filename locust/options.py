"""The options of the load: one declaration for the command line, the config files and the web form.

A web form gives back the type of the default, and an empty field as "". So every option of the form
has a default of its type, and Load checks all of them in one place, however they came.
"""

import math
from argparse import Namespace
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from shapes import SHAPES
from targets import PRESETS, Target

OPERATIONS = ("retrieve", "list", "create", "delete")
PRESET_WORD = "preset"


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, where and how often. Raises ValueError, with one line that names the option."""

    target: Target
    mix: tuple[int, ...]  # weights, in the order of OPERATIONS
    page_size: int
    seeded_rows: int
    think_time: float  # seconds
    arrival_rate: float  # requests per second over all users; 0: as fast as the answers come
    seed: int
    api_key: str

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

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


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
        seed=options.seed,
        api_key=options.api_key,
    )


def _target_from(options: Namespace) -> Target:
    if options.preset not in PRESETS:
        raise ValueError(f"preset {options.preset!r}: must be one of {', '.join(PRESETS)}")
    target = PRESETS[options.preset]
    if options.trailing_slash != PRESET_WORD:
        target = replace(target, trailing_slash=options.trailing_slash == "yes")
    if options.fields:
        target = replace(target, fields=tuple(options.fields.replace(",", " ").split()))
    words = ("base_path", "id_field", "list_field", "list_query", "payload")
    return replace(target, **{word: value for word in words if (value := getattr(options, word))})


def _mix_from(text: str) -> tuple[int, ...]:
    try:
        weights = tuple(int(weight) for weight in text.split("/"))
    except ValueError:
        weights = ()
    if len(weights) != len(OPERATIONS) or min(weights) < 0 or not any(weights):
        raise ValueError(f"mix {text!r}: must be four weights, {'/'.join(OPERATIONS)}: 60/15/20/5")
    return weights


# The declarations, in the order of the web form. There a help text is a label: one short line


def add_options(parser: LocustArgumentParser) -> None:
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
    add("--mix", default="60/15/20/5", help="weights of retrieve/list/create/delete")
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
        help="seconds between a response and the next request",
    )
    add(
        "--arrival-rate",
        type=float,
        default=0.0,
        help="requests/s of all users, 0: off; users must be more than rate x response time",
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
        choices=[PRESET_WORD, "yes", "no"],
        default=PRESET_WORD,
        help="whether paths end in a slash",
    )
    for flag, what in {
        "--base-path": "path of the items, such as /api/v1/items",
        "--id-field": "name of the id in an item",
        "--list-field": "where the list is: results, data.items, . for a bare list",
        "--list-query": "query of a list request, such as skip=0&limit={size}",
        "--fields": "fields that every item must have, separated by commas",
        "--payload": "JSON of a new item with $name, $text, $price, $quantity",
    }.items():
        add(flag, default="", help=f"{what}; empty: the preset's")
    add(
        "--api-key",
        default="",
        is_secret=True,
        env_var="LOCUST_API_KEY",
        help="sent as 'Authorization: Bearer', if any",
    )


def _add_run_options(parser: LocustArgumentParser) -> None:
    add = partial(parser.add_argument, include_in_web_ui=False)
    # A CSV line per request: see request_log.py. One file per process: name-0.csv, name-1.csv.
    add("--request-log", default="")
    # The exit code is 1 when these do not hold. Locust rounds its percentile (ms) to two digits.
    add("--max-fail-ratio", type=float)
    add("--max-p95", type=float)
    add("--min-rps", type=float)
