"""`python …` without the imports that take most of a start: one process has them and forks.

That process is `python -m tests.forked SOCKET`. Each message has the words of a start in JSON, and
three files: where it reads and where it writes. The fork, a child of who asked, answers with its
process id. Nothing that has been imported here reads a setting, or shares memory with its forks as
`drf_speedups.worker` does.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import site
import socket
import sys
import sysconfig
import threading
import traceback
from typing import NamedTuple

from lab.running import launch

LARGEST = 100_000  # bytes of a message
IMPORTED = (
    "dj_database_url", "django.contrib.admindocs.utils", "django.contrib.messages",
    "django.contrib.postgres.fields", "django.contrib.staticfiles.finders",
    "django.core.handlers.wsgi", "django.core.management", "django.db.backends.postgresql.base",
    "django.middleware.csrf", "django.test", "django.views.i18n", "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread", "gunicorn.workers.sync", "inflection", "psycopg",
    "pygments.formatters.html", "pygments.lexers.special", "pythonjsonlogger.json", "requests",
    "rest_framework.compat", "rest_framework.exceptions", "uritemplate", "whitenoise.middleware",
    "yaml",
)  # fmt: skip


class Start(NamedTuple):
    """What a Python is started with."""

    words: list[str]  # those after `python`
    environment: dict[str, str]
    folder: str


def main() -> None:
    """Fork for each message, until who asks has ended."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # or each fork would copy all that it looks at
    asked = socket.socket(fileno=int(sys.argv[1]))
    while (got := socket.recv_fds(asked, LARGEST, 3))[0]:
        message, files, *_ = got
        if child := os.fork():
            os.waitpid(child, 0)
            for file in files:
                os.close(file)
            continue
        between = os.getpid()
        if os.fork():
            os._exit(0)  # so that who asked adopts the other one
        start = Start(*json.loads(message))
        _begin_anew(start, files)
        while os.getppid() == between:
            os.sched_yield()
        asked.send(str(os.getpid()).encode())
        asked.close()
        os._exit(_exit_code(start.words))


def _begin_anew(start: Start, files: list[int]) -> None:
    """Be as a process that has just been started, in a session of its own."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)


def _exit_code(words: list[str]) -> int:
    """Run the words to what Python does at its end, but for letting go of each object.

    That would copy all that a fork shares, which takes longer than most runs.
    """
    code: object = None
    try:
        _run(words)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        code = 1
    if not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0


def _run(words: list[str]) -> None:
    """Do what Python does with these words: run code, a module or a file."""
    sys.orig_argv = [sys.executable, *words]
    site.addpackage(sysconfig.get_path("purelib"), "gunicorn.pth", set())
    match words:
        case ["-m", "lab.running.launch", *place]:
            _run(launch.placed(place)[1:])  # all that are forked are Python
        case ["-c", code, *others]:
            sys.argv = ["-c", *others]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        case ["-m", module, *others]:
            sys.argv = [module, *others]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [file, *others]:
            sys.argv = [file, *others]
            runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main()
