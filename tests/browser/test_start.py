"""What the extension asks of JupyterLab as it starts: versions, bytes, and no complaint."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from packaging.version import Version
from playwright.sync_api import ConsoleMessage, Page, Response, expect

from .conftest import Lab
from .panel import Panel
from .terminal import Terminal

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "labextension" / "dist" / "static"
ADDED = 150_000
"""Bytes, compressed as a server sends them, that JupyterLab's start may grow by."""
CHART, JOB_PAGE = b"u-over", b"Stop comparing"
"""What only the library of the charts, and only a job's page, says."""
OLDEST = {
    "JupyterLab 4.6.2": ("4.6.2", {"apputils": "4.7.2", "coreutils": "6.6.2", "services": "7.6.2"}),
    "Notebook 7.6.0": ("4.6.0", {"apputils": "4.7.0", "coreutils": "6.6.0", "services": "7.6.0"}),
}
"""The version of their packages, and of those that count otherwise."""


def ready(page: Page, lab: Lab) -> Panel:
    """JupyterLab, started, with the panel not yet opened."""
    page.goto(lab.url())
    panel = Panel(page)
    expect(panel.root.locator(".cnai-Backend")).to_be_attached()
    page.wait_for_load_state("networkidle")
    return panel


def within(version: str, wanted: str) -> bool:
    """Whether a version satisfies a range such as ^4.6.0 or ~4.6.0."""
    found, least = Version(version), Version(wanted[1:])
    same = {"^": 1, "~": 2}[wanted[0]]
    return found >= least and found.release[:same] == least.release[:same]


def test_a_range_is_read_as_javascript_reads_it() -> None:
    assert within("4.6.2", "^4.6.0") and within("4.7.0", "^4.6.2")
    assert not within("4.6.2", "^4.6.4") and not within("5.0.0", "^4.6.0")
    assert not within("4.7.0", "~4.6.0")


@pytest.mark.parametrize("oldest", OLDEST)
def test_what_it_shares_is_satisfied_by_the_oldest_that_it_serves(oldest: str) -> None:
    (entry,) = STATIC.glob("remoteEntry.*.js")
    found = re.findall(
        r'shareKey:\s*"@jupyterlab/([\w-]+)"[^{}]*?requiredVersion:\s*"([^"]+)"', entry.read_text()
    )
    described = json.loads((ROOT / "package.json").read_text())
    known = {name.partition("/")[2] for name in described["dependencies"] if "@jupyterlab/" in name}
    assert {"application", "apputils", "coreutils", "services"} <= {name for name, _ in found}
    assert {name for name, _ in found} <= known
    version, others = OLDEST[oldest]
    wrong = {
        name: wanted for name, wanted in found if not within(others.get(name, version), wanted)
    }
    assert wrong == {}


def test_every_package_of_jupyterlab_says_from_which_version_on_it_serves() -> None:
    described = json.loads((ROOT / "package.json").read_text())
    used = {name for name in described["dependencies"] if name.startswith("@jupyterlab/")}
    assert used == set(described["jupyterlab"]["sharedPackages"])


def test_the_start_writes_no_warning_into_the_browsers_console(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    said: list[ConsoleMessage] = []
    broken: list[str] = []
    page.on("console", lambda message: said.append(message))
    page.on("pageerror", lambda error: broken.append(str(error)))
    ready(page, lab)
    with page.expect_console_message(lambda message: message.text == "the start is over"):
        page.evaluate("console.warn('the start is over')")
    texts = [message.text for message in said if message.type in ("warning", "error")]
    assert "the start is over" in texts
    ours = [
        text
        for text in texts
        if re.search(r"cnai|unsatisfied version|no version|shared module", text, re.IGNORECASE)
    ]
    assert ours == []
    assert broken == []


def test_the_start_grows_by_no_more_than_it_may_and_charts_come_when_they_are_opened(
    page: Page, lab: Lab, outside: Terminal
) -> None:
    loaded: list[Response] = []
    page.on("response", lambda got: loaded.append(got))

    def ours() -> dict[str, bytes]:
        """Everything of the extension that was loaded so far."""
        return {got.url: got.body() for got in loaded if "/cnai-lab/" in got.url}

    panel = ready(page, lab)
    start = ours()
    assert any("remoteEntry" in url for url in start)
    sizes = {Path(url).name: len(gzip.compress(body)) for url, body in start.items()}
    assert sum(sizes.values()) <= ADDED, sizes
    assert sum(sizes.values()) > ADDED / 10, "not all was seen"
    assert [url for url, body in start.items() if CHART in body or JOB_PAGE in body] == []

    outside.train("drawn", epochs=3)
    panel.tab.click()
    panel.says("drawn", "Running")
    job = panel.open_job("drawn")
    expect(job.section("Metrics").locator("canvas").first).to_be_visible()
    later = [body for url, body in ours().items() if url not in start]
    assert any(CHART in body for body in later)
    assert any(JOB_PAGE in body for body in later)
