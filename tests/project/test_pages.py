"""The pages people look at, in a real browser that reaches no other host."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.request import Request, urlopen

import httpx
import pytest
from playwright.sync_api import Browser, Page, Response, Route, expect

from lab.experiments.targets import TARGETS, Target
from tests.browser import open_browser, open_page
from tests.contract import keys
from tests.contract.keys import READER
from tests.forks import serving

DEVELOPMENT = Target(
    name="runserver",
    command=("{python}", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    env={"DJANGO_DEBUG": "1"},
    ready="/livez",
)


@pytest.fixture(scope="module")
def browser(database_url: str) -> Iterator[Browser]:
    """One for all tests here, of which none uses Django's models; without it nothing is started."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def production(
    browser: Browser, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("pages") / "gunicorn.log"
    with serving(TARGETS["django"], database_url, log=log) as server:
        yield server.url


@pytest.fixture(scope="module")
def guarded(
    browser: Browser, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("pages") / "guarded.log"
    target = replace(TARGETS["django"], ready="/livez")
    with serving(target, database_url, log=log, env=keys.ENVIRONMENT) as server:
        yield server.url


@pytest.fixture(scope="module")
def development(
    browser: Browser, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("pages") / "runserver.log"
    with serving(DEVELOPMENT, database_url, log=log) as server:
        yield server.url
        for item in httpx.get(f"{server.url}/items/").json()["results"]:
            httpx.delete(f"{server.url}/items/{item['id']}/").raise_for_status()


@dataclass
class Faults:
    """What a page complained about and what it could not get."""

    messages: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[tuple[Page, Faults]]:
    """A page, loaded, of which nothing may be wrong when the block ends."""
    home, faults = "/".join(url.split("/")[:3]), Faults()

    def keep_home(route: Route) -> None:
        if route.request.url.startswith((f"{home}/", "data:", "blob:")):
            route.continue_()
        else:
            faults.elsewhere.append(route.request.url)
            route.abort()

    def note_refusal(answer: Response) -> None:
        if answer.status >= 400:
            faults.refused.append(f"{answer.status} {answer.url}")

    with open_page(browser) as page:
        page.route("**/*", keep_home)
        page.on("response", note_refusal)
        page.on("pageerror", lambda error: faults.messages.append(str(error)))
        page.on(
            "console",
            lambda said: faults.messages.append(said.text) if said.type == "error" else None,
        )
        page.goto(url)
        yield page, faults
        assert faults == Faults()


def operations(url: str) -> set[tuple[str, str]]:
    """Method and path of everything in the schema."""
    asked = Request(f"{url}/schema/", headers={"Accept": "application/json"})
    with urlopen(asked, timeout=30) as answer:
        paths = json.load(answer)["paths"]
    return {(method.upper(), path) for path in paths for method in paths[path]}


def test_docs_show_every_operation_and_try_one_out_without_a_network(
    production: str, browser: Browser
) -> None:
    with visiting(browser, f"{production}/docs/") as (page, _):
        expect(page.locator(".opblock").first).to_be_visible()
        shown = page.locator(".opblock-summary-control").all_inner_texts()
        assert {tuple(text.split()[:2]) for text in shown} == operations(production)
        listing = page.locator("#operations-items-items_list")
        listing.click()
        listing.get_by_role("button", name="Try it out").click()
        listing.get_by_role("button", name="Execute").click()
        answer = listing.locator(".live-responses-table")
        expect(answer.locator(".response-col_status")).to_contain_text(["Code", "200"])
        expect(answer).to_contain_text('"results"')


def test_docs_try_requests_with_a_key(guarded: str, browser: Browser) -> None:
    with visiting(browser, f"{guarded}/docs/") as (page, _):
        page.get_by_role("button", name="Authorize").first.click()
        page.locator(".modal-ux input").fill(READER)
        page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
        page.locator(".modal-ux").get_by_role("button", name="Close").click()
        listing = page.locator("#operations-items-items_list")
        listing.click()
        listing.get_by_role("button", name="Try it out").click()
        listing.get_by_role("button", name="Execute").click()
        answer = listing.locator(".live-responses-table")
        expect(answer.locator(".response-col_status")).to_contain_text(["Code", "200"])


def test_browsable_api_lists_items_and_takes_one(development: str, browser: Browser) -> None:
    with visiting(browser, f"{development}/items/") as (page, _):
        expect(page.get_by_role("heading", name="Item List")).to_be_visible()
        expect(page.get_by_label("response info")).to_contain_text("HTTP 200 OK")
        colour = page.locator(".navbar").evaluate("bar => getComputedStyle(bar).backgroundColor")
        assert colour == "rgb(44, 44, 44)"  # its style sheet has come
        page.get_by_label("Content:").fill('{"name": "Desk", "price": "12.50"}')
        page.get_by_role("button", name="POST").click()
        expect(page.get_by_label("response info")).to_contain_text("HTTP 201 Created")


def test_admin_asks_for_name_and_password(development: str, browser: Browser) -> None:
    with visiting(browser, f"{development}/admin/") as (page, _):
        expect(page.locator("#id_username")).to_be_visible()
        expect(page.locator("#id_password")).to_be_visible()
        colour = page.locator("#header").evaluate("bar => getComputedStyle(bar).backgroundColor")
        assert colour != "rgba(0, 0, 0, 0)"  # its style sheet has come
