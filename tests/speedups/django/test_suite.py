"""Django's own tests of queries pass and fail with ours in their places as they do without.

The sources come from the package index, as the version that is installed; nothing of them is kept.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from project.database.embedded import SERVER
from tests.speedups.suites import beside, unpacked

pytestmark = [pytest.mark.torture, pytest.mark.timeout(2400)]
HERE = Path(__file__).parent
MODULES = [HERE / f"{name}.py" for name in ("suite_settings", "suite_runner", "ours_in_django")]
# Folders of Django's tests: all that run queries, but for those that take minutes for few.
LABELS = (
    "admin_changelist", "admin_custom_urls", "admin_docs", "admin_filters", "admin_inlines",
    "admin_ordering", "admin_utils", "admin_views", "admin_widgets", "aggregation",
    "aggregation_regress", "annotations", "async", "auth_tests", "backends", "base", "basic",
    "bulk_create", "composite_pk", "constraints", "contenttypes_tests", "custom_columns",
    "custom_lookups", "custom_managers", "custom_methods", "custom_pk", "datatypes", "dates",
    "datetimes", "db_functions", "db_typecasts", "db_utils", "defer", "defer_regress", "delete",
    "delete_regress", "distinct_on_fields", "empty", "empty_models", "expressions",
    "expressions_case", "expressions_window", "extra_regress", "field_defaults",
    "field_subclassing", "filtered_relation", "fixtures", "fixtures_regress", "flatpages_tests",
    "force_insert_update", "foreign_object", "forms_tests", "from_db_value",
    "generic_inline_admin", "generic_relations", "generic_relations_regress", "generic_views",
    "get_earliest_or_latest", "get_object_or_404", "get_or_create", "handlers", "inline_formsets",
    "known_related_objects", "lookup", "m2m_and_m2o", "m2m_intermediary", "m2m_multiple",
    "m2m_recursive", "m2m_regress", "m2m_signals", "m2m_through", "m2m_through_regress",
    "m2o_recursive", "managers_regress", "many_to_many", "many_to_one", "many_to_one_null",
    "max_lengths", "messages_tests", "middleware", "model_fields", "model_forms",
    "model_formsets", "model_formsets_regress", "model_indexes", "model_inheritance",
    "model_inheritance_regress", "model_meta", "model_options", "model_package", "model_regress",
    "model_utils", "modeladmin", "multiple_database", "mutually_referential",
    "nested_foreign_keys", "null_fk", "null_fk_ordering", "null_queries", "one_to_one",
    "or_lookups", "order_with_respect_to", "ordering", "pagination", "postgres_tests",
    "prefetch_related", "properties", "proxy_models", "queries", "queryset_pickle", "raw_query",
    "redirects_tests", "reserved_names", "reverse_lookup", "save_delete_hooks",
    "select_for_update", "select_related", "select_related_onetoone", "select_related_regress",
    "serializers", "servers", "sessions_tests", "shortcuts", "sitemaps_tests", "sites_framework",
    "sites_tests", "str", "string_lookup", "syndication_tests", "test_client",
    "test_client_regress", "test_utils", "timezones", "transaction_hooks", "transactions",
    "unmanaged_models", "update", "update_only_fields", "urlpatterns", "urlpatterns_reverse",
    "validation", "view_tests", "xor_lookups",
)  # fmt: skip
OTHERWISE = {
    # Looks at the aliases that compiling leaves in a query.
    "queries.tests.Queries1Tests.test_tickets_2076_7256",
    # Measures how long it takes.
    "serializers.test_deserialization.TestDeserializer.test_crafted_xml_performance",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The folder of Django's tests, and another with the pieces and the runner for the path."""
    folder = tmp_path_factory.mktemp("django")
    return unpacked("django", folder) / "tests", beside(folder, *MODULES)


def started(sources, name):
    """Start Django's tests; `name` says with whose methods, and names the databases."""
    where, path = sources
    if not settings.DATABASE_URL:
        SERVER.hold()
    environment = {
        **{name: value for name, value in os.environ.items() if "DJANGO" not in name},
        "PYTHONPATH": str(path),
        "SUITE_NAME": name,
        "SUITE_REPORT": str(path / f"{name}.json"),
        "SUITE_DATABASE_URL": settings.DATABASE_URL or SERVER.url("django"),
    }
    with (path / f"{name}.txt").open("w") as output:
        return subprocess.Popen(
            [sys.executable, "runtests.py", "--settings=suite_settings", "--parallel=1",
             "--noinput", *LABELS],
            cwd=where, env=environment, stdout=output, stderr=output,
        )  # fmt: skip


def report(sources, name, process):
    """Return what the runner has written down at the end."""
    _, path = sources
    process.wait()
    file = path / f"{name}.json"
    assert file.exists(), (path / f"{name}.txt").read_text()[-3000:]
    return json.loads(file.read_text())


def test_django_s_own_tests_end_as_without_ours(sources):
    both = {name: started(sources, name) for name in ("stock", "ours")}
    try:
        stock, ours = (report(sources, name, process) for name, process in both.items())
    finally:
        for process in both.values():
            process.kill()
    endings = ours["endings"]
    differ = {name for name, how in stock["endings"].items() if endings.get(name) != how}
    assert len(endings) > 9000
    assert {name: ours["texts"].get(name) for name in differ - OTHERWISE} == {}
    assert endings.keys() == stock["endings"].keys()
    assert ours["otherwise"] == []
    assert min(ours["counts"].values()) > 4000
