import re

import pytest

from lab.cli import doctor
from lab.cli.main import main
from lab.errors import LabError


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Do not watch other programs for a second."""
    monkeypatch.setattr(doctor, "_others", lambda: doctor.Finding(doctor.GOOD, "others"))


def test_the_doctor_says_of_each_thing_how_it_stands_and_what_follows(capsys, tmp_path):
    assert main(["doctor", "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(re.match(r" (ok|but) {1,2}\S|but  \S", line) for line in lines), lines
    said = "\n".join(lines)
    for word in ("Python", "locust", "cores", "CPU", "memory", "open files", "free", "PostgreSQL"):
        assert word in said


def test_what_cannot_be_done_without_is_exit_2(capsys, tmp_path, monkeypatch):
    def away(*_where, **_name):
        raise LabError("PostgreSQL cannot be reached: no")

    monkeypatch.setattr(doctor, "database", away)
    blocked = tmp_path / "file"
    blocked.touch()
    assert main(["doctor", "--results", str(blocked)]) == 2
    out, err = capsys.readouterr()
    assert " NO  PostgreSQL: PostgreSQL cannot be reached" in out
    assert f" NO  cannot write to {blocked}" in out
    assert "must be fixed before this machine can measure anything" in err


def test_a_terminal_that_says_it_has_no_columns_is_written_to(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setattr(doctor, "_findings", lambda _results: [doctor.Finding("ok", "well")])
    assert main(["doctor"]) == 0
    assert "well" in capsys.readouterr().out
