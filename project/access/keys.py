"""The keys of the environment variable API_KEYS. The settings read it, and each SIGHUP again."""

import contextlib
import hashlib
import hmac
import io
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from drf_speedups.server.lifecycle import LifecycleHooks
from project import environment

logger = logging.getLogger(__name__)
KEY = re.compile(r"(?P<name>[^:]+):(?P<digest>[0-9a-f]{64}):(?P<scope>read|write)")


@dataclass(frozen=True)
class Key:
    """A client that may call the service; stands where Django has a user."""

    name: str
    scope: str
    is_authenticated: bool = True


def parse_keys(entries: Iterable[str]) -> dict[str, Key]:
    """Return the keys by the SHA-256 of their secret, from `name:sha256-hex:scope` entries.

    Raises `ValueError` for an entry of another form, without repeating what may be a secret.
    """
    keys: dict[str, Key] = {}
    for position, entry in enumerate(entries, start=1):
        match = KEY.fullmatch(entry)
        if match is None:
            raise ValueError(f"entry {position} is not name:sha256-hex:scope (read or write)")
        if match["digest"] in keys:
            raise ValueError(f"entry {position} repeats the digest of an earlier one")
        keys[match["digest"]] = Key(match["name"], match["scope"])
    return keys


def read_keys(variable: str) -> dict[str, Key]:
    """Return the keys that a variable lists; ends the process in one line if it cannot."""
    try:
        return parse_keys(environment.words(variable))
    except ValueError as error:
        environment.refuse(variable, str(error))


class KeysAnew(LifecycleHooks):
    """At SIGHUP the master reads the keys again, for the workers that it then starts."""

    def reloading(self) -> None:
        """Take the keys of now; those of before if there is something wrong with them."""
        if settings.API_AUTH == "none":
            return
        said = io.StringIO()  # what a start would be refused with is a line of the log here
        with contextlib.suppress(SystemExit), contextlib.redirect_stderr(said):
            keys = read_keys("API_KEYS")
            if not keys:
                environment.refuse("API_KEYS", "lists no key")
        if why := said.getvalue().strip():
            logger.error("%s: the keys of before stay", why)
            return
        settings.API_KEYS = keys
        names = ", ".join(sorted({key.name for key in keys.values()}))
        logger.info("%d API keys from now on: %s", len(keys), names)


def find_key(secret: str, keys: dict[str, Key]) -> Key | None:
    """Return the key of this secret; takes the same time wherever the secret differs."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    found = None
    for candidate, key in keys.items():
        if hmac.compare_digest(candidate, digest):
            found = key
    return found
