"""Which ids are there? Asked once, at the start of a run, of the service itself."""

from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

from checks import parse
from targets import Id, Target, WrongAnswerError

MAX_PAGES = 50  # 1,000 ids with the default page size: enough variety, under a second


def learn_ids(host: str, target: Target, *, page_size: int, headers: dict[str, str]) -> list[Id]:
    """Ids of the first pages of the list, newest first as the service gives them.

    These requests stay out of the statistics. Raises LookupError when the list cannot be read.
    """
    session = FastHttpSession(
        host, EventHook(), None, connection_timeout=10.0, network_timeout=10.0, headers=headers
    )
    ids: dict[Id, None] = {}  # a set that keeps the order
    url: str | None = target.page_url(page_size)
    for _ in range(MAX_PAGES):
        if url is None:
            break
        page = _get(session, url)
        try:
            ids.update({item[target.id_field]: None for item in target.items_in(page)})
        except (WrongAnswerError, KeyError, TypeError) as error:
            raise LookupError(f"cannot learn ids: {host}{url}: {error!r}") from error
        url = target.next_url(page)
    return list(ids)


def _get(session: FastHttpSession, url: str) -> object:
    response = session.get(url)
    if response.status_code != 200:
        reason = f"status {response.status_code}" if response.status_code else response.error
        raise LookupError(f"cannot learn ids: {session.base_url}{url}: {reason}")
    try:
        return parse(response.content)
    except WrongAnswerError as error:
        raise LookupError(f"cannot learn ids: {session.base_url}{url}: {error}") from error
