"""The options of the load: one declaration for the command line, the config files and the web form.

A web form gives back the type of the default, and an empty field as "". So every option has a
default of its type, and Load checks all of them in one place, however they came.
"""

import math
from argparse import Namespace
from argparse import _ArgumentGroup as ArgumentGroup
from dataclasses import dataclass, replace
from typing import Any, cast

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from targets import PRESETS, Target

OPERATIONS = ("retrieve", "list", "create", "delete")
PRESET_WORD = "preset"
SHAPES = ("none", "steps", "spike")


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


def options_of(environment: Environment) -> Namespace:
    """Locust's types let them be missing, which they are only where Locust is used as a library."""
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


# The declarations: first what one changes most, since the web form keeps this order


def add_options(parser: LocustArgumentParser) -> None:
    _add_load_options(parser.add_argument_group("The load"))
    _add_target_options(parser.add_argument_group("The service, where it differs from the preset"))
    _add_run_options(parser.add_argument_group("The run"))


def _add(
    group: ArgumentGroup, flag: str, *, web: bool = True, secret: bool = False, **argument: Any
) -> None:
    """Locust's parser takes its web form's settings itself, but its groups do not."""
    action = group.add_argument(flag, **argument)
    marks = {"is_secret": secret, "is_required": False, "is_multiple": False}
    vars(action).update(marks, include_in_web_ui=web)


def _add_load_options(group: ArgumentGroup) -> None:
    _add(
        group,
        "--preset",
        choices=list(PRESETS),
        default="django",
        help="The kind of service: django (trailing slash, items under 'results') or fastapi (no"
        " trailing slash, a bare list). The options below that are left empty come from it",
    )
    _add(
        group,
        "--mix",
        default="60/15/20/5",
        help="Weights of retrieve/list/create/delete. 60/15/20/5 is 75 %% reads, 20 %% writes,"
        " 5 %% deletes; exact after every round of requests, not just on average",
    )
    _add(
        group,
        "--seeded-rows",
        type=int,
        default=0,
        help="Ids 1 to this number exist. 0: learn some ids from the first pages of the list"
        " (then only these rows are read, and they stay in the database's cache)",
    )
    _add(group, "--page-size", type=int, default=20, help="Items per list request")
    _add(
        group,
        "--think-time",
        type=float,
        default=0.0,
        help="Seconds a user waits after each answer; 0: none",
    )
    _add(
        group,
        "--arrival-rate",
        type=float,
        default=0.0,
        help="Requests per second over all users together, on a fixed schedule; 0: off. It is held"
        " only while the users suffice (more than rate x response time in seconds): a late user"
        " catches up at once and the request log keeps the intended time",
    )
    _add(group, "--seed", type=int, default=1, help="Seed of all random choices")


def _add_target_options(group: ArgumentGroup) -> None:
    _add(
        group,
        "--api-key",
        default="",
        secret=True,
        env_var="LOCUST_API_KEY",
        help="Sent as 'Authorization: Bearer ...'; empty: none. Also from $LOCUST_API_KEY",
    )
    _add(group, "--base-path", default="", help="Of the items, such as /api/v1/items")
    _add(
        group,
        "--trailing-slash",
        choices=[PRESET_WORD, "yes", "no"],
        default=PRESET_WORD,
        help="Whether paths end in /",
    )
    _add(group, "--id-field", default="", help="Name of the id in an item")
    _add(
        group,
        "--list-field",
        default="",
        help="Where the items are in a list answer: results, data.items, or . for a bare list",
    )
    _add(
        group,
        "--list-query",
        default="",
        help="Query of a list request: limit={size}, skip=0&limit={size}",
    )
    _add(group, "--fields", default="", help="Fields every item must have, separated by commas")
    _add(
        group,
        "--payload",
        default="",
        help="JSON of a new item; $name, $text, $price and $quantity are replaced",
    )


def _add_run_options(group: ArgumentGroup) -> None:
    _add(
        group,
        "--shape",
        choices=SHAPES,
        default="none",
        web=False,
        help="Load over time for headless runs (in the web UI: --class-picker). -u is the peak",
    )
    _add(
        group,
        "--request-log",
        default="",
        web=False,
        help="Write a CSV line per request to this file; with --processes one file per process:"
        " name-0.csv, name-1.csv",
    )
    limit = {"type": float, "web": False}
    _add(
        group, "--max-fail-ratio", **limit, help="Exit with 1 above this share of failures, 0 to 1"
    )
    _add(
        group,
        "--max-p95",
        **limit,
        help="Exit with 1 above this 95th percentile, in ms, as Locust counts it (two digits)",
    )
    _add(group, "--min-rps", **limit, help="Exit with 1 below this many requests per second")
