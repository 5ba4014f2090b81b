"""Debian in a folder, to run things in as on a fresh machine, and what pip needs to know there."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

WAYS = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")  # fmt: skip
FILES = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
SCRIPTS = Path("/usr/share/debootstrap/scripts")


@dataclass(frozen=True)
class Debian:
    """A release with some packages, unpacked once and copied for each use."""

    release: str
    python: str
    packages: tuple[str, ...] = ("python3", "python3-venv", "ca-certificates")

    @property
    def base(self) -> Path:
        """Return where it is kept."""
        return Path(f"/opt/{self.release}-{'-'.join(self.packages)}")

    @cached_property
    def excuse(self) -> str:
        """Return why it cannot be had here; nothing if it can."""
        if os.geteuid() != 0:
            return "a root file system is made by root only"
        if self.base.exists() or shutil.which("debootstrap"):
            return ""
        return "debootstrap is not installed"

    def unpack(self) -> None:
        """Unpack it, unless it is there already. Takes a minute or two."""
        if self.base.exists():
            return
        unfinished = self.base.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        words = ["debootstrap", "--variant=minbase", f"--include={','.join(self.packages)}"]
        # A release younger than this machine's debootstrap is unpacked as `sid` is.
        script = [] if (SCRIPTS / self.release).exists() else [mirror(), str(SCRIPTS / "sid")]
        subprocess.run(
            [*words, self.release, str(unfinished), *script], check=True, capture_output=True
        )
        (unfinished / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        unfinished.rename(self.base)

    def copy(self, to: Path) -> Path:
        """Return a copy of it, in which pip finds what it finds outside."""
        subprocess.run(["cp", "-a", "--reflink=auto", self.base, to], check=True)
        lead_to_registries(to)
        return to


def mirror() -> str:
    """Return where this machine's own apt finds Debian."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return next(line for line in said.split() if line.rstrip("/").endswith("/debian"))


def lead_to_registries(root: Path) -> None:
    """Copy what this machine's pip is configured by, and whom it trusts.

    apt takes a mirror that was copied some time ago, too.
    """
    (root / "etc/apt/apt.conf.d/90old").write_text('Acquire::Check-Valid-Until "false";\n')
    command = [sys.executable, "-m", "pip", "config", "debug"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    configured = [
        Path(line.split(",")[0].strip())
        for line in said.splitlines()
        if line.endswith("exists: True")
    ]
    beside = [path for file in configured for path in file.parent.iterdir() if path.is_file()
              and file.parent.name == "pip"]  # fmt: skip
    for path in {*configured, *beside, *map(Path, FILES)}:
        if path.exists():
            inside = root / str(path).lstrip("/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, inside)


def ways() -> dict[str, str]:
    """Return the variables by which this machine's pip finds its registry."""
    return {name: value for name, value in os.environ.items() if name.startswith(WAYS)}
