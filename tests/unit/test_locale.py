"""The Chinese of the lab extension is complete, and holds nothing that is no longer said."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "cnai_sdk" / "locale" / "zh_CN" / "LC_MESSAGES" / "cnai_lab.json"
SAID = re.compile(r"""trans\.__\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")


def said() -> set[str]:
    sources = [
        path
        for path in (ROOT / "labextension" / "src").rglob("*.ts*")
        if "__tests__" not in path.parts
    ]
    return {one or other for path in sources for one, other in SAID.findall(path.read_text())}


def catalogue() -> dict[str, list[str]]:
    read: dict[str, list[str]] = json.loads(CATALOGUE.read_text())
    return {source: given for source, given in read.items() if source}


def test_every_string_that_the_page_says_is_translated_and_no_other() -> None:
    assert len(said()) >= 4
    assert set(catalogue()) == said()


def test_a_translation_keeps_its_placeholders() -> None:
    for source, given in catalogue().items():
        for each in given:
            assert sorted(re.findall(r"%\d", each)) == sorted(re.findall(r"%\d", source)), source


def test_jupyterlab_finds_the_language() -> None:
    head = json.loads(CATALOGUE.read_text())[""]
    # With an underscore JupyterLab translates nothing, and says nothing.
    assert head["language"] == "zh-CN"
