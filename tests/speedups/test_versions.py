"""What `python -m tests.speedups` installs instead of what is pinned."""

import pytest

from lab import ROOT
from tests.speedups.__main__ import main, requirements


def test_other_versions_replace_their_pins_and_nothing_else():
    files = sorted(ROOT.glob("requirements*.txt"))
    pins = {line for file in files for line in file.read_text().splitlines() if "==" in line}
    wanted = set(requirements({"Django": "6.1", "djangorestframework": "3.16"}))
    assert wanted - pins == {"Django==6.1.*", "djangorestframework==3.16.*"}
    assert {line.split("==")[0] for line in pins - wanted} == {"Django", "djangorestframework"}


def test_versions_that_do_not_go_together_are_no_success(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["tests.speedups", "--django", "6.1", "--drf", "3.16"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "can be imported under that Django" in capsys.readouterr().err
