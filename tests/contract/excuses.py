"""Which tests run over which implementation: what a baseline is excused from, and samples."""

from collections.abc import Sequence

# Reason (its README gives the same, in these words) -> tests, or the beginnings of their cases
Excuses = dict[str, tuple[str, ...]]
EXCUSED: dict[str, Excuses] = {
    "drf-stock": {
        "redirects a path without its trailing slash": (
            "test_every_operation_works_at_both_forms_of_its_path",
            "test_head_answers_as_get_without_the_body",
            "test_options_tells_the_methods",
        ),
        "numbers its pages, so rows that come and go move them, and ignores `limit` and `cursor`": (
            "test_a_page_has_these_members",
            "test_all_pages_together_are_every_row_once_newest_first",
            "test_next_is_an_absolute_url_of_the_same_service_and_limit",
            "test_rows_that_come_and_go_meanwhile_move_no_page",
            "test_limit_is_the_most_rows_of_a_page",
            "test_another_limit_is_refused",
            "test_a_cursor_that_came_from_nowhere_is_refused",
        ),
        "reads before it writes, so concurrent writes lose updates and revive rows": (
            "test_two_patches_of_different_fields_both_survive",
            "test_of_several_deletes_exactly_one_finds_the_row",
            "test_a_patch_racing_a_delete_never_revives_the_row",
        ),
        "serves HTML to browsers and reads forms": (
            "test_json_is_sent_to_whoever_takes_it",
            "test_who_takes_no_json_gets_406",
            "test_any_other_content_type_is_refused",
        ),
        "takes a chunked body for none and a body of any length": (
            "test_a_chunked_body_is_a_body",
            "test_a_body_of_a_megabyte_is_read",
            "test_a_longer_body_is_refused_however_it_is_framed",
        ),
        "takes unknown fields, numbers for texts and texts for numbers; trims descriptions": (
            "test_a_value_outside_the_rules_is_refused_by_every_write",
            "test_a_value_within_the_rules_is_stored[drf-stock-price--0-",
            "test_a_value_within_the_rules_is_stored[drf-stock-description-  kept",
        ),
        "keeps what a PUT leaves out, and a created item has no `Location`": (
            "test_put_replaces_all_that_can_be_written",
            "test_a_created_item_is_where_location_says",
        ),
        "tells its parser's words and writes error pages in HTML": (
            "test_a_body_that_is_no_object_is_refused_by_every_write",
            "test_a_path_that_leads_nowhere_is_not_found",
        ),
    },
    "go-pgx": {
        "net/http itself refuses a path with a broken escape, with 400": (
            "test_a_path_that_leads_nowhere_is_not_found[go-pgx-/items/%zz/]",
        ),
    },
    "django-bolt": {
        "tells HEAD a length of 0": ("test_head_answers_as_get_without_the_body",),
        "takes several slashes in a row for one": (
            "test_a_path_that_leads_nowhere_is_not_found[django-bolt-//items/]",
            "test_a_path_that_leads_nowhere_is_not_found[django-bolt-/items//]",
            "test_a_path_that_leads_nowhere_is_not_found[django-bolt-/items/1//]",
        ),
    },
    "django-fastdrf": {
        "takes unknown fields, numbers for texts and texts for numbers": (
            "test_a_value_outside_the_rules_is_refused_by_every_write",
        ),
        "shows -0 as it was sent": (
            "test_a_value_within_the_rules_is_stored[django-fastdrf-price--0-",
        ),
    },
}
WHOLE = "django"
SAMPLED = {  # tables of bad input, of which each peer gets another share -> what tells their rows
    "test_a_body_that_is_no_object_is_refused_by_every_write": "case",
    "test_a_value_outside_the_rules_is_refused_by_every_write": "case",
    "test_a_path_that_leads_nowhere_is_not_found": "path",
}


def excused(target: str, test: str, case: str) -> bool:
    """Tell whether a target need not pass a test, or this case of it."""
    entries = [entry for tests in EXCUSED.get(target, {}).values() for entry in tests]
    return any(entry == test or ("[" in entry and case.startswith(entry)) for entry in entries)


def left_out(target: str, targets: Sequence[str], test: str, row: int) -> bool:
    """Tell whether a row of a table is not in the target's sample."""
    if target == WHOLE or test not in SAMPLED:
        return False
    peers = [name for name in targets if name != WHOLE]
    return row % len(peers) != peers.index(target)
