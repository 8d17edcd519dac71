"""Foreign text stays text: names, lines, metrics, messages, paths of whoever means harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cnai_sdk.text import clean
from tests.unit.text.hostile import CORPUS

from .conftest import Lab
from .notebook import open_notebook, run_all, write_notebook
from .panel import Panel, open_lab, open_panel
from .terminal import Terminal

MARK = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
COMMAND = '<a data-commandlinker-command="notebook:restart-and-run-to-selected">x</a>'
LINES = tuple(
    text
    for name, text in CORPUS.items()
    if name not in ("a long line", "many line ends", "half a pair", "many colours")
)
FOREIGN = """
() => [...document.querySelectorAll('[class*=cnai-]')].flatMap(ours => [...ours.querySelectorAll(
  'img, script, iframe, object, embed, [onerror], [onmouseover], [data-commandlinker-command],' +
  'a[href^="javascript:"], a[href*="evil.example"]')]).map(found => found.outerHTML)
"""


@pytest.fixture
def quiet(page: Page):
    """The page, of which no dialog and no script of a stranger may come."""
    asked: list[str] = []

    def note(dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    yield page
    assert asked == []
    assert page.evaluate("window.pwned") is None
    assert page.evaluate(FOREIGN) == []


def test_log_lines_and_metric_names_are_text(
    quiet: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    panel = open_lab(quiet, lab)
    job = outside.train(
        "hostile", lines=(*LINES, MARK, COMMAND), metrics={MARK: 0.1, COMMAND: 0.2}, epochs=3
    )
    panel.says("hostile", "Running 10%")
    shown = panel.open_job("hostile")
    expect(shown.log.get_by_text(MARK, exact=True)).to_be_visible()
    expect(shown.log.get_by_text(COMMAND, exact=True)).to_be_visible()
    expect(shown.section("Metrics").get_by_text(MARK).first).to_be_visible()
    shown.log.press("Home")
    expect(shown.log.get_by_text(CORPUS["a script"], exact=True)).to_be_visible()
    quiet.screenshot(path=shots / "hostile-log.png")
    text = shown.log.inner_text()
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text), ascii(text)
    # Of a link that never ends the address stays, as text, as in a terminal of ours.
    left = [line for line in text.splitlines() if "evil.example" in line]
    assert left == [clean(CORPUS["an unfinished link"], colours=False)]

    job.fail(f"it broke {MARK} \x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\ \u202egnp")
    panel.says("hostile", "Failed")
    expect(shown.root.get_by_text("What happened")).to_be_visible()
    expect(shown.root.get_by_text(re.compile(re.escape(MARK))).first).to_be_visible()
    quiet.screenshot(path=shots / "hostile-verdict.png")


def test_names_of_functions_and_notebooks_are_text(
    quiet: Page, lab: Lab, outside: Terminal, shots: Path
) -> None:
    name = "<img src=x onerror=alert(1)> ${7} .ipynb".replace(" .", ".")
    cells = [
        "import cnai_sdk as cnai",
        "def 训练_数字():\n    return 1",
        "job = cnai.train(训练_数字)\njob.wait()",
    ]
    open_notebook(quiet, lab, write_notebook(lab.root, name, cells))
    panel = open_panel(quiet)
    run_all(quiet)
    expect(panel.grid.get_by_text("训练_数字")).to_be_visible()
    expect(panel.grid).to_contain_text("Succeeded")
    panel.grid.get_by_text("训练_数字").dblclick()
    shown = quiet.locator(".cnai-JobPage:visible")
    expect(
        shown.get_by_text(re.compile(re.escape("<img src=x onerror=alert(1)>"))).first
    ).to_be_visible()
    quiet.screenshot(path=shots / "hostile-name.png")
    assert isinstance(panel, Panel)
