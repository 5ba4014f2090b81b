"""`python -m lab probe`: what does a service serve, and which options fit the load to it?"""

import argparse
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from rich.console import Console

from lab.errors import LabError
from lab.probing.asking import Service
from lab.probing.document import BEARER
from lab.probing.probe import Probe

DESCRIPTION = "look at a running service and print the options that fit the load to it"
# What the load does by itself: not worth a word on a command line.
DEFAULTS = {
    "--base-path": "/items", "--trailing-slash": "yes", "--id-field": "id", "--item-field": ".",
    "--list-field": "results", "--list-query": "limit={size}", "--update-method": "PUT",
    "--created": "item",
}  # fmt: skip


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    part.add_argument("url", help="http:// address of the service, or of its list of items")
    part.add_argument(
        "--read-only", action="store_true",
        help="create nothing (without this an item is created, changed and deleted)",
    )  # fmt: skip
    part.add_argument(
        "--payload", default="", help="JSON of a new item, where neither document nor list tells it"
    )
    part.add_argument(
        "--auth-header", default="",
        help="how the key in LOCUST_API_KEY is sent: X-API-Key, 'Authorization: Token' (default: "
        f"as its document says, else {BEARER!r})",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Print what was found. Raises `LabError` with what came, and what to do about it."""
    try:
        parts = urlsplit(options.url)
    except ValueError as error:
        raise LabError(f"{options.url!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise LabError("give an address such as http://127.0.0.1:8000, without a password in it")
    url = f"{parts.scheme}://{parts.netloc}"
    service = Service(url, options.auth_header or BEARER)
    path = parts.path if parts.path.strip("/") else ""
    probe = Probe(
        service, path, writes=not options.read_only, payload=options.payload,
        is_told=bool(options.auth_header),
    )  # fmt: skip
    console = Console(highlight=False)

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    try:
        found = probe.look()
    finally:  # what was found until then helps to mend the rest
        for line in probe.found.lines:
            say(line)
    if options.auth_header not in ("", BEARER):
        found.options["--auth-header"] = options.auth_header
    fitting = said(found.options)
    say("")
    say(f"options: {fitting}")
    say(f"a look:  python -m locust --headless -u 10 -t 30s --host {url} {fitting}")
    say(f"measure: python -m lab run {url} --load {shlex.quote(fitting)}")


def said(options: Mapping[str, str]) -> str:
    """Return options as they are typed, without those that say what is so anyway."""
    told = [word for name, value in options.items() if DEFAULTS.get(name) != value
            for word in (name, value)]  # fmt: skip
    return shlex.join(told)
