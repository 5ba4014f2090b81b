"""Services that nobody changed for us: the options fit the load to them, or one line says which."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.load.conftest import Outcome, end, finish, start_headless
from tests.load.log_reader import read_log
from tests.load.strangers import KEY, notes, serving_fastapi, serving_flask, shop

pytestmark = pytest.mark.torture  # twenty loads at once

SHOP = (
    "--base-path", "/api/v1/products", "--trailing-slash", "collection", "--id-field", "sku",
    "--item-field", "data", "--list-field", "data.items", "--list-query", "page_size={size}",
    "--fields", "sku,title,price,stock", "--auth-header", "X-API-Key",
    "--payload", '{"title": "$name", "price": $price, "stock": 7, "colour": "green"}',
)  # fmt: skip
NOTES = (
    "--base-path", "/notes", "--trailing-slash", "no", "--list-field", ".", "--list-query", "none",
    "--fields", "id,title,done", "--created", "location", "--update-method", "PATCH",
    "--payload", '{"title": "$unique", "done": false}', "--update-payload", '{"done": true}',
)  # fmt: skip
CRUD = ("--mix", "8/3/4/4/1", "--think-time", "0.02", "-u", "4", "-r", "4", "-t", "5")


def changed(options: tuple[str, ...], **others: str) -> tuple[str, ...]:
    """The options, with another value for some of them."""
    return (*options, *(word for name, value in others.items()
                        for word in (f"--{name.replace('_', '-')}", value)))  # fmt: skip


WRONG = {
    ("shop", "key"): ("got status 401", "set LOCUST_API_KEY"),
    ("shop", "base_path=/api/v1/product"): ("got status 404", "change --base-path"),
    ("shop", "trailing_slash=no"): ("got status 307 to", "change --trailing-slash"),
    ("shop", "list_field=results"): ("no list at 'results'", "change --list-field"),
    ("shop", "id_field=id"): ("item lacks its id 'id'", "change --id-field"),
    ("shop", "item_field=."): ("item lacks sku, title, price, stock", "--item-field"),
    ("shop", "fields=sku,name"): ("item lacks name", "change --fields"),
    ("shop", 'payload={"title": "$name"}'): ("got status 422", "change --payload"),
    ("shop", "update_method=PATCH"): ("got status 405", "change --update-method"),
    ("shop", "list_query=page_size=1000"): ("got status 422", "change --list-query"),
    ("notes", "list_query=limit={size}"): ("list is longer", "change --list-query (none"),
    ("notes", "created=item"): ("answered without a body (/notes/", "change --created (location)"),
}


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {
            "shop": stack.enter_context(serving_fastapi(shop())),
            "notes": stack.enter_context(serving_flask(notes())),
        }


@pytest.fixture(scope="module")
def runs(urls: dict[str, str], logs: Path) -> Iterator[dict[str, Outcome]]:
    """All at once: the right options, then those with one that is wrong."""
    options, key = {"shop": SHOP, "notes": NOTES}, logs / "key"
    key.write_text(f"{KEY}\n")
    with ExitStack() as stack:
        started = {}
        for name, right in options.items():
            log = ("--request-log", logs / f"{name}.csv")
            started[name] = start_headless(urls[name], *right, *CRUD, *log, LOCUST_API_KEY_FILE=key)
        for name, wrong in WRONG:
            option, _, value = wrong.partition("=")
            words = changed(options[name], **{option: value} if value else {})
            secret = {} if wrong == "key" else {"LOCUST_API_KEY": KEY}
            started[f"{name} {wrong}"] = start_headless(urls[name], *words, *CRUD, **secret)
        for run in started.values():
            stack.callback(end, run)
        yield {name: finish(run) for name, run in started.items()}


@pytest.mark.parametrize("name", ["shop", "notes"])
def test_service_is_driven_as_it_is(runs: dict[str, Outcome], logs: Path, name: str) -> None:
    assert runs[name].code == 0, runs[name].err
    sent = Counter(row["operation"].split()[0] for row in read_log(logs / f"{name}.csv"))
    assert set(sent) == {"GET", "POST", "DELETE", "PUT" if name == "shop" else "PATCH"}
    assert sent.total() > 20


def test_rows_are_learned_where_no_page_names_the_next(runs: dict[str, Outcome]) -> None:
    assert "Learned 30 ids from the list" in runs["shop"].err


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_wrong_option_is_one_line_that_says_what_came_and_what_to_change(
    runs: dict[str, Outcome], name: str, wrong: str
) -> None:
    run = runs[f"{name} {wrong}"]
    (line,) = [line for line in run.err.splitlines() if "INFO" not in line]
    for words in WRONG[name, wrong]:
        assert words in line
    assert re.match(r"locust: error: (GET|POST|PUT|PATCH|DELETE) http://127.0.0.1:\d+/", line)
    assert run.code == 2
    assert KEY not in line


def test_key_is_in_no_file_of_a_run(runs: dict[str, Outcome], logs: Path) -> None:
    assert KEY not in runs["shop"].err + (logs / "shop.csv").read_text()
