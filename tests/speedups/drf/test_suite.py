"""Django REST framework's own tests pass and fail with the pieces as they do without.

The sources come from the package index, as the version that is installed; nothing of them is kept.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings

from project.database.embedded import SERVER
from tests.speedups.suites import beside, unpacked

pytestmark = [pytest.mark.torture, pytest.mark.timeout(1200)]
# Counts how often headers are parsed; what was negotiated for one is remembered.
OTHERWISE = {"tests.test_negotiation.TestAcceptedMediaType.test_accept_tokens_cached_on_request"}
PLUGIN = Path(__file__).with_name("mixed_in.py")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The framework's sources, and a folder with the pieces and the plugin for the path."""
    folder = tmp_path_factory.mktemp("drf")
    return unpacked("djangorestframework", folder), beside(folder, PLUGIN)


def outcomes(sources, *, database_url, mixed):
    """Return how each of the framework's tests ended."""
    where, path = sources
    report = path / "report.xml"
    plugin = ("-p", "mixed_in") if mixed else ()
    environment = {
        **{name: value for name, value in os.environ.items() if "DJANGO" not in name},
        "PYTHONPATH": str(path),
    }
    environment.pop("DATABASE_URL", None)
    if database_url:
        environment["DATABASE_URL"] = database_url
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:xdist",
         "-p", "no:schemathesis", "-p", "no:locust", *plugin, f"--junitxml={report}", "tests"],
        cwd=where, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert report.exists(), ran.stdout[-3000:] + ran.stderr[-3000:]
    cases = ElementTree.parse(report).getroot().iter("testcase")
    found = {
        f"{case.get('classname')}.{case.get('name')}": sorted(
            below.tag for below in case if below.tag in {"failure", "error", "skipped"}
        )
        for case in cases
    }
    report.unlink()
    return found


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_framework_s_own_tests_end_as_without_the_pieces(sources, database):
    url = None
    if database == "postgresql":
        url = settings.DATABASE_URL or SERVER.url("drf")
    stock = outcomes(sources, database_url=url, mixed=False)
    ours = outcomes(sources, database_url=url, mixed=True)
    assert len(stock) > 1000
    assert {name for name in stock if ours.get(name) != stock[name]} <= OTHERWISE
    assert ours.keys() == stock.keys()
