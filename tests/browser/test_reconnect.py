"""The server dies and comes back: the panel says so, misses nothing, and the job went on."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import run_lab
from .panel import Sockets, open_lab, visibility
from .terminal import terminal


def dismiss_labs_own_word(page: Page) -> None:
    """JupyterLab says it too, in a dialog over everything."""
    dialog = page.get_by_role("dialog", name=re.compile("Server Connection Error"))
    page.add_locator_handler(dialog, lambda: dialog.get_by_role("button").last.click())


def test_a_killed_server_is_told_and_caught_up_with(
    page: Page, tmp_path: Path, shots: Path
) -> None:
    sockets = Sockets(page)
    dismiss_labs_own_word(page)
    with run_lab(tmp_path / "lab") as lab, terminal(lab.env, tmp_path / "outside") as outside:
        panel = open_lab(page, lab)
        job = outside.train("survivor", metrics={"accuracy": 0.01}, epochs=20, of=40, pace=0.5)
        outside.train("short", epochs=1)
        panel.says("survivor", "Running")
        panel.says("short", "Running")
        survivor = panel.open_job("survivor")
        expect(survivor.log.get_by_text("epoch 1 of 40")).to_be_visible()

        os.kill(lab.pid, signal.SIGKILL)
        expect(panel.root.get_by_text("Reconnecting · as of")).to_be_visible()
        expect(panel.root.get_by_role("button", name="Retry")).to_be_visible()
        expect(panel.row("survivor")).to_contain_text("Running")
        page.screenshot(path=shots / "panel-reconnecting.png")
        outside.run("stop", "short", "--json")
        outside.train("made-meanwhile", epochs=1).end()

        with run_lab(tmp_path / "lab", port=lab.port, token=lab.token):
            panel.says("made-meanwhile", "Succeeded")
            panel.says("short", "Stopped")
            expect(panel.root.get_by_text("Reconnecting · as of")).to_have_count(0)
            panel.says("survivor", "Running 50%")
            assert outside.phase(job) == "Running"
            numbers = [f"epoch {number} of 40" for number in range(1, 21)]
            expect(survivor.log.get_by_text("epoch 20 of 40")).to_be_visible()
            end = survivor.log.inner_text()
            survivor.log.press("Home")
            expect(survivor.log.get_by_text("epoch 1 of 40")).to_be_visible()
            start = survivor.log.inner_text()
            for line in numbers:
                assert {end.count(line), start.count(line)} in ({1}, {0, 1}), line
            page.screenshot(path=shots / "panel-reconnected.png")
            assert sockets.open == 1


def test_gone_for_long_takes_the_top_and_try_again_connects(
    page: Page, tmp_path: Path, shots: Path
) -> None:
    dismiss_labs_own_word(page)
    with run_lab(tmp_path / "lab") as lab, terminal(lab.env, tmp_path / "outside") as outside:
        panel = open_lab(page, lab)
        outside.train("kept")
        panel.says("kept", "Running")
        os.kill(lab.pid, signal.SIGKILL)
        alert = panel.root.get_by_role("alert")
        expect(alert).to_contain_text("Jobs that run go on")
        page.screenshot(path=shots / "panel-gone.png")
        alert.get_by_role("button", name="Try again").click()
        expect(alert).to_contain_text("Jobs that run go on")
        with run_lab(tmp_path / "lab", port=lab.port, token=lab.token):
            expect(alert).to_have_count(0)
            panel.says("kept", "Running")


def test_a_page_without_input_rests_and_wakes_at_the_next(page: Page, tmp_path: Path) -> None:
    sockets = Sockets(page)
    command = ("lab", "--CnaiServerApp.page_rests_after=10")
    with (
        run_lab(tmp_path / "lab", command=command) as lab,
        terminal(lab.env, tmp_path / "outside") as outside,
    ):
        outside.train("seen")
        panel = open_lab(page, lab)
        panel.says("seen", "Running")
        job = panel.open_job("seen")
        sockets.closes()
        paused = re.compile(r"^Paused since \d\d:\d\d · goes on when you move the mouse$")
        for resting in (panel, job):
            expect(resting.root.get_by_text(paused)).to_be_visible()
        outside.train("unseen")
        expect(panel.row("unseen")).to_have_count(0)
        expect(panel.root.get_by_text("Reconnecting")).to_have_count(0)
        page.mouse.move(700, 400)
        panel.says("unseen", "Running")
        for awake in (panel, job):
            expect(awake.root.get_by_text(paused)).to_have_count(0)


def test_a_hidden_page_rests_and_catches_up_without_a_word(page: Page, tmp_path: Path) -> None:
    sockets = Sockets(page)
    with run_lab(tmp_path / "lab") as lab, terminal(lab.env, tmp_path / "outside") as outside:
        panel = open_lab(page, lab)
        outside.train("before")
        panel.says("before", "Running")
        assert sockets.open == 1
        visibility(page, "hidden")
        sockets.closes()
        outside.run("stop", "before", "--json")
        outside.train("meanwhile")
        expect(panel.row("meanwhile")).to_have_count(0)
        expect(panel.root.get_by_text("Reconnecting")).to_have_count(0)
        visibility(page, "visible")
        panel.says("meanwhile", "Running")
        panel.says("before", "Stopped")
        assert sockets.open == 1
