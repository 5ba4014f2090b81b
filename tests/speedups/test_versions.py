"""What `python -m tests.speedups` installs instead of what is pinned."""

from lab import ROOT
from tests.speedups.__main__ import requirements


def test_other_versions_replace_their_pins_and_nothing_else():
    files = sorted(ROOT.glob("requirements*.txt"))
    pins = {line for file in files for line in file.read_text().splitlines() if "==" in line}
    wanted = set(requirements({"Django": "6.1", "djangorestframework": "3.16"}))
    assert wanted - pins == {"Django==6.1.*", "djangorestframework==3.16.*"}
    assert {line.split("==")[0] for line in pins - wanted} == {"Django", "djangorestframework"}
