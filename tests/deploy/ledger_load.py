"""The ledger's load as a program, for a host of its own: `python -m … URL CLIENTS FILE`.

It sends until its standard input ends; then FILE holds its ledger and its answers.
"""

import pickle
import sys
from pathlib import Path

from tests.faults.load import load


def main(url: str, clients: str, file: str) -> int:
    with load(url, int(clients)) as sent:
        sys.stdin.read()
    sent.ledger._lock = None  # type: ignore[assignment]  # a lock cannot be written
    Path(file).write_bytes(pickle.dumps((sent.ledger, sent.answers, sent.wrong)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
