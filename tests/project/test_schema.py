"""openapi.yaml is what the code says, in development and in production."""

from io import StringIO

import pytest
from django.core.management import call_command

from tests.project.production import PRODUCTION, ROOT, run

GENERATE = ("spectacular", "--validate", "--fail-on-warn")
HINT = "write it anew: python manage.py spectacular --file openapi.yaml --validate --fail-on-warn"


def assert_committed(schema: str) -> None:
    if schema != (ROOT / "openapi.yaml").read_text():
        pytest.fail(f"openapi.yaml is not what the code says; {HINT}")


def test_the_committed_schema_is_that_of_development():
    generated = StringIO()
    call_command(*GENERATE, stdout=generated)
    assert_committed(generated.getvalue())


def test_the_committed_schema_is_that_of_production():
    generated = run("manage.py", *GENERATE, **PRODUCTION)
    assert (generated.returncode, generated.stderr) == (0, "")
    assert_committed(generated.stdout)
