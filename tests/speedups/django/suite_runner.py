"""A runner for Django's own tests that writes down how each ended, and what ours did meanwhile.

It is put on the path beside Django's sources. Where the server has not all that PostgreSQL's
packages bring, other things have those names: tests of them fail, with ours and without.
"""

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from django.contrib.postgres.operations import CreateExtension
from django.db.backends.postgresql.features import DatabaseFeatures
from django.test.runner import DiscoverRunner
from django.test.utils import iter_test_cases  # type: ignore[attr-defined]

ours: Any = import_module("ours_in_django") if os.environ["SUITE_NAME"] == "ours" else None
ENDINGS = ("failures", "errors", "skipped", "expectedFailures", "unexpectedSuccesses")
TYPES = {"citext", "hstore"}  # of extensions, which tables have that all tests share


class Runner(DiscoverRunner):
    """Django's, with a report."""

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        """Run, and write the report. In one process: whatever ours count is counted there."""
        endings: dict[str, list[str]] = {one.id(): [] for one in iter_test_cases(suite)}
        texts: dict[str, str] = {}
        result = super().run_suite(suite, **kwargs)
        for ending in ENDINGS:
            for found in getattr(result, ending):
                test, text = found if type(found) is tuple else (found, "")
                name = vars(test).get("test_case", test).id()  # of a part of a test, too
                endings.setdefault(name, []).append(ending)
                texts[name] = text
        report = {"endings": endings, "texts": texts, **(ours.told() if ours else {})}
        Path(os.environ["SUITE_REPORT"]).write_text(json.dumps(report))
        return result


def _create(operation: Any, _label: str, editor: Any, *_states: Any) -> None:
    """Stand for `CREATE EXTENSION`, which fails where only the server itself is installed."""
    if operation.name in TYPES:
        editor.execute(f"CREATE DOMAIN {operation.name} AS text")


features, operation = cast(Any, DatabaseFeatures), cast(Any, CreateExtension)
features.test_collations = dict.fromkeys(features.test_collations, "C")
operation.database_forwards = _create
