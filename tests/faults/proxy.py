"""A link to the database that can break, fall silent or slow down: TCP in front of its socket."""

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tests.faults.cluster import ROLE, Cluster

AT_ONCE = 65_536  # bytes
OWN_SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Passes bytes on between TCP clients and a UNIX socket, in one thread."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.delay = 0.0  # seconds by which the bytes towards the database are late
        self.stalled = False  # no byte is passed on until it ends
        self.refusing = False  # new connections are closed at once
        self._peers: dict[socket.socket, socket.socket] = {}
        self._silent: set[socket.socket] = set()
        self._late: deque[tuple[float, socket.socket, bytes]] = deque()
        self._clients: set[socket.socket] = set()
        self._cut = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the DATABASE_URL that leads through here."""
        host, port = self.listener.getsockname()
        return f"postgresql://{ROLE}@{host}:{port}/crud"

    def cut(self) -> None:
        """Reset all connections, and refuse new ones while `refusing` is set."""
        self._cut.set()
        while self._cut.is_set():
            time.sleep(0.005)

    def fall_silent(self) -> None:
        """Swallow whatever the connections of this moment send, and tell nobody."""
        self._silent |= set(self._peers)

    def end_silent(self) -> None:
        """Tell the clients of silent connections that these have ended, as a host that is back."""
        for client in self._silent & self._clients:
            with contextlib.suppress(OSError):  # its client has ended it already
                client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop."""
        self._stopped.set()
        self._thread.join(5)
        for end in (self.listener, *self._peers):
            end.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._cut.is_set():
                self._drop_all()
                self._cut.clear()
            if self.stalled:
                time.sleep(0.01)
                continue
            patience = 0.001 if self._late else 0.02
            for ready in select.select([self.listener, *self._peers], [], [], patience)[0]:
                if ready is self.listener:
                    self._accept()
                elif ready in self._peers:
                    self._pass_on(ready)
            while self._late and self._late[0][0] <= time.monotonic():
                _, to, data = self._late.popleft()
                self._send(to, data)

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        if self.refusing:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        database = socket.socket(socket.AF_UNIX)
        try:
            database.connect(str(self.target))
        except OSError:
            database.close()
            client.close()
            return
        self._peers |= {client: database, database: client}
        self._clients.add(client)

    def _pass_on(self, source: socket.socket) -> None:
        try:
            data = source.recv(AT_ONCE)
        except OSError:
            data = b""
        if not data:
            self._drop(source)
        elif source not in self._silent:
            if self.delay and source in self._clients:
                self._late.append((time.monotonic() + self.delay, self._peers[source], data))
            else:
                self._send(self._peers[source], data)

    def _send(self, to: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):  # who has gone is dropped at its end of file
            to.sendall(data)

    def _drop(self, one: socket.socket) -> None:
        for end in (one, self._peers[one]):
            self._peers.pop(end, None)
            self._clients.discard(end)
            self._silent.discard(end)
            end.close()

    def _drop_all(self) -> None:
        linger_none = b"\1\0\0\0\0\0\0\0"  # a reset instead of an end of file
        for end in list(self._peers):
            if end in self._clients:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
            if end in self._peers:
                self._drop(end)


@contextlib.contextmanager
def proxied(cluster: Cluster) -> Iterator[Proxy]:
    """Put a proxy before a cluster until the block ends."""
    proxy = Proxy(cluster.server.socket_folder / OWN_SOCKET)
    try:
        yield proxy
    finally:
        proxy.close()
