"""`python …` without the imports that take most of a start: one process has them and forks.

That process is `python -m tests.project.forked`. It reads a line of JSON for each run and answers
with its exit code; what a run prints stands in files. Nothing that it has imported reads a setting.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import sys
import threading
import traceback
from pathlib import Path

OUT, ERR = "out", "err"
IMPORTED = (
    "dj_database_url", "django.contrib.admindocs.utils", "django.contrib.messages",
    "django.contrib.postgres.fields", "django.contrib.staticfiles.finders",
    "django.core.handlers.wsgi", "django.core.management", "django.db.backends.postgresql.base",
    "django.middleware.csrf", "django.test", "django.views.i18n", "drf_speedups.worker",
    "gunicorn.app.wsgiapp", "inflection", "psycopg", "pygments.formatters.html",
    "pygments.lexers.special", "pythonjsonlogger.json", "requests", "rest_framework.compat",
    "rest_framework.exceptions", "uritemplate", "whitenoise.middleware", "yaml",
)  # fmt: skip


def main() -> None:
    """Fork for each line of the input."""
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
        os._exit(_exit_code(words))


def _begin_anew(environment: dict[str, str], folder: Path) -> None:
    for number, name, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, folder / OUT, os.O_WRONLY | os.O_CREAT),
        (2, folder / ERR, os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(name, how), number)
    os.environ.clear()
    os.environ.update(environment)


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
