"""At start the page learns the server's version, and says when the two do not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import Lab, run_lab

OLD = ("lab", "--CnaiServerApp.reported_version=0.0.1")
OWN = version("cnai-sdk")


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    expect(page.locator("#main")).to_be_visible()
    return page


def in_chinese(lab: Lab) -> None:
    plugin = "@jupyterlab/translation-extension:plugin"
    raw = json.dumps({"locale": "zh_CN"})
    lab.api(f"lab/api/settings/{plugin}", method="PUT", body={"raw": raw})


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory):
    """A JupyterLab whose server half says that it is older than the page."""
    with run_lab(tmp_path_factory.mktemp("old"), command=OLD) as running:
        yield running


def test_jupyter_lists_both_halves_as_enabled() -> None:
    asked = [
        [sys.executable, "-m", "jupyter", *each.split(), "list"]
        for each in ("labextension", "server extension")
    ]
    page, server = (
        subprocess.run(each, capture_output=True, text=True, check=True) for each in asked
    )
    assert f"cnai-lab v{OWN}" in page.stdout + page.stderr
    assert "enabled" in (page.stdout + page.stderr).split("cnai-lab", 1)[1].splitlines()[0]
    assert "cnai_server_ext" in server.stdout + server.stderr


def test_equal_versions_say_nothing(page: Page, lab: Lab) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with page.expect_response("**/cnai/api/version*") as answer:
        opened(page, lab.url())
    assert answer.value.json() == {"version": OWN, "protocol": 1}
    expect(page.locator(".jp-Notification-Toast-Body", has_text="cnai-sdk")).to_have_count(0)
    assert errors == []


def test_an_older_server_is_told_and_reload_reloads(page: Page, old: Lab, shots: Path) -> None:
    opened(page, old.url())
    notice = page.get_by_text(f"The cnai-sdk server (0.0.1) is older than this page ({OWN}).")
    expect(notice).to_be_visible()
    page.screenshot(path=str(shots / "handshake.png"), animations="disabled")
    with page.expect_navigation():
        page.get_by_role("button", name="Reload").click()


def test_the_notice_speaks_chinese(page: Page, old: Lab, shots: Path) -> None:
    in_chinese(old)
    opened(page, old.url())
    expect(page.get_by_text("cnai-sdk 服务端（0.0.1）比此页面")).to_be_visible()
    expect(page.get_by_role("button", name="重新加载")).to_be_visible()
    page.screenshot(path=str(shots / "handshake-zh.png"), animations="disabled")


def test_a_missing_server_half_says_how_to_enable_it(page: Page, tmp_path: Path) -> None:
    off = "--ServerApp.jpserver_extensions={'cnai_server_ext': False}"
    with run_lab(tmp_path, command=("lab", off)) as lab:
        opened(page, lab.url())
        said = "jupyter server extension enable cnai_server_ext"
        notice = page.locator(".jp-toast-message", has_text=said)
        expect(notice).to_be_visible()


def test_notebook_7_shows_the_notice_too(page: Page, tmp_path: Path, shots: Path) -> None:
    with run_lab(tmp_path, command=("notebook", OLD[1])) as notebook:
        opened(page, notebook.url("tree"))
        expect(page.get_by_text("The cnai-sdk server (0.0.1) is older")).to_be_visible()
        page.screenshot(path=str(shots / "handshake-notebook.png"), animations="disabled")
