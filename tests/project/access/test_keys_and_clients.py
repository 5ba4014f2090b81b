"""Keys come and go by SIGHUP, the log names key and client, and a proxy moves no path."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from lab.experiments.targets import TARGETS
from lab.running.servers import Server
from tests.forks import serving
from tests.project.test_gunicorn import MOSTLY_OURS, logged
from tests.speedups.worker.serving import eventually

DJANGO = replace(TARGETS["django"], ready="/livez")


def entry(name: str, scope: str = "read") -> str:
    return f"{name}:{sha256(secret(name).encode()).hexdigest()}:{scope}"


def secret(name: str) -> str:
    return f"the-secret-of-{name}"


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret(name)}"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(f"{entry('old')}\n{entry('kept')}")
    return file


@pytest.fixture(params=MOSTLY_OURS)
def service(request, database_url, tmp_path, keys) -> Iterator[Server]:
    """A service that reads its keys from a file, behind a proxy at any address."""
    env = {
        "API_AUTH": "keys", "API_KEYS_FILE": str(keys), "LOG_LEVEL": "INFO",
        "FORWARDED_ALLOW_IPS": "*", "GUNICORN_WORKER_CLASS": request.param,
        "API_KEYS": "",
    }  # fmt: skip
    with serving(DJANGO, database_url, log=tmp_path / "log", workers=2, env=env) as found:
        yield found


def statuses(server: Server, *names: str) -> list[int]:
    return [httpx.get(f"{server.url}/items/", headers=bearer(name)).status_code for name in names]


def said(log: Path, words: str, times: int) -> bool:
    return log.read_text().count(words) == times


def hang_up(server: Server) -> None:
    assert server.program
    os.kill(server.program.pid, signal.SIGHUP)


@pytest.mark.django_db
def test_keys_are_taken_and_given_by_sighup_and_a_wrong_file_changes_nothing(
    service, keys, tmp_path
):
    assert statuses(service, "old", "kept", "new") == [200, 200, 401]
    keys.write_text(f"{entry('kept')}\n{entry('new')}")
    hang_up(service)
    eventually(lambda: statuses(service, "old", "kept", "new") == [401, 200, 200])
    for times, wrong in enumerate(("", secret("kept"), "kept:abc:read"), 1):
        keys.write_text(wrong)
        hang_up(service)
        eventually(partial(said, tmp_path / "log", "the keys of before stay", times))
        eventually(lambda: statuses(service, "old", "kept", "new") == [401, 200, 200])
    assert "2 API keys from now on: kept, new" in (tmp_path / "log").read_text()
    told = [line["message"] for line in logged(tmp_path / "log") if line["severity"] == "ERROR"]
    assert told == [
        "API_KEYS lists no key: the keys of before stay",
        "API_KEYS entry 1 is not name:sha256-hex:scope (read or write): the keys of before stay",
        "API_KEYS entry 1 is not name:sha256-hex:scope (read or write): the keys of before stay",
    ]
    assert "the-secret" not in (tmp_path / "log").read_text()


@pytest.mark.django_db
def test_the_log_names_key_and_client_in_both_lanes_and_never_a_secret(service, tmp_path):
    url = f"{service.url}/items/"
    asked = [
        ({}, "127.0.0.1"),
        ({"X-Forwarded-For": "203.0.113.9"}, "203.0.113.9"),
        # What a client says comes first, what the proxy has seen last.
        ({"X-Forwarded-For": "10.1.1.1, 203.0.113.9"}, "203.0.113.9"),
        ({"X-Forwarded-For": "203.0.113.9", "If-None-Match": '"a"'}, "203.0.113.9"),
    ]
    for headers, _ in asked:
        assert httpx.get(url, headers=bearer("kept") | headers).status_code == 200
    httpx.get(url, headers=bearer("stranger"))
    eventually(lambda: (tmp_path / "log").read_text().count("GET /items/") == len(asked) + 1)
    lines = [line for line in logged(tmp_path / "log") if line.get("path") == "/items/"]
    assert [line["client"] for line in lines] == [*[client for _, client in asked], "127.0.0.1"]
    assert [line["key"] for line in lines] == [*["kept"] * len(asked), "-"]
    assert "the-secret" not in (tmp_path / "log").read_text()


@pytest.mark.django_db
def test_no_header_moves_a_path_past_a_proxys_rules(service, subtests):
    with httpx.Client(base_url=service.url, headers=bearer("kept")) as http:
        for name in ("SCRIPT_NAME", "PATH_INFO", "Script-Name", "REMOTE_USER"):
            with subtests.test(name):
                for path, status in (("/anything/docs/", 404), ("/items/", 200), ("/livez", 200)):
                    for value in ("/anything", "/items", "x", ""):
                        assert http.get(path, headers={name: value}).status_code == status
                listed = http.get("/items/?limit=1", headers={name: "/anything"})
                assert "/anything" not in listed.text


@pytest.mark.django_db
def test_a_refused_host_is_named_in_the_log_now_and_then_and_on_one_line(service, tmp_path):
    for _ in range(50):
        refused = httpx.get(f"{service.url}/items/", headers={"Host": "evil.example"})
        assert refused.status_code == 400
    lines = [str(line["message"]) for line in logged(tmp_path / "log")]
    named = [line for line in lines if line.startswith("refused host")]
    assert named
    assert len(named) < 25  # two from each worker for each 10 s of a slow machine
    assert "'evil.example'" in named[0]
    assert "DJANGO_ALLOWED_HOSTS" in named[0]
