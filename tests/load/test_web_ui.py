"""The web UI in a real browser, as someone at a desk uses it."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.load.conftest import Serve, finish, free_port, start, wait_until

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page(viewport={"width": 1200, "height": 1000})
        browser.close()


@pytest.fixture
def web_ui() -> Iterator[str]:
    """Plain `locust`, but on a free port."""
    port = free_port()
    process = start("--web-port", port)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        finish(process)


def answers(url: str) -> bool:
    try:
        urlopen(url, timeout=1).close()
    except URLError:
        return False
    return True


def test_form_is_prefilled_and_a_run_shows_charts_without_failures(
    page: Page, web_ui: str, serve: Serve, tmp_path: Path
) -> None:
    page.goto(web_ui)
    assert page.locator("[name=host]").input_value() == "http://127.0.0.1:8000"
    assert page.locator("[name=userCount]").input_value() == "100"
    assert page.locator("[name=spawnRate]").input_value() == "10"

    refuse_wrong_values(page)
    start_users(page, serve().url)
    watch_charts(page)
    rows = exported_statistics(page, tmp_path)

    assert set(rows) >= {"/items", "/items/[id]", "Aggregated"}
    assert int(rows["Aggregated"]["Request Count"]) > 50
    assert int(rows["Aggregated"]["Failure Count"]) == 0


def refuse_wrong_values(page: Page) -> None:
    page.get_by_text("Custom parameters").click()
    names = page.locator("form [name]").evaluate_all("fields => fields.map(field => field.name)")
    assert names.index("preset") < names.index("mix") < names.index("basePath")
    page.locator("[name=mix]").fill("60/40")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("mix '60/40': must be four weights")).to_be_visible()
    page.locator("[name=mix]").fill("50/20/20/10")
    page.locator("[name=host]").fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("cannot read the list http://127.0.0.1:9")).to_be_visible()


def start_users(page: Page, host: str) -> None:
    page.locator("[name=userCount]").fill("20")
    page.locator("[name=spawnRate]").fill("20")
    page.locator("[name=thinkTime]").fill("0.1")
    page.locator("[name=host]").fill(host)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("RUNNING")).to_be_visible()


def watch_charts(page: Page) -> None:
    page.get_by_role("tab", name="Charts").click()
    chart = page.locator("canvas").first
    expect(chart).to_be_visible()
    before = chart.screenshot()
    expect(page.locator("header")).to_contain_text(re.compile(r"RPS\s*[1-9]"), timeout=10_000)
    wait_until(lambda: chart.screenshot() != before)
    expect(page.locator("header")).to_contain_text(re.compile(r"Failures\s*0%"))


def exported_statistics(page: Page, folder: Path) -> dict[str, dict[str, str]]:
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("STOPPED")).to_be_visible()
    page.get_by_role("tab", name="Download Data").click()
    with page.expect_download() as download:
        page.get_by_text("Download requests CSV").click()
    download.value.save_as(folder / "statistics.csv")
    with (folder / "statistics.csv").open(newline="") as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


def test_mix_and_shape_can_change_between_two_runs(web_ui: str, serve: Serve) -> None:
    stub = serve()
    common = {"user_count": 4, "spawn_rate": 4, "host": stub.url, "think_time": 0.01}
    post(f"{web_ui}/swarm", common | {"mix": "1/0/0/0", "shape": "steps", "run_time": 60})
    wait_until(lambda: operations(web_ui) == {"GET /items/[id]"})
    post(f"{web_ui}/stop", {})
    post(f"{web_ui}/swarm", common | {"mix": "0/1/1/0", "shape": "none"})
    wait_until(lambda: operations(web_ui) == {"GET /items", "POST /items"})


def post(url: str, form: dict[str, object]) -> None:
    with urlopen(url, urlencode(form).encode(), timeout=5) as answer:
        text: str = answer.read().decode()
    assert json.loads(text)["success"], text


def operations(web_ui: str) -> set[str]:
    """What the statistics hold; Locust renews them every 2 seconds."""
    with urlopen(f"{web_ui}/stats/requests", timeout=5) as answer:
        rows = json.load(answer)["stats"]
    return {f"{row['method']} {row['name']}" for row in rows if row["name"] != "Aggregated"}
