"""Requests that schemathesis makes up from the service's own schema."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import ROOT
from tests.contract.keys import WRITER

# A cursor is opaque: only one that the service gave out is right.
SETTINGS = """
hooks = "tests.contract.schemathesis_hooks"
[generation]
deterministic = {deterministic}
database = "none"
max-examples = {examples}
[checks.positive_data_acceptance]  # few tags are the item's, few keys are new
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422", "5xx"]
[checks.negative_data_rejection]  # 412: If-Match is looked at before the body (RFC 9110, 13.2.1)
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "428",
                     "5xx"]
[parameters]
"query.cursor" = "cD05OTk="
"""


def assert_no_fault_found(guarded, folder, *, examples, deterministic):
    """Send what schemathesis makes up, in all its phases."""
    settings = folder / "schemathesis.toml"
    settings.write_text(
        SETTINGS.format(examples=examples, deterministic=str(deterministic).lower())
    )
    schemathesis = Path(sys.executable).with_name("schemathesis")
    finished = subprocess.run(
        [sys.executable, schemathesis, "--config-file", settings,
         "run", f"{guarded.http.base_url}/schema/", "--header", f"Authorization: Bearer {WRITER}",
         "--no-color", "--checks", "all"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=900,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if finished.returncode:
        pytest.fail(finished.stdout + finished.stderr, pytrace=False)  # whole, unlike an assert


def test_the_service_does_what_its_schema_says(guarded, tmp_path):
    assert_no_fault_found(guarded, tmp_path, examples=3, deterministic=True)


@pytest.mark.torture
@pytest.mark.timeout(1000)
def test_the_service_does_what_its_schema_says_for_some_minutes(guarded, tmp_path):
    assert_no_fault_found(guarded, tmp_path, examples=300, deterministic=False)
