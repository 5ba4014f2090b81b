"""Dockerfiles without a container engine: their instructions, run in an unpacked Debian.

What an engine would do is done by hand: each stage is a copy of Debian 14, whose Python is the 3.14
of the base image; RUN is a chroot; the result runs in a mount namespace of its own, read-only, as
the image's user. Not covered: the base image itself, layers, and the engine's own defaults.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.debian import Debian, ways
from tests.deploy.places import recipe

BASE = Debian("forky", python="3.14")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
READ_ONLY = """
set -e
root=$1; outside=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
if [ -n "$outside" ]; then
  mkdir -p "$root$outside"
  mount --bind "$outside" "$root$outside"
fi
exec "$@"
"""


@dataclass
class Image:
    """What a Dockerfile's instructions have made so far."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def words(self, *command: str, user: str = "", env: dict[str, str] | None = None) -> list[str]:
        """Return the words that run a command in the image, in whatever namespace they are run."""
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", **self.env, **(env or {})}
        given = [f"{name}={value}" for name, value in variables.items()]
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', self.folder, *command]
        return ["chroot", f"--userspec={user or self.user}", str(self.root), "env", "-i", *given,
                *inside]  # fmt: skip

    def contained(self, *command: str, outside: Path | None = None, **env: str) -> list[str]:
        """Return the words that run a command as a container would: alone, read-only, no root.

        `outside` is a temporary folder of this machine that it sees at the same path.
        """
        started = self.words(*(command or self.entrypoint + self.command), env=env)
        where = (str(self.root), str(outside or ""))
        return ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *where, *started]

    def inside(self, path: Path | str) -> Path:
        """Return where a path of the image lies on this machine."""
        return self.root / str(path).lstrip("/")

    def size(self, *paths: str) -> int:
        """Return the bytes of what was added below these paths."""
        return sum(
            file.lstat().st_size
            for path in paths
            for file in self.inside(path).rglob("*")
            if file.is_file() and not file.is_symlink()
        )


@dataclass
class Build:
    """A Dockerfile being followed; every stage is a folder below `work`."""

    context: Path
    work: Path
    stages: dict[str, Image] = field(default_factory=dict)
    image: Image = field(default_factory=lambda: Image(BASE.base))

    def follow(self, dockerfile: str) -> Image:
        """Run all instructions; return the last stage. Raises `CalledProcessError`."""
        for line in recipe(dockerfile).splitlines():
            instruction, _, rest = line.strip().partition(" ")
            if instruction and not instruction.startswith("#"):
                step: Callable[[str], None] = getattr(self, f"_{instruction.lower()}")
                step(rest.strip())
        return self.image

    def _from(self, rest: str) -> None:
        found = re.fullmatch(rf"python:{re.escape(BASE.python)}-slim(?: AS (\w+))?", rest)
        assert found, f"{rest}: another base than the unpacked one"
        name = found[1] or "last"
        self.image = self.stages[name] = Image(self.work / name)
        BASE.copy(self.image.root)

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            path = self.image.env.get("PATH", "/usr/local/bin:/usr/bin:/bin")
            self.image.env[name] = value.replace("$PATH", path)

    def _run(self, rest: str) -> None:
        """Run as root, with this machine's ways to reach the package registry."""
        words = self.image.words("sh", "-c", rest, env=ways())
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        origin, mode = self.context, None
        if sources[0].startswith("--chmod="):
            mode = int(sources.pop(0).removeprefix("--chmod="), 8)
        if sources[0].startswith("--from="):
            origin = self.stages[sources.pop(0).removeprefix("--from=")].root
        into = self.image.inside(Path(self.image.folder) / target)
        for source in sources:
            here = origin / source.lstrip("/")
            if here.is_dir():
                shutil.copytree(here, into, symlinks=True, ignore=IGNORED, dirs_exist_ok=True)
                made = [into, *into.rglob("*")]
            else:
                place = into / here.name if target.endswith("/") or target == "." else into
                place.parent.mkdir(parents=True, exist_ok=True)
                made = [Path(shutil.copy(here, place))]
            for path in made if mode else ():
                path.chmod(mode or 0)

    def _workdir(self, rest: str) -> None:
        self.image.folder = rest
        self.image.inside(rest).mkdir(parents=True, exist_ok=True)

    def _user(self, rest: str) -> None:
        self.image.user = rest

    def _expose(self, rest: str) -> None:
        """Only a note, for engines too."""

    def _healthcheck(self, rest: str) -> None:
        self.image.health = json.loads(rest.partition(" CMD ")[2])

    def _entrypoint(self, rest: str) -> None:
        self.image.entrypoint = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.image.command = json.loads(rest)
