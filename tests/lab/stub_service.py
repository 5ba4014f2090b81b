"""A target that serves items from memory: `python -m tests.lab.stub_service PORT`."""

import sys

from tests.load.stub import Handler, Server, Stub


def main(port):
    bound = type("Bound", (Handler,), {"stub": Stub(rows=200)})
    Server(("127.0.0.1", port), bound).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
