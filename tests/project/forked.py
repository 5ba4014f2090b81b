"""`python …` without the imports that take most of a start: one process has them and forks.

That process is `python -m tests.project.forked`. It reads a line of JSON for each run and answers
with its exit code; what a run prints stands in files. Nothing that it has imported reads a setting.
"""

import gc
import importlib
import json
import os
import runpy
import sys
from pathlib import Path

OUT, ERR = "out", "err"
IMPORTED = (
    "dj_database_url", "django.contrib.postgres.fields", "django.core.handlers.wsgi",
    "django.core.management", "django.test", "drf_speedups.worker", "gunicorn.app.wsgiapp",
    "psycopg", "pythonjsonlogger.json", "requests", "rest_framework", "uritemplate", "yaml",
)  # fmt: skip


def main() -> None:
    """Fork for each line of the input; a fork returns from here when its run is over."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # or each fork would copy all that it looks at
    for line in sys.stdin.buffer:
        words, environment, folder = json.loads(line)
        if pid := os.fork():
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            sys.stdout.write(f"{code}\n")
            sys.stdout.flush()
            continue
        _begin_anew(environment, Path(folder))
        _run(words)
        return


def _begin_anew(environment: dict[str, str], folder: Path) -> None:
    for number, name, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, folder / OUT, os.O_WRONLY | os.O_CREAT),
        (2, folder / ERR, os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(name, how), number)
    os.environ.clear()
    os.environ.update(environment)


def _run(words: list[str]) -> None:
    """Do what Python does with these words: run code, a module or a file."""
    match words:
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
