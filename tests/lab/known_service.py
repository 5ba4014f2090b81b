"""A service of which all is known: `python -m tests.lab.known_service SLOTS HOLD [DEFECTS]`.

It prints its port. Each request holds one of SLOTS for HOLD seconds, however many wait. Defects
(one or more words) make it one of those that must be refused or shown:

errors     every 20th answer is a 500
impostor   every other answer comes from another implementation
grows      the hold grows by a fifth of itself per second
creeps     the hold grows by 0.9 % of itself per second, a good fifth in 25 seconds
stalls     all slots stop for a second, once, 4 seconds after the first request
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs, urlsplit

from tests.load.stub import Stub

FIRST = 50  # requests that learn which ids there are come before the load
STALL = (4.0, 5.0)  # seconds after the first request
REASONS = {200: "OK", 201: "Created", 204: "No Content", 404: "Not Found", 500: "Broken"}


@dataclass
class Known:
    slots: asyncio.Semaphore
    hold: float
    defects: str
    stub: Stub = field(default_factory=lambda: Stub(rows=200))
    numbers: count = field(default_factory=count)
    began: float | None = None

    async def converse(self, reader, writer):
        """Answer one connection's requests until it ends."""
        try:
            while request := await reader.readline():
                body = await reader.readexactly(await self.length(reader))
                writer.write(await self.answer(request.decode().split(), body))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a load that ends does not say goodbye
        finally:
            writer.close()

    @staticmethod
    async def length(reader):
        length = 0
        while (line := await reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
        return length

    async def answer(self, words, body):
        number = next(self.numbers)
        self.began = self.began or time.monotonic()
        async with self.slots:
            if self.hold:
                await asyncio.sleep(self.held(time.monotonic() - self.began))
        if "errors" in self.defects and number > FIRST and number % 20 == 0:
            return response(500, {}, "known/1")
        status, content = self.route(words[0], words[1], body)
        impostor = "impostor" in self.defects and number % 2
        return response(status, content, "other/1" if impostor else "known/1")

    def held(self, age):
        """Seconds that a request which gets its slot now will hold it."""
        if "grows" in self.defects:
            return self.hold * (1 + age / 5)
        if "creeps" in self.defects:
            return self.hold * (1 + 0.009 * age)
        if "stalls" in self.defects and STALL[0] <= age < STALL[1]:
            return STALL[1] - age + self.hold
        return self.hold

    def route(self, method, path, body):
        parts = urlsplit(path)
        words = parts.path.strip("/").split("/")
        match [method, *words]:
            case ["GET", "items"]:
                query = parse_qs(parts.query)
                before = int(query.get("cursor", ["999999999"])[0])
                return 200, self.stub.page(int(query.get("limit", ["20"])[0]), before)
            case ["POST", "items"]:
                return 201, self.stub.create(json.loads(body))
            case ["GET", "items", number] if found := self.stub.items.get(int(number)):
                return 200, found
            case ["DELETE", "items", number] if self.stub.delete(int(number)):
                return 204, None
        return 404, {}


def response(status, content, who):
    body = b"" if content is None else json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Served-By: {who}\r\n\r\n"
    )
    return head.encode() + body


async def main(slots, hold, defects=""):
    known = Known(asyncio.Semaphore(int(slots)), float(hold), defects)
    server = await asyncio.start_server(known.converse, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
