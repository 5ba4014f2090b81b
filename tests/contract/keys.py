"""The keys of the service that asks for them."""

from hashlib import sha256

READER, WRITER = "secret-of-the-reader", "secret-of-the-writer"


def _entry(name: str, secret: str, scope: str) -> str:
    return f"{name}:{sha256(secret.encode()).hexdigest()}:{scope}"


ENVIRONMENT = {
    "API_AUTH": "keys",
    "API_KEYS": f"{_entry('reader', READER, 'read')},{_entry('writer', WRITER, 'write')}",
}


def bearer(secret: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {secret}"}
