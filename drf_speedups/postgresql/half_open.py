"""Ends connections whose other end has fallen silent in the middle of a statement.

`statement_timeout` is a promise of the server. When its host or a proxy on the way disappears
without a word nobody keeps it, and libpq waits for ever. What was never acknowledged is the
kernel's to give up (`tcp_user_timeout`); what was, shows in TCP_INFO as sent and not answered.
"""

import contextlib
import os
import socket
import struct
import threading
import time
from typing import Any
from weakref import WeakKeyDictionary

from psycopg.pq import TransactionStatus

GRACE = 0.5  # seconds beyond its limit in which a statement's answer may still be on the way
INTERVAL = 0.25  # seconds
# In struct tcp_info of linux/tcp.h: `tcpi_last_data_sent` and `tcpi_last_data_recv`, both in ms.
LAST_SENT, LAST_RECEIVED, LENGTH = 44, 52, 60

_limits: WeakKeyDictionary[Any, float] = WeakKeyDictionary()  # seconds, by psycopg connection
_lock = threading.Lock()
_found_at = 0.0  # monotonic seconds
_thread: threading.Thread | None = None


def watch(connection: Any, limit: float) -> None:
    """End `connection` when a statement has no answer `GRACE` seconds after its `limit` (seconds).

    Connections over UNIX sockets cannot lose their other end and are left alone.
    """
    global _thread
    if limit == float("inf") or not hasattr(socket, "TCP_INFO") or connection.info.hostaddr == "":
        return
    with _lock:
        _limits[connection] = limit
        if _thread is None or not _thread.is_alive():  # it does not live on in a forked worker
            _thread = threading.Thread(target=_look_again_and_again, daemon=True)
            _thread.start()


def found_since(moment: float) -> bool:
    """Tell whether a link fell silent after `moment` (monotonic): its neighbours may have, too."""
    return _found_at > moment


def _look_again_and_again() -> None:
    while True:
        time.sleep(INTERVAL)
        with _lock:
            watched = list(_limits.items())
        for connection, limit in watched:
            with contextlib.suppress(Exception):  # closed meanwhile by its own thread
                _look(connection.pgconn, limit)
        watched.clear()  # keeps no connection alive while it sleeps


def _look(pgconn: Any, limit: float) -> None:
    global _found_at
    if not _waits(pgconn):
        return
    with socket.socket(fileno=os.dup(pgconn.socket)) as link:
        if silent_for(link) > limit + GRACE and _waits(pgconn):
            _found_at = time.monotonic()
            link.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in libpq


def _waits(pgconn: Any) -> bool:
    return bool(pgconn.transaction_status == TransactionStatus.ACTIVE)


def silent_for(link: socket.socket) -> float:
    """Return the seconds since the last byte in either direction."""
    told = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LENGTH)
    (sent,), (received,) = (struct.unpack_from("I", told, at) for at in (LAST_SENT, LAST_RECEIVED))
    return float(min(sent, received)) / 1000
