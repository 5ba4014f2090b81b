"""The keys of the environment variable API_KEYS. Free of Django: the settings read it."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

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


def find_key(secret: str, keys: dict[str, Key]) -> Key | None:
    """Return the key of this secret; takes the same time wherever the secret differs."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    found = None
    for candidate, key in keys.items():
        if hmac.compare_digest(candidate, digest):
            found = key
    return found
