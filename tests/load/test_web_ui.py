"""The web UI in a real browser, as someone at a desk uses it."""

import csv
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser import open_browser, open_page
from tests.load.conftest import ROOT, Serve, environment, free_port, wait_until


@pytest.fixture
def web_ui() -> Iterator[str]:
    """Plain `locust`, but on a free port; a moment after this it answers."""
    port = free_port()
    words = [sys.executable, "-m", "locust", "--web-port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        words, cwd=ROOT, env=environment({}), stdout=quiet, stderr=quiet
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def form(request: pytest.FixtureRequest) -> Iterator[Page]:
    with open_browser() as browser, open_page(browser) as page:  # where there is none it skips
        web_ui = request.getfixturevalue("web_ui")
        wait_until(lambda: answers(web_ui))
        page.goto(web_ui)
        yield page


def test_a_port_that_is_taken_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [sys.executable, "-m", "locust", "--loglevel", "ERROR", "--web-port", port]
        ended = subprocess.run(
            words, cwd=ROOT, env=environment({}), capture_output=True, text=True, check=False
        )
    line = f"locust: error: web port {port}: Address already in use; stop what listens there, or"
    assert ended.stderr == f"{line} give another --web-port\n"
    assert (ended.returncode, ended.stdout) == (2, "")


def answers(url: str) -> bool:
    try:
        urlopen(url, timeout=1).close()
    except URLError:
        return False
    return True


def test_form_is_prefilled_and_a_run_shows_charts_without_failures(
    form: Page, serve: Serve, tmp_path: Path
) -> None:
    page, stub = form, serve()
    assert page.locator("[name=host]").input_value() == "http://127.0.0.1:8000"
    assert page.locator("[name=userCount]").input_value() == "100"
    assert page.locator("[name=spawnRate]").input_value() == "10"

    refuse_wrong_values(page)
    start_users(page, stub.url)
    watch_charts(page)
    rows = exported_statistics(page, tmp_path)
    wait_until(lambda: stub.started == stub.finished)

    assert set(rows) >= {"/items", "/items/[id]", "Aggregated"}
    assert int(rows["Aggregated"]["Request Count"]) > 50
    assert int(rows["Aggregated"]["Failure Count"]) == 0


def refuse_wrong_values(page: Page) -> None:
    page.get_by_text("Custom parameters").click()
    names = page.locator("form [name]").evaluate_all("fields => fields.map(field => field.name)")
    assert names.index("preset") < names.index("mix") < names.index("basePath")
    page.locator("[name=mix]").fill("60/40")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("mix '60/40': must be weights")).to_be_visible()
    page.locator("[name=mix]").fill("50/20/20/10")
    page.locator("[name=host]").fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("127.0.0.1:9/items/?limit=20: Connection refused")).to_be_visible()


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
    wait_until(lambda: chart.screenshot() != before, every=0.5)
    expect(page.locator("header")).to_contain_text(re.compile(r"Failures\s*0%"))


def exported_statistics(page: Page, folder: Path) -> dict[str, dict[str, str]]:
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("tab", name="Download Data").click()
    with page.expect_download() as download:
        page.get_by_text("Download requests CSV").click()
    download.value.save_as(folder / "statistics.csv")
    with (folder / "statistics.csv").open(newline="") as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


WRONG = {
    ("seeded_rows", -1): "seeded rows -1: must not be negative",
    ("page_size", 0): "page size 0: must be at least 1",
    ("think_time", "nan"): "think time nan: must be 0 or more",
    ("arrival_rate", -1): "arrival rate -1: must be 0 or more",
    ("base_path", "items"): "base path 'items': must start with /",
    ("payload", "{"): "payload or list query",
    ("list_query", "{size.x}"): "payload or list query",
    ("auth_header", "Authorization: s3cret"): "auth header: must be a name such as",
    ("api_key", "s\ncret"): "LOCUST_API_KEY: must be one line",
    ("mix", "1000000000/1/1/1"): "together 10,000 at most",
    ("mix", "60/15/5/20"): "only rows that the load created are changed and deleted",
    ("host", "127.0.0.1:8000"): "must be an address such as http://127.0.0.1:8000",
}


def test_form_refuses_wrong_values_and_takes_another_mix_and_shape(
    web_ui: str, serve: Serve
) -> None:
    stub = serve()
    wait_until(lambda: answers(web_ui))
    common = {"user_count": 4, "spawn_rate": 4, "host": stub.url}
    for (name, value), complaint in WRONG.items():
        said = start_swarm(web_ui, common | {name: value})
        assert complaint in said
        assert "cret" not in said
    common |= {"think_time": 0.01}

    steps = {"mix": "1/0/0/0", "shape": "steps", "run_time": "1m"}
    assert "started using shape" in start_swarm(web_ui, common | steps)
    wait_until(lambda: stub.seen["GET item"] > 20)
    assert stub.seen["POST items"] == 0
    urlopen(f"{web_ui}/stop", b"", timeout=10).close()

    stub.seen.clear()
    form = {"mix": "0/1/1/0", "shape": "none", "run_time": ""}
    assert "started" in start_swarm(web_ui, common | form)
    wait_until(lambda: min(stub.seen["GET items"], stub.seen["POST items"]) > 20)
    assert stub.seen["GET item"] == 0


def start_swarm(web_ui: str, form: dict[str, object]) -> str:
    """What the web UI answers to the form's Start."""
    wrong_stays = {"think_time": 0, "seeded_rows": 0}  # each form is a whole one
    with urlopen(f"{web_ui}/swarm", urlencode(wrong_stays | form).encode(), timeout=10) as answer:
        text: str = json.load(answer)["message"]
    return text
