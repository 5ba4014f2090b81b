"""The report's page in a real browser that reaches no network."""

import json
import re
from dataclasses import replace
from html import unescape
from unittest.mock import patch

import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from lab.analysis.analyse import analyse
from lab.report.charts import scaling
from lab.report.charts.all import charts
from lab.report.charts.comparison import ratios
from lab.report.charts.hovering import hover
from lab.report.charts.latency import by_percentile
from lab.report.contents import report
from lab.report.page.render import kind, page, parts
from tests.browser import CHROMIUM, open_browser, open_page
from tests.lab.examples import comparison, trial
from tests.lab.synthetic import article, ladder, sweep

SMALL = {"labels": ("django",), "workers": (1, 4), "users": (50, 300), "repeats": 1}
RUNS = {
    "compare": comparison,
    "sweep": lambda: list(sweep(**SMALL)),
    "article": lambda: list(article()),
    "ladder": lambda: list(ladder()),
}
COURSE = {"over-time-{}", "over-time-{}-rate", "over-time-{}-waiting"}
EVERYWHERE = {
    "histogram", "by-operation", "cpu", "memory", *(one.format(1) for one in COURSE),
}  # fmt: skip
PREDICTED = {"predicted-throughput", "predicted-latency"}
CHARTS = {
    "compare": EVERYWHERE | PREDICTED | {"ratios-1", "by-percentile"},
    "sweep": EVERYWHERE
    | PREDICTED
    | {"throughput-over-workers-1", "p95-over-workers-1", "knee-1", "open-load-1"},
    "article": EVERYWHERE | {one.format(figure) for one in COURSE for figure in (1, 2, 3, 4)},
    "ladder": EVERYWHERE | PREDICTED | {"ladder", "by-percentile"},
}
INVISIBLE = """svgs => svgs.filter(svg => !svg.querySelector("title").textContent
    || !svg.querySelector("desc").textContent || svg.getBoundingClientRect().height < 50)
    .map(svg => svg.parentElement.id)"""
CUT = """svgs => svgs.flatMap(svg => {
    const all = svg.getBoundingClientRect();
    const isCut = one => one.left < all.left - 1 || one.right > all.right + 1
        || one.top < all.top - 1 || one.bottom > all.bottom + 1;
    return [...svg.querySelectorAll("text")].filter(one => isCut(one.getBoundingClientRect()))
        .map(one => svg.parentElement.id + ": " + one.textContent)})"""
UPON_OTHERS = """svgs => svgs.flatMap(svg => {
    const words = [...svg.querySelectorAll("text")].map(one => [one, one.getBoundingClientRect()]);
    const overlap = (one, two) => Math.min(one.right, two.right) - Math.max(one.left, two.left) > 1
        && Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top) > 3;
    return words.flatMap(([one, box], at) => words.slice(at + 1)
        .filter(([, other]) => overlap(box, other))
        .map(([two]) => `${svg.parentElement.id}: ${one.textContent} / ${two.textContent}`))})"""
BLANK = '<svg viewBox="0 0 1 1"><g id="figure"></g></svg>'
INK = "() => getComputedStyle(document.querySelector('figure svg text')).fill"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of each kind of run."""
    folder = tmp_path_factory.mktemp("pages")
    for name, run in RUNS.items():
        found = analyse(run())
        text = page(report(found, charts(found)))
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


class Visitor:
    """A browser that notes what a page complains about and whom it asks."""

    def __init__(self, page, folder):
        self.page, self.folder = page, folder
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self.faults.append(said.text))
        page.on("request", lambda asked: self.faults.append(asked.url))

    def visit(self, run):
        """Open the page of a run; return what was wrong, but for asking for the file itself."""
        self.faults.clear()
        address = self.address(run)
        self.page.goto(address)
        return [fault for fault in self.faults if fault not in (address, "data:,")]

    def open(self, run):
        """Make sure that the page of a run is open, as it is when the test before was about it."""
        if self.page.url != self.address(run):
            self.page.goto(self.address(run))

    def address(self, run):
        return (self.folder / f"{run}.html").as_uri()


@pytest.fixture(scope="module")
def visitor(request):
    with open_browser() as browser, open_page(browser) as opened:  # where there is none it skips
        yield Visitor(opened, request.getfixturevalue("pages"))


@pytest.fixture
def browser(visitor):
    return visitor.page


@pytest.mark.skipif(CHROMIUM is not None, reason="a browser looks at all of them, with layout")
@pytest.mark.parametrize("run", RUNS)
def test_every_kind_of_run_has_its_charts(run, monkeypatch):
    """Without their layout, which takes most of the time."""
    monkeypatch.setattr(Figure, "draw_without_rendering", lambda figure: None)
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **how: file.write(BLANK))
    drawn = charts(analyse(RUNS[run]()))
    assert {chart.name for group in drawn.values() for chart in group} == CHARTS[run]


@pytest.mark.parametrize("run", RUNS)
def test_a_report_needs_no_network_and_shows_every_chart_with_its_words(run, browser, visitor):
    assert visitor.visit(run) == []
    figures = browser.locator("figure").evaluate_all("all => all.map(one => one.id.slice(6))")
    assert set(figures) == CHARTS[run]
    assert len(figures) == len(set(figures))
    assert browser.locator("figure svg[role=img]").evaluate_all(INVISIBLE) == []
    assert browser.get_by_role("img", name="Where the CPU went").count() == 1
    ids = browser.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))  # though many charts share the page


@pytest.mark.parametrize("run", RUNS)
def test_no_words_of_a_chart_are_cut_or_lie_upon_others(run, browser, visitor):
    visitor.open(run)
    assert browser.locator("figure svg").evaluate_all(CUT) == []
    assert browser.locator("figure svg").evaluate_all(UPON_OTHERS) == []


def test_the_first_screen_has_a_figure_its_verdict_and_a_chart(browser, visitor):
    visitor.open("sweep")
    browser.set_viewport_size({"width": 1200, "height": 1000})
    headline = browser.locator(".headline")
    assert "requests/s" in headline.inner_text()
    assert "valid" in headline.inner_text()
    for one in (headline, browser.locator(".first figure")):
        box = one.bounding_box()
        assert box["y"] + box["height"] < 1000


@pytest.mark.parametrize("run", RUNS)
def test_a_narrow_screen_scrolls_down_only(run, browser, visitor):
    visitor.open(run)
    browser.set_viewport_size({"width": 390, "height": 800})
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    browser.set_viewport_size({"width": 1200, "height": 1000})


def test_a_chart_says_the_value_that_is_pointed_at(browser, visitor):
    visitor.visit("sweep")
    chart = browser.locator("#chart-throughput-over-workers-1")
    chart.scroll_into_view_if_needed()
    said = chart.locator(".value")
    assert not said.is_visible()
    x, y, words = json.loads(chart.locator("svg").get_attribute("data-points"))[-1]
    box, units = chart.locator("svg").bounding_box(), chart.locator("svg").get_attribute("viewBox")
    scale = box["width"] / float(units.split()[2])
    browser.mouse.move(box["x"] + x * scale + 2, box["y"] + y * scale + 2)
    assert said.inner_text() == words.strip()
    assert "worker processes: 4" in words
    assert "requests/s: " in words
    browser.mouse.move(0, 0)
    assert not said.is_visible()
    assert visitor.faults[1:] == ["data:,"] or not visitor.faults[1:]


def points(svg):
    """What a chart says where it is pointed at, as JSON."""
    (found,) = re.findall('data-points="([^"]*)"', svg)
    return unescape(found)


def test_a_chart_of_valid_points_only_is_left_out_where_there_are_none(monkeypatch):
    monkeypatch.setattr(scaling, "draw", lambda name, *_, **__: name)
    few = [replace(one, warnings=("CPU usage above 90 %",)) for one in sweep(**SMALL)]
    assert scaling.knees(analyse([*sweep(**SMALL)]).settings) == ["knee-1"]
    assert scaling.knees(analyse(few).settings) == []


def test_values_lie_where_they_are_drawn_and_say_interval_row_and_mark():
    settings = analyse(comparison()).settings
    (ratio,), (tail,) = ratios(settings, None), by_percentile(settings)
    values = json.loads(points(ratio.svg))
    assert len(values) == 3
    assert values[0][2].startswith("throughput\ndjango ÷ fastapi: 0.50 (0.48 to 0.51)")
    at_the_end = "django\\npercentile: so many of 100 requests were faster: 99.9\\nms: "
    assert at_the_end in points(tail.svg)


def test_the_marks_of_the_axes_are_read_once_however_many_values_a_chart_has():
    axes = Figure().add_subplot()
    axes.plot(range(50), range(50))
    axes.set_xlabel("seconds")
    with patch.object(Axis, "get_major_ticks", autospec=True, return_value=[]) as read:
        assert len(json.loads(hover(axes, ()))) == 50
    assert read.call_count == 2


def test_charts_follow_light_and_dark(browser, visitor):
    inks = []
    visitor.open("compare")
    for scheme in ("light", "dark"):
        browser.emulate_media(color_scheme=scheme)
        inks.append(browser.evaluate(INK))
    browser.emulate_media(color_scheme="light")
    assert inks[0] != inks[1]


def test_evidence_that_is_folded_is_printed(browser, visitor):
    visitor.open("sweep")
    folded = browser.locator("details:not([open]) li").first
    assert not folded.is_visible()
    browser.emulate_media(media="print")
    assert folded.is_visible()
    browser.emulate_media(media="screen")


def test_names_from_records_cannot_write_into_the_page():
    found = analyse([trial(label='<img src="http://nowhere.test/x">')])
    assert "<img" not in page(report(found, charts(found)))


def test_a_figure_is_set_apart_from_its_spread():
    assert parts("413 (410 to 421)") == ("413", " (", "410 to 421)")
    assert parts("GET /items (gone)") == ("GET /items (gone)", "", "")


def test_figures_stand_to_the_right_and_words_to_the_left():
    for figure in ("1,212", "0.50", "143 %", "0 of 90,300", "413 (410 to 421)", "not measured"):
        assert kind(figure) == "figure"
    for words in ("400 ms for one request", "converged", "2026-11-24T09:01:00+00:00"):
        assert kind(words) == "words"
