"""The README's commands as written, on a Debian that has nothing, as root at home and as somebody.

`make torture` runs this, for half an hour: everything is installed anew, and measured.
"""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import ROOT
from tests.deploy.debian import Debian
from tests.deploy.machine import ORIGIN, ROOT_AT_HOME, SOMEBODY, Machine, Person, machine

BARE = ("python3", "ca-certificates", "make")
DEBIAN_13 = Debian("trixie", "3.13", BARE)
NEWEST = Debian("forky", "3.14", BARE)
README = (ROOT / "README.md").read_text()
ACTIVATE = "make install && "
PEOPLE = pytest.mark.parametrize("person", [ROOT_AT_HOME, SOMEBODY], ids=lambda who: who.name)

pytestmark = [
    pytest.mark.torture,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(DEBIAN_13.excuse), reason=DEBIAN_13.excuse),
    pytest.mark.skipif(not shutil.which("ip"), reason="iproute2 is not installed"),
]


def command(beginning: str) -> str:
    """Return the README's one command that begins so, as it stands there."""
    blocks = README.split("```\n")[1::2]
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    (found,) = [line for line in lines if line.startswith(beginning)]
    return found


def installing() -> str:
    """Return the README's command that installs what Debian lacks."""
    found = re.search(r"`(apt install [^`]+)`", README)
    assert found
    return " ".join(found[1].split())


@pytest.fixture(scope="module", params=[DEBIAN_13, NEWEST], ids=lambda debian: debian.release)
def fresh(request, tmp_path_factory) -> Iterator[Machine]:
    """A machine with somebody's account on it; homes are private, as Debian makes them."""
    with machine(request.param, tmp_path_factory.mktemp("machine")) as made:
        made.done(ROOT_AT_HOME, f"useradd --create-home {SOMEBODY.name}", "/")
        made.done(ROOT_AT_HOME, f"chmod 700 {ROOT_AT_HOME.home} {SOMEBODY.home}", "/")
        yield made


@pytest.fixture(scope="module")
def prepared(fresh: Machine) -> Machine:
    """The machine with what the README asks for, which said so before; and two clones."""
    (fresh.root / "opt/look").mkdir()
    for name in ("Makefile", "install.py"):
        shutil.copy(ROOT / name, fresh.root / "opt/look")
    without = fresh.run(ROOT_AT_HOME, "make install", "/opt/look")
    assert without.returncode == 2
    assert "No module named 'ensurepip'" in without.stderr
    assert "apt install python3-venv" in without.stderr
    fresh.done(
        ROOT_AT_HOME, f"apt-get update -q && DEBIAN_FRONTEND=noninteractive {installing()} -qy", "/"
    )
    fresh.done(ROOT_AT_HOME, "git config --system --add safe.directory '*'", "/")
    for person in (ROOT_AT_HOME, SOMEBODY):
        fresh.done(person, f'git clone -q {ORIGIN} "{person.folder}"', "/")
    return fresh


@pytest.fixture(scope="module")
def installed(prepared: Machine) -> Machine:
    """In each clone two commands were the first ones, at once."""
    for person in (ROOT_AT_HOME, SOMEBODY):
        with ThreadPoolExecutor() as terminals:
            said = list(
                terminals.map(lambda _, who=person: prepared.done(who, "make install"), "12")
            )
        assert sum("Installing the pinned requirements" in one for one in said) == 1
        assert sum("waiting for it" in one for one in said) == 1
    return prepared


@PEOPLE
def test_the_service_and_the_load_run_in_two_terminals_without_any_network(
    installed, person, tmp_path
):
    log, other = tmp_path / "serve", tmp_path / "load"
    with installed.running(person, command("make serve"), log) as served:
        assert "ready" in installed.answers("http://127.0.0.1:8000/readyz", log)
        assert "10000" in installed.answers("http://127.0.0.1:8000/items/10000/", log)
        listening = installed.done(ROOT_AT_HOME, "cat /proc/net/tcp", "/", connected=False)
        assert " 0100007F:1F40 " in listening
        assert " 00000000:1F40 " not in listening
        with installed.running(person, command("make load"), other):
            assert "127.0.0.1:8000" in installed.answers("http://127.0.0.1:8089/", other)
        headless = command("python -m locust --headless").replace("60s", "5s")
        installed.done(person, f"{command(ACTIVATE)} && {headless}", connected=False)
    assert served.wait(30) is not None
    assert " INFO GET /items/10000/ 200 " in log.read_text()
    assert "{" not in log.read_text()


@PEOPLE
def test_it_is_a_django_project_too(installed, person, tmp_path):
    log = tmp_path / "log"
    first, serve = command(ACTIVATE), command("python manage.py migrate")
    with installed.running(person, f"{first} && {serve}", log):
        assert "swagger" in installed.answers("http://127.0.0.1:8000/docs/", log)
    for beginning in ("python manage.py seed", "python -m lab plan"):
        installed.done(person, f"{first} && {command(beginning)}", connected=False)


@PEOPLE
def test_all_tests_pass_there_and_the_code_is_clean(installed, person):
    said = installed.done(person, command("make test"))
    print(re.findall(r"\d+ passed.*", said))  # noqa: T201  (pytest -rP shows it)
    installed.done(person, "make check", connected=False)


def test_a_folder_that_was_moved_goes_on_working(installed, tmp_path):
    moved = Person(SOMEBODY.name, SOMEBODY.home, "elsewhere")
    installed.done(SOMEBODY, f'mv "{SOMEBODY.folder}" {moved.folder}', "/")
    try:
        log = tmp_path / "log"
        with installed.running(moved, "make serve", log):
            installed.answers("http://127.0.0.1:8000/readyz", log)
        installed.done(moved, "make check", connected=False)
    finally:
        installed.done(SOMEBODY, f'mv {moved.folder} "{SOMEBODY.folder}"', "/")


def test_the_bench_measures_as_root_at_home(installed):
    said = installed.done(ROOT_AT_HOME, command("make bench"))
    assert "fastapi-sqlalchemy" in said
    assert "report.html" in said
