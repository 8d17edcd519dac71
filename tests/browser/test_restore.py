"""A page of a job comes back after a reload, and its address opens it anywhere."""

from __future__ import annotations

from playwright.sync_api import Page, Response, expect

from .conftest import Lab
from .panel import JobPage, Panel, open_lab
from .terminal import Terminal


def stored(response: Response) -> bool:
    """The workspace was written, with a page of ours in it."""
    written = response.request.method == "PUT" and "api/workspaces" in response.url
    return written and "cnai-job" in (response.request.post_data or "")


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
