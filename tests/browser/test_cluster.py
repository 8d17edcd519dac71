"""A job on a cluster, in the panel and on its page: as live as one of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.cluster.testbed.faults import Rule

from .conftest import Lab, run_lab
from .kube import CONTEXT, Room, room
from .language import english, in_chinese, told
from .notebook import card, open_notebook, run_all, write_notebook
from .panel import Panel, open_lab, open_panel

STARTS = 120_000
OWN = ["bad label 7"]
"""What the code below says itself, in any language of the page."""
TRAINING = """
def patient(epochs=900):
    import math, time
    for epoch in range(1, epochs + 1):
        if cnai.rank() == 0:
            cnai.report(step=epoch, loss=math.exp(-epoch / 200), accuracy=1 - 0.5 / epoch)
            cnai.progress(epoch, 900, unit="epoch")
            print(f"epoch {epoch}")
        time.sleep(0.1)
    return {"accuracy": 0.974}
"""
FAILING = """
def careless():
    if cnai.rank() == 1:
        raise ValueError("bad label 7")
    import time
    time.sleep(600)
"""
_CALL = "job = cnai.train({fn}, workers={workers}, cpu=0.2, memory='256Mi'{more})\njob"


def call(fn: str, *, workers: int = 1, more: str = "") -> str:
    """A cell that trains, and shows the card."""
    return _CALL.format(fn=fn, workers=workers, more=f", {more}" if more else "")


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Room]:
    """A namespace of its own for each test: it has no job of another, that still runs."""
    with room(tmp_path) as found:
        yield found


@pytest.fixture
def lab(tmp_path: Path, team: Room) -> Iterator[Lab]:
    """A JupyterLab with a store of its own, whose notebooks may go to the cluster."""
    with run_lab(tmp_path / "lab", KUBECONFIG=str(team.kubeconfig)) as running:
        yield running


def notebook(page: Page, lab: Lab, name: str, *cells: str) -> Panel:
    """Open a notebook with these cells beside the panel, and run it."""
    open_notebook(page, lab, write_notebook(lab.root, name, cells))
    panel = open_panel(page)
    run_all(page)
    return panel


def epoch_of(where: Locator) -> int:
    """The last epoch that stands there, or 0."""
    found = re.findall(r"epoch (\d+)", where.inner_text(), flags=re.IGNORECASE)
    return int(found[-1]) if found else 0


def reaches(where: Locator, epoch: int) -> None:
    """Wait until this epoch or a later one is the last that stands there; it moves on at once."""
    last = """([node, epoch]) => {
      const found = [...node.innerText.matchAll(/epoch (\\d+)/gi)].pop();
      return Number(found?.[1] ?? 0) >= epoch;
    }"""
    where.page.wait_for_function(last, arg=[where.element_handle(), epoch])


def watch_phases(page: Page, name: str) -> None:
    """Note every phase that a row of that name shows."""
    page.evaluate(
        """name => {
          window.phasesSeen = [];
          const note = () => {
            for (const row of document.querySelectorAll('.cnai-JobRow')) {
              const own = row.querySelector('.cnai-JobRow-name')?.textContent.trim() === name;
              if (own && window.phasesSeen.at(-1) !== row.dataset.phase) {
                window.phasesSeen.push(row.dataset.phase);
              }
            }
          };
          const everything = { subtree: true, childList: true, attributes: true };
          new MutationObserver(note).observe(document.body, everything);
        }""",
        name,
    )


def backend(panel: Panel) -> Locator:
    """The head of the panel: where jobs of new notebooks go."""
    return panel.root.get_by_role("region", name="Backend")


def known(panel: Panel, team: Room) -> Locator:
    """The switcher's button of a place, once the panel has heard of it."""
    head = backend(panel)
    head.get_by_role("button").first.click()
    there = head.get_by_role("button", name=team.place)
    expect(there).to_be_visible()
    return there


def test_a_job_of_a_cluster_is_in_the_panel_as_it_starts_and_its_page_is_live(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    known(notebook(page, lab, "first.ipynb", team.use), team)
    cells = (team.use, TRAINING, call("patient", workers=2))
    open_notebook(page, lab, write_notebook(lab.root, "live.ipynb", cells))
    panel = open_panel(page)
    watch_phases(page, "patient")
    run_all(page)
    row = panel.says("patient", "Running", timeout=STARTS)
    expect(row.get_by_role("img", name=team.place)).to_be_visible()
    phases = page.evaluate("phasesSeen")
    assert phases[-1] == "Running" and set(phases[:-1]) <= {"Queued", "Starting"}, phases
    page.screenshot(path=shots / "cluster-panel.png")

    job = panel.open_job("patient")
    expect(job.root).to_contain_text(team.place)
    expect(job.root).to_contain_text("from live.ipynb")
    expect(job.section("Metrics").locator("canvas").first).to_be_visible()
    bar = job.root.get_by_role("progressbar", name=re.compile("epoch"))
    expect(bar).to_be_visible()
    reaches(job.log, 20)
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    expect(job.section("Workers").get_by_role("row")).to_have_count(3)
    expect(job.section("Events")).to_contain_text(re.compile("node-[ab]|assigned|scheduled", re.I))
    page.screenshot(path=shots / "cluster-job.png")

    panel.act("patient", "Stop")
    panel.says("patient", "Stopped")
    expect(job.root.get_by_role("heading", name=re.compile("Stopped"))).to_be_visible()
    page.locator(".lm-TabBar-tabLabel", has_text="live.ipynb").click()
    card(page, "Stopped")
    page.screenshot(path=shots / "cluster-stopped.png")


def test_a_failure_on_a_cluster_has_its_verdict_on_the_page_and_the_card(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    panel = notebook(page, lab, "fail.ipynb", team.use, FAILING, call("careless", workers=2))
    panel.says("careless", "Failed", timeout=STARTS)
    failed = card(page, "Failed")
    expect(failed).to_contain_text("bad label 7")
    page.screenshot(path=shots / "cluster-card-failed.png")
    job = panel.open_job("careless")
    expect(job.root).to_contain_text("ValueError in worker 1: bad label 7")
    expect(job.root).to_contain_text("cell [2], line 3")
    expect(job.root.get_by_text("What to do")).to_be_visible()
    expect(job.section("Workers")).to_contain_text("Failed, first")
    expect(job.log).to_contain_text("ValueError: bad label 7")
    page.screenshot(path=shots / "cluster-job-failed.png")


def test_the_panel_switches_between_this_machine_and_the_namespace(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    panel = notebook(page, lab, "use.ipynb", team.use)
    head = backend(panel)
    expect(head).to_contain_text("This machine")
    there = known(panel, team)
    page.screenshot(path=shots / "cluster-switcher.png")
    there.click()
    expect(head).to_contain_text(team.namespace)
    expect(panel.root.get_by_role("meter", name="GPU")).to_be_visible()
    expect(head).to_contain_text("Chosen in the configuration file")
    page.screenshot(path=shots / "cluster-chosen.png")

    asks = "import cnai_sdk as cnai\n\nprint(cnai.use())"
    notebook(page, lab, "there.ipynb", asks)
    expect(page.get_by_text(f"kubernetes: {team.place} (configuration file)")).to_be_visible()
    head.get_by_role("button").first.click()
    head.get_by_role("button", name="This machine").last.click()
    expect(head.get_by_role("button")).to_have_text(["This machine"])  # the choices have closed
    notebook(page, lab, "here.ipynb", asks)
    expect(page.get_by_text(re.compile("^local: this machine"))).to_be_visible()


def test_a_cluster_that_goes_away_is_said_and_caught_up_with(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    cells = (team.use, TRAINING, call("patient", more='name="far"'))
    panel = notebook(page, lab, "away.ipynb", *cells)
    panel.says("far", "Running", timeout=STARTS)
    job = panel.open_job("far")
    reaches(job.log, 5)
    with team.faults.rule(Rule(after=0)):
        team.faults.cut()
        away = panel.root.get_by_role("alert")
        expect(away).to_contain_text(f"{team.place} is not available, since")
        panel.root.get_by_role("button", name=f"Details of {team.place}").click()
        expect(panel.root).to_contain_text("gpu-lab cannot be reached at https://")
        expect(panel.row("far")).to_contain_text("Running")
        page.get_by_role("tab", name="away.ipynb").click()
        said = card(page, "Running").get_by_text(
            re.compile("As of .*gpu-lab cannot be reached at https://")
        )
        expect(said).to_be_visible()
        page.screenshot(path=shots / "cluster-away-card.png")
        page.get_by_role("tab", name="far").click()
        stood = epoch_of(job.log)
        page.screenshot(path=shots / "cluster-away.png")
    expect(away).to_have_count(0)
    expect(said).to_have_count(0)
    reaches(job.log, stood + 30)
    page.screenshot(path=shots / "cluster-back.png")
    panel.act("far", "Stop")
    panel.says("far", "Stopped")


def test_a_job_is_suspended_and_resumed_from_its_page_its_row_and_in_bulk(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    cells = (team.use, TRAINING, call("patient", more='name="pauses"'))
    panel = notebook(page, lab, "pauses.ipynb", *cells)
    panel.says("pauses", "Running", timeout=STARTS)
    job = panel.open_job("pauses")
    job.tool("Suspend").click()
    panel.says("pauses", "Queued, paused")
    page.screenshot(path=shots / "cluster-suspended.png")

    panel.act("pauses", "More actions")
    page.get_by_role("menuitem", name="Resume").click()
    panel.says("pauses", "Running", timeout=STARTS)
    expect(job.tool("Suspend")).to_be_visible()

    panel.row("pauses").click(modifiers=["Control"])
    bulk = panel.root.get_by_role("toolbar", name="Selected jobs")
    expect(bulk.get_by_role("button", name="Resume")).to_have_count(0)
    bulk.get_by_role("button", name="Suspend").click()
    panel.says("pauses", "Queued, paused")
    expect(bulk.get_by_role("button", name="Resume")).to_be_visible()
    bulk.get_by_role("button", name="Stop").click()
    panel.says("pauses", "Stopped")


def test_copy_as_a_cell_attaches_to_the_job_from_a_notebook_of_this_machine(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    cells = (team.use, TRAINING, call("patient", more='name="shared"'))
    panel = notebook(page, lab, "made.ipynb", *cells)
    panel.says("shared", "Running", timeout=STARTS)
    open_notebook(page, lab, write_notebook(lab.root, "other.ipynb", ["1 + 1"]))
    panel = open_panel(page)
    panel.act("shared", "More actions")
    page.get_by_role("menuitem", name="Copy as a cell").click()
    cell = page.locator(".jp-CodeCell", has_text='client.job("shared")')
    expect(cell).to_contain_text(f'context="gpu-lab", namespace="{team.namespace}"')
    run_all(page)
    expect(card(page, "Running")).to_contain_text("shared")
    page.screenshot(path=shots / "cluster-copied.png")
    panel.act("shared", "Stop")
    card(page, "Stopped")


def test_delete_takes_the_job_off_the_cluster_after_a_question(
    page: Page, lab: Lab, team: Room
) -> None:
    quick = "def quick():\n    return {'done': True}"
    panel = notebook(page, lab, "gone.ipynb", team.use, quick, call("quick"))
    panel.says("quick", "Succeeded", timeout=STARTS)
    expect(card(page, "Succeeded")).to_contain_text('{"done":true}')
    panel = open_lab(page, lab)
    panel.says("quick", "Succeeded")
    panel.act("quick", "More actions")
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(panel.row("quick")).to_have_count(0)
    names = [job["metadata"]["name"] for job in team.jobs()]
    assert "quick" not in names


def test_what_a_cluster_does_is_said_in_the_language_of_the_page(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    cells = (
        *(team.use, TRAINING, FAILING),
        call("careless", workers=2, more='name="wrong"'),
        call("patient", more='name="stuck", image="broken"'),
        call("patient", more='name="goes-on"'),
    )
    panel = notebook(page, lab, "chinese.ipynb", *cells)
    panel.says("goes-on", "Running", timeout=STARTS)
    known(panel, team).click()
    lab.set("@jupyterlab/translation-extension:plugin", locale="zh_CN")
    page.goto(lab.url())
    panel = open_panel(page, jobs=in_chinese("Jobs"))
    panel.says("wrong", "失败：worker 1 中的 ValueError", timeout=STARTS)
    panel.says("goes-on", "运行中", timeout=STARTS)
    panel.says("stuck", "镜像", timeout=STARTS)
    panel.root.get_by_role("button", name=in_chinese("Would it fit?")).click()
    form = panel.root.locator(".cnai-WhatIf")
    for cpu, answer in (("0.1", "放得下"), ("64000", "永远放不下")):
        form.get_by_label(in_chinese("CPU each")).fill(cpu)
        expect(form.locator(".cnai-WhatIf-said")).to_contain_text(answer)
        assert english(told(panel.root), foreign=OWN) == []
    for name in ("goes-on", "stuck", "wrong"):
        panel.row(name).dblclick()
        job = page.locator(".cnai-JobPage:visible")
        expect(job.get_by_role("heading", name=name)).to_be_visible()
        expect(job.locator(".cnai-JobEvents li").first).to_be_visible()
        page.screenshot(path=shots / f"cluster-zh-{name}.png")
        texts = told(job)
        events = team.cluster.http.get(f"/api/v1/namespaces/{team.namespace}/events").json()
        quoted = [event["message"] for event in events["items"]]
        assert english(texts, foreign=[*OWN, *quoted]) == []
    with team.faults.rule(Rule(after=0)):
        team.faults.cut()
        expect(panel.root.get_by_role("alert")).to_be_visible()
        panel.root.locator(".cnai-Away button").first.click()
        expect(panel.root.get_by_text(in_chinese("What happened"))).to_be_visible()
        page.screenshot(path=shots / "cluster-zh-away.png")
        library = "Server disconnected without sending a response"
        names = f"context {CONTEXT}"
        cause = "connection lost"  # as it is called in short, beside the sentence that says it
        assert english(told(panel.root), foreign=[*OWN, library, names, cause]) == []
