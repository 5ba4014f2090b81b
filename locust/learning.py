"""Which ids are there? The service itself is asked, before a run."""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call"

import time
from typing import Any

from locust.event import EventHook

from checks import parse
from options import Load
from plain_client import PlainSession
from targets import Id, WrongAnswerError

MAX_PAGES = 50  # 1,000 ids with the default page size are variety enough
ENOUGH_TIME = 2.0  # seconds; the run time has begun already
TIMEOUT = 10.0  # seconds for one page


def learn_ids(host: str, load: Load, *, max_pages: int = MAX_PAGES) -> list[Id]:
    """Ids of the first pages of the list, in its order.

    These requests stay out of the statistics. Raises LookupError when the list cannot be read.
    """
    if not host.startswith(("http://", "https://")):
        raise LookupError(f"host {host!r}: must be an address such as http://127.0.0.1:8000")
    session = PlainSession(
        host,
        EventHook(),
        None,
        connection_timeout=TIMEOUT,
        network_timeout=TIMEOUT,
        headers=load.headers,
    )
    ids: list[Id] = []
    url: str | None = load.target.page_url(load.page_size)
    deadline = time.monotonic() + ENOUGH_TIME
    for _ in range(max_pages):
        if url is None or time.monotonic() > deadline:
            break
        try:
            page = _get(session, url)
            ids += [item[load.target.id_field] for item in load.target.items_in(page)]
        except (WrongAnswerError, KeyError, TypeError) as error:
            reason = f"no {error} in an item" if isinstance(error, KeyError) else error
            raise LookupError(f"cannot read the list {host}{url}: {reason}") from error
        url = load.target.next_url(page)
    return list(dict.fromkeys(ids))  # a page may repeat what moved down meanwhile


def _get(session: PlainSession, url: str) -> Any:
    response = session.get(url)
    if not response.status_code:
        error = getattr(response, "error", None)
        reason = getattr(error, "strerror", None) or error
        raise WrongAnswerError(f"{reason}; is the service running?")
    if response.status_code != 200:
        raise WrongAnswerError(f"status {response.status_code}")
    return parse(response.content)
