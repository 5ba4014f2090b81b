"""What a baseline is excused from is said in the open."""

import pytest

from lab import ROOT
from lab.experiments.targets import TARGETS
from tests.contract.excuses import EXCUSED, SAMPLED


@pytest.mark.parametrize("target", EXCUSED)
def test_a_baselines_readme_lists_what_it_is_excused_from(target):
    assert target in TARGETS
    readme = (ROOT / "peers" / target.replace("-", "_") / "README.md").read_text()
    said = " ".join(readme.split())
    assert not [reason for reason in EXCUSED[target] if reason not in said]


def test_every_excused_or_sampled_test_exists():
    folder = ROOT / "tests" / "contract"
    code = "".join(path.read_text() for path in folder.glob("test_*.py"))
    named = [test for reasons in EXCUSED.values() for tests in reasons.values() for test in tests]
    for test in [*named, *SAMPLED]:
        assert f"def {test.partition('[')[0]}(" in code
