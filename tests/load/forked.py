"""`python -m locust` without its import, which takes most of a start: one process has it and forks.

That process is `python -m tests.load.forked`. It reads a line of JSON for each run and answers with
its process id; what a run prints, and its exit code when it ends by itself, stand in files.
"""

import gc
import json
import os
import signal
import sys
from pathlib import Path

OUT, ERR, CODE = "out", "err", "code"


def main() -> None:
    """Fork for each line of the input; a fork returns from here when its run is over."""
    import locust.main  # patches sockets and threads, which a test must not meet
    from gevent import monkey, reinit  # type: ignore[import-untyped]

    gc.freeze()  # or each fork would copy all that it looks at
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries those who have ended
    fork = monkey.get_original("os", "fork")  # gevent's own would watch them
    for line in sys.stdin.buffer:
        words, environment, folder = json.loads(line)
        if pid := fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            continue
        _begin_anew(environment, Path(folder))
        reinit()
        sys.argv = ["locust", *words]
        code = 1
        try:
            locust.main.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            Path(folder, CODE).write_text(str(code))
        sys.exit(code)


def _begin_anew(environment: dict[str, str], folder: Path) -> None:
    """Be as a process that has just been started, in a session of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for number, name, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, folder / OUT, os.O_WRONLY | os.O_CREAT),
        (2, folder / ERR, os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(name, how), number)
    os.environ.clear()
    os.environ.update(environment)


if __name__ == "__main__":
    main()
