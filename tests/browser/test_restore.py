"""A page of a job comes back after a reload, and its address opens it anywhere."""

from __future__ import annotations

from playwright.sync_api import Page, Response, expect

from .conftest import Lab
from .panel import JobPage, Panel, open_lab, open_panel
from .terminal import Terminal


def stored(response: Response, what: str = "cnai-job") -> bool:
    """The workspace was written, with this of ours in it: at first a page of a job."""
    written = response.request.method == "PUT" and "api/workspaces" in response.url
    return written and what in (response.request.post_data or "")


def test_after_a_reload_the_panel_and_the_page_are_back(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    panel = open_lab(page, lab)
    outside.train("kept-open", epochs=6)
    panel.says("kept-open", "Running 20%")
    with page.expect_response(stored):
        panel.open_job("kept-open")
    page.reload()
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    back = JobPage(page, "kept-open")
    expect(back.section("Metrics").locator("canvas").first).to_be_visible()
    expect(back.log.get_by_text("epoch 6 of 30")).to_be_visible()
    expect(Panel(page).root).to_be_visible()


def test_a_border_that_was_dragged_is_where_it_was_left(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    panel = open_lab(page, lab)
    outside.train("below")
    panel.says("below", "Running")
    expect(panel.root.locator(".cnai-Gauge").first).to_be_visible()
    fitted = panel.quota_height()

    with page.expect_response(lambda answer: stored(answer, "cnai-lab:side-panel")):
        panel.drag_border(80)
    dragged = panel.quota_height()
    assert abs(dragged - fitted - 80) < 5
    panel.root.get_by_role("button", name="Who uses what").click()
    expect(panel.root.locator(".cnai-Holders")).to_be_visible()
    assert abs(panel.quota_height() - dragged) < 5

    page.reload()
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    back = open_panel(page)
    back.says("below", "Running")
    expect(back.root.locator(".cnai-Gauge").first).to_be_visible()
    assert abs(back.quota_height() - dragged) < 5


def test_the_address_of_a_page_opens_it_in_another_browser(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    job = outside.train("linked", epochs=3)
    page.goto(lab.url(f"lab?cnai-job=local/{job.id}"))
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    assert JobPage(page, "linked").root.is_visible()


def test_a_page_of_a_job_that_is_gone_says_so(page: Page, lab: Lab, outside: Terminal) -> None:
    panel = open_lab(page, lab)
    job = outside.train("gone", epochs=1)
    panel.says("gone", "Running")
    panel.open_job("gone")
    outside.run("delete", "--yes", "--json", job.name)
    expect(panel.row("gone")).to_have_count(0)
    expect(page.get_by_text("This job was deleted.")).to_be_visible()
    page.get_by_role("button", name="Close this page").click()
    expect(page.get_by_text("This job was deleted.")).to_have_count(0)
