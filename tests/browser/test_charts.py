"""A job's charts as they are drawn: the texts of their axes, and their lines, on the canvas."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Lab
from .panel import JobPage, open_lab
from .terminal import Terminal

NOTES = Path(__file__).parent / "chart.js"
EPOCHS = 30
WHOLE = f"it.lines.length === 1 && it.lines[0].points.length === {EPOCHS}"
"""One line, with every value that was reported."""


class Chart:
    """The chart of one metric.

    Args:
        job: the page that it is on.
        metric: what its values are called.
    """

    def __init__(self, job: JobPage, metric: str) -> None:
        self.page = job.page
        own = job.page.locator("figcaption bdi", has_text=metric)
        self.figure = job.section("Metrics").get_by_role("figure").filter(has=own)
        expect(self.figure.locator("canvas")).to_be_visible()

    def shows(self, condition: str, against: object = None) -> Any:
        """What is drawn, once that holds.

        Args:
            condition: in JavaScript: `it` is what is drawn, and `against` what is given here.
        """
        drawn = f"""([figure, against]) => {{
            const it = chartShows(figure);
            return {condition} ? it : null;
        }}"""
        found = self.page.wait_for_function(drawn, arg=[self.figure.element_handle(), against])
        return found.json_value()

    def drag(self, start: float, end: float) -> None:
        """Draw a range with the mouse, in parts of the chart's width."""
        box = self._field()
        across = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] * start, across)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * end, across, steps=5)
        self.page.mouse.up()

    def double_click(self) -> None:
        """In its middle."""
        box = self._field()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.dblclick(*middle)

    def _field(self) -> Any:
        field = self.figure.locator(".u-over")
        field.scroll_into_view_if_needed()
        return field.bounding_box()


@pytest.fixture
def noted(page: Page) -> Page:
    """A page of which is noted what it draws."""
    page.add_init_script(path=NOTES)
    return page


@pytest.fixture
def drawn(noted: Page, lab: Lab, outside: Terminal) -> JobPage:
    """The page of a job that has ended after thirty epochs; another job has too."""
    panel = open_lab(noted, lab)
    for name, metrics in (
        ("calm", {"accuracy": 0.05, "loss": 0.02}),
        ("steep", {"accuracy": 0.1}),
    ):
        outside.train(name, metrics=metrics, epochs=EPOCHS, pace=0.01).end()
        panel.says(name, "Succeeded")
    return panel.open_job("calm")


def theme(page: Page, variable: str) -> str:
    """A colour of the theme, as a canvas names it."""
    return str(
        page.evaluate(
            """variable => {
              const context = document.createElement('canvas').getContext('2d');
              context.strokeStyle = getComputedStyle(document.body).getPropertyValue(variable);
              return context.strokeStyle;
            }""",
            variable,
        )
    )


def steps(values: list[float]) -> set[float]:
    """How far neighbours are apart."""
    return {round(b - a, 6) for a, b in pairwise(values)}


def toggle(job: JobPage, name: str) -> Locator:
    """A button that stays pressed."""
    return job.section("Metrics").get_by_role("button", name=name, exact=True)


def test_a_chart_grows_while_its_job_reports(noted: Page, lab: Lab, outside: Terminal) -> None:
    panel = open_lab(noted, lab)
    outside.train("grows", metrics={"accuracy": 0.01}, epochs=100_000, of=100_000)
    panel.says("grows", "Running")
    chart = Chart(panel.open_job("grows"), "accuracy")
    before = chart.shows("it.lines.length === 1 && it.lines[0].points.length > 5")
    assert before["lines"][0]["colour"] == theme(noted, "--jp-brand-color1")
    after = chart.shows(
        "it.x.at(-1) > against.x.at(-1) && it.y.at(-1) > against.y.at(-1)"
        " && it.lines[0].points.length > against.lines[0].points.length",
        before,
    )
    heights = [y for _, y in after["lines"][0]["points"]]
    assert heights == sorted(heights, reverse=True), "what grows is drawn upwards"


def test_a_range_that_is_drawn_is_what_all_charts_show_until_a_double_click(
    drawn: JobPage,
) -> None:
    first, second = Chart(drawn, "accuracy"), Chart(drawn, "loss")
    whole = [chart.shows(WHOLE) for chart in (first, second)]
    assert whole[0]["x"][-1] == EPOCHS
    first.drag(0.3, 0.6)
    for chart in (first, second):
        shown = chart.shows(f"it.lines[0].points.length < {EPOCHS}")
        low, high = 1 + 0.3 * (EPOCHS - 1), 1 + 0.6 * (EPOCHS - 1)
        assert low - 1 < shown["x"][0] < shown["x"][-1] < high + 1
    expect(drawn.button("Reset the zoom")).to_be_visible()
    second.double_click()
    for chart, before in zip((first, second), whole, strict=True):
        shown = chart.shows(WHOLE)
        assert (shown["x"], shown["y"]) == (before["x"], before["y"])
    expect(drawn.button("Reset the zoom")).to_have_count(0)


def test_another_job_is_drawn_beside_this_one_and_named(drawn: JobPage) -> None:
    chart = Chart(drawn, "accuracy")
    alone = chart.shows(WHOLE)
    legend = drawn.section("Metrics").locator(".cnai-JobLegend")
    expect(legend).not_to_contain_text("steep")
    chosen = drawn.root.get_by_label("Compare with another job")
    chosen.select_option(label=chosen.get_by_text("steep").inner_text())
    both = chart.shows(f"it.lines[1]?.points.length === {EPOCHS}")
    own, other = both["lines"]
    assert (own["dashed"], other["dashed"]) == (False, True)
    assert own["colour"] == theme(drawn.page, "--jp-brand-color1") != other["colour"]
    assert len(other["points"]) == EPOCHS
    # At the last epoch the other has twice the value; its axis reaches that.
    assert both["y"][-1] == 3 > alone["y"][-1]
    assert other["points"][-1][1] < own["points"][-1][1]
    expect(legend).to_contain_text("this job")
    expect(legend.locator(".cnai-mod-other")).to_have_text("steep")
    drawn.button("Stop comparing").click()
    shown = chart.shows("it.lines.length === 1")
    assert shown["y"] == alone["y"]
    expect(legend).not_to_contain_text("steep")


def test_a_log_scale_has_the_powers_of_ten_at_equal_distances(drawn: JobPage) -> None:
    chart = Chart(drawn, "accuracy")
    plain = chart.shows(WHOLE)
    assert len(steps(plain["y"])) == 1, "equal steps of the value"
    toggle(drawn, "Log scale").click()
    scaled = chart.shows("it.y.includes(10)")
    assert scaled["y"] == [0.1, 1, 10]
    near, far = sorted(steps(scaled["rungs"]))[0], sorted(steps(scaled["rungs"]))[-1]
    assert far - near <= 2, "a power of ten is as far from the next as that from the one after"
    heights = [y for _, y in scaled["lines"][0]["points"]]
    first, last = heights[0] - heights[1], heights[-2] - heights[-1]
    assert first > 5 * last, "what grows evenly flattens"
    expect(toggle(drawn, "Log scale")).to_have_attribute("aria-pressed", "true")
    toggle(drawn, "Log scale").click()
    assert chart.shows("!it.y.includes(10)")["y"] == plain["y"]
