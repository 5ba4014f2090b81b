"""Peers with tool chains of their own: what is missing is one line, never a traceback."""

import json

import pytest

from peers import __main__ as peers
from peers.toolchains import Go, NewerPython, Node


@pytest.fixture(autouse=True)
def made(monkeypatch, tmp_path):
    """Where all is installed: nothing into the project's own folder."""
    monkeypatch.setattr(peers, "ROOT", tmp_path / "root")
    return tmp_path / "root" / ".peers"


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """No program is on the PATH, and this Python is an old one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A peer that was installed from a package.json."""
    (tmp_path / "package.json").write_text("{}")
    monkeypatch.setitem(peers.OPTIONAL, "made", Node(tmp_path))
    monkeypatch.setattr(Node, "install", lambda self, home: {"node": "20.0.0"})
    assert peers.main(["install", "made"]) == 0
    return tmp_path / "package.json"


@pytest.mark.usefixtures("bare_machine")
def test_each_peer_whose_tools_are_missing_is_skipped_in_one_line_that_names_them(made, capsys):
    assert peers.main(["install"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" is skipped, because it needs ")[0] for line in lines] == [
        *peers.OPTIONAL
    ]
    for line, tool in zip(lines, ("golang-go", "nodejs", "3.12", "3.12"), strict=True):
        assert tool in line
    assert not list(made.glob("*/versions.json"))


@pytest.mark.parametrize("name", peers.OPTIONAL)
def test_a_peer_that_is_not_installed_says_how_to_install_it(name, capsys):
    assert peers.main(["serve", name]) == 2
    assert capsys.readouterr().err == f"{name} is not installed: python -m peers install {name}\n"


def test_a_peer_that_is_not_known_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        peers.main(["install", "rails"])
    assert "no optional peer 'rails'; known are go-pgx" in capsys.readouterr().err


def test_what_was_installed_tells_its_versions(made, installed):
    (file,) = made.glob("*/versions.json")
    assert json.loads(file.read_text()) == {"node": "20.0.0"}
    assert peers.unready("made") == ""


def test_a_peer_whose_files_have_changed_since_is_not_served(installed):
    installed.write_text('{"dependencies": {}}')
    assert "installed from other files" in peers.unready("made")


def test_an_installation_that_fails_leaves_nothing_that_looks_complete(
    installed, monkeypatch, capsys
):
    def fails(self, home):
        raise OSError("no space left")

    monkeypatch.setattr(Node, "install", fails)
    assert peers.main(["install", "made"]) == 2
    assert capsys.readouterr().err.endswith("made is not installed: no space left\n")
    assert "not installed" in peers.unready("made")


def test_every_version_is_pinned_exactly():
    for peer in peers.OPTIONAL.values():
        if isinstance(peer, Go):
            continue  # what Debian has
        text = peer.recipe()[0].read_text()
        if isinstance(peer, NewerPython):
            packages = [line for line in text.splitlines() if not line.startswith("#")]
            assert all("==" in line for line in packages)
        else:
            versions = json.loads(text)["dependencies"].values()
            assert all(version[0].isdigit() for version in versions)
