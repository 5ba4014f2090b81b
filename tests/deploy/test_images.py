"""The images' recipes, as far as they can be checked without a container engine."""

import http.server
import json
import re
import subprocess
import sys
import threading

import pytest

from lab import ROOT
from tests.deploy.places import DOCKERFILES, first, instructions, read, recipe

SERVICES = read("compose.yaml")["services"]


@pytest.mark.parametrize("image", DOCKERFILES)
def test_every_image_is_built_from_a_file_whose_copies_are_there_and_not_ignored(image):
    path = ROOT / DOCKERFILES[image]
    users = [service for service in SERVICES.values() if service.get("image") == image]
    assert users
    assert all("build" in user for user in users)  # or docker would look for it in a registry
    context = path.parent if image == "items-pgbouncer" else ROOT
    own = path.with_name(f"{path.name}.dockerignore")
    ignore = own if own.exists() else context / ".dockerignore"
    kept = (
        [line[1:] for line in ignore.read_text().splitlines() if line[:1] == "!"]
        if ignore.exists()
        else None
    )
    for line in re.findall(
        r"^COPY (?!--from)(?:--chmod=\d+ )?(.+)$", recipe(DOCKERFILES[image]), re.MULTILINE
    ):
        for source in line.split()[:-1]:
            assert (context / source).exists()
            assert kept is None or source.split("/")[0] in kept


@pytest.mark.parametrize("image", DOCKERFILES)
def test_no_image_runs_as_root_and_its_first_process_gets_the_signals(image):
    assert instructions(image, "USER") == ["65534:65534"]
    (command,) = instructions(image, "ENTRYPOINT") or instructions(image, "CMD")
    assert json.loads(command)[0] in {"gunicorn", "python", "locust", "pgbouncer"}


@pytest.mark.parametrize("image", DOCKERFILES)
def test_what_an_image_runs_is_readable_whatever_umask_the_checkout_was_made_with(image):
    copied = [line for line in instructions(image, "COPY") if not line.startswith("--from")]
    assert copied
    assert all(line.startswith(("--chmod=0644 ", "--chmod=0755 ")) for line in copied)


@pytest.mark.parametrize(
    ("image", "package"), [("items-fastapi", "fastapi"), ("items-locust", "locust")]
)
def test_images_install_what_is_pinned_for_development(image, package):
    pattern = installed(image)
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    taken = [line for line in lines if re.search(pattern, line)]
    assert any(line.startswith(f"{package}==") for line in taken)
    assert all("==" in line for line in taken)
    assert len(taken) == pattern.count("|") + 1


def test_every_package_that_the_fastapi_version_imports_is_installed():
    packages = set(re.findall(r"[a-z]{3,}", installed("items-fastapi")))
    assert packages == {"fastapi", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg"}
    copied = {word for line in instructions("items-fastapi", "COPY") for word in line.split()}
    assert {"peers/shared", "peers/fastapi_common", "peers/fastapi_sqlalchemy"} <= copied


def installed(image: str) -> str:
    """Return the pattern of the lines of requirements-dev.txt that an image installs."""
    return first(r"grep -E '(.+?)'", recipe(DOCKERFILES[image]))


class Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
@pytest.mark.parametrize("image", ["items", "items-fastapi"])
def test_a_proxy_that_an_engine_gives_all_containers_is_not_asked_for_ones_own_health(
    image, status, code
):
    (check,) = instructions(image, "HEALTHCHECK")
    words: list[str] = json.loads(check.partition(" CMD ")[2])
    assert words[0] == "python"
    answers = type("Own", (Answers,), {"status": status})
    with http.server.HTTPServer(("127.0.0.1", 0), answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:1"}
        ended = subprocess.run([sys.executable, *words[1:]], env=env, stderr=subprocess.DEVNULL)
        server.shutdown()
    assert ended.returncode == code
