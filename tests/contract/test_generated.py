"""Requests that schemathesis makes up from the service's own schema."""

import os
import subprocess
import sys
from pathlib import Path

from lab.processes import ROOT
from tests.contract.keys import WRITER

# The same requests in every run. A cursor is opaque: only one that the service gave out is right.
SETTINGS = """
hooks = "tests.contract.schemathesis_hooks"
[generation]
deterministic = true
database = "none"
max-examples = 10
[checks.positive_data_acceptance]  # few tags are the item's, few keys are new
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "422", "5xx"]
[parameters]
"query.cursor" = "cD05OTk="
"""


def test_the_service_does_what_its_schema_says(guarded, tmp_path):
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    schemathesis = Path(sys.executable).with_name("schemathesis")
    finished = subprocess.run(
        [schemathesis, "--config-file", settings, "run", f"{guarded.http.base_url}/schema/",
         "--header", f"Authorization: Bearer {WRITER}", "--no-color", "--checks", "all"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=110,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
