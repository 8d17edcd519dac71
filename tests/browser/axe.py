"""axe-core in the page: what a person with a screen reader, or poor sight, would stumble over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RUN = """
async ours => {
  const found = await axe.run({ include: ours }, {
    resultTypes: ['violations'],
    rules: { region: { enabled: false } }
  });
  return found.violations.flatMap(({ id, impact, help, nodes }) =>
    nodes.map(({ target, failureSummary }) =>
      ({ id, impact, help, target: target.join(' '), why: failureSummary })));
}
"""
GRAVE = {"serious", "critical"}
LABS_OWN = ("aria-allowed-attr", "jp-button")
"""JupyterLab writes aria-pressed on every button of its toolbars."""


def grave(page: Page, *within: str) -> list[str]:
    """Serious and critical findings in elements of ours, colour contrast included.

    Args:
        within: selectors of what to look at, each of which must be there.
    """
    for selector in within:
        assert page.locator(selector).count(), f"there is no {selector}"
    if not page.evaluate("'axe' in window"):
        page.evaluate(SOURCE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(RUN, [[selector] for selector in within])
    return [
        f"{each['id']} ({each['impact']}): {each['target']}: {each['why']}"
        for each in found
        if each["impact"] in GRAVE
        and not (each["id"] == LABS_OWN[0] and LABS_OWN[1] in each["target"])
    ]
