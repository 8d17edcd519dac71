"""What a page says that is still English, as a person reads it and as a screen reader hears it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Locator

HAN = re.compile("[\u4e00-\u9fff]")
WORDS = re.compile(r"(?<![\w./=-])[A-Za-z][a-z']+(?: [A-Za-z][a-z']+)+")
CATALOGUE = (
    Path(__file__).parents[2] / "cnai_sdk" / "locale" / "zh_CN" / "LC_MESSAGES" / "cnai_lab.json"
)
# Code, what a job printed, names, and the very words that prove a verdict.
FOREIGN = (
    "code, pre, bdi, .cnai-Job-code, .cnai-JobLog-line, .cnai-JobEvidence-text, .cnai-JobOutputs, "
    ".cnai-JobChart figcaption"
)
TOLD = """
(root, foreign) => {
  const told = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) {
      told.push(node.textContent);
    } else if (node.nodeType === Node.ELEMENT_NODE && !node.matches(foreign)) {
      for (const name of ['title', 'aria-label', 'aria-valuetext', 'placeholder']) {
        told.push(node.getAttribute(name) ?? '');
      }
      node.childNodes.forEach(walk);
    }
  };
  walk(root);
  return told.map(text => text.trim()).filter(Boolean);
}
"""


def told(root: Locator) -> list[str]:
    """Every text and every label of a part of the page, but for code, names and lines of logs."""
    return [text for text in root.evaluate(TOLD, FOREIGN) if text]


def english(texts: Iterable[str], *, foreign: Iterable[str] = ()) -> list[str]:
    """Those that have two or more words of English one after the other.

    Args:
        foreign: what somebody else has said, and stays as it was said.
    """
    quoted = sorted({" ".join(each.split()) for each in foreign}, key=len, reverse=True)
    found = []
    for text in texts:
        own = functools.reduce(lambda left, each: left.replace(each, ""), quoted, text)
        if WORDS.search(own):
            found.append(text)
    return found


def in_chinese(text: str) -> str:
    """A string of the extension's own, as its catalogue has it."""
    found: str = json.loads(CATALOGUE.read_text(encoding="utf-8"))[text][0]
    return found
