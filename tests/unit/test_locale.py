"""The Chinese of the lab extension is complete, and holds nothing that is no longer said."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "labextension" / "src"
CATALOGUE = ROOT / "cnai_sdk" / "locale" / "zh_CN" / "LC_MESSAGES" / "cnai_lab.json"
STRING = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
CALL = re.compile(rf"\btrans\s*\.(__|_n)\(\s*({STRING})?(?:\s*,\s*({STRING}))?")
OTHER = re.compile(r"\btrans\s*\.(_p|_np|gettext|ngettext)\(")
HAN = re.compile(r"[\u4e00-\u9fff]")
# Nothing in them is a word of English.
THE_SAME_IN_CHINESE = {
    "%1 GPU",
    "%1 CPU",
    "CPU",
    "GPU",
    "GPU %1",
    "%1%",
    "%1 (%2)",
    "%1 %2: %3",
    "%1: %2",
    "%1. %2",
    "Worker %1",
    "Worker %1: %2",
}


def sources() -> Iterator[tuple[Path, str]]:
    for path in sorted(SOURCES.rglob("*.ts*")):
        if "__tests__" not in path.parts and "generated" not in path.parts:
            yield path, path.read_text(encoding="utf-8")


def said() -> dict[str, bool]:
    """What the page says → whether it has a plural."""
    found: dict[str, bool] = {}
    for _, text in sources():
        for verb, first, _ in CALL.findall(text):
            if first:
                found[ast.literal_eval(first)] = verb == "_n"
    return found


def catalogue() -> dict[str, list[str]]:
    read: dict[str, list[str]] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {source: given for source, given in read.items() if source}


def test_every_string_that_the_page_says_is_translated_and_no_other() -> None:
    assert len(said()) > 100
    missing, left = set(said()) - set(catalogue()), set(catalogue()) - set(said())
    assert (sorted(missing), sorted(left)) == ([], [])


def test_what_is_said_is_written_where_it_is_said() -> None:
    """Otherwise nobody finds what there is to translate."""
    for path, text in sources():
        for verb, first, second in CALL.findall(text):
            assert first, f"{path.name}: trans.{verb}( with something else than a string"
            assert verb == "__" or second, f"{path.name}: trans._n({first} without its plural"
        assert not OTHER.search(text), path.name


def test_no_string_has_a_plural_in_one_place_and_none_in_another() -> None:
    verbs: dict[str, set[str]] = {}
    for _, text in sources():
        for verb, first, _ in CALL.findall(text):
            verbs.setdefault(first, set()).add(verb)
    assert [first for first, found in verbs.items() if len(found) > 1] == []


def test_a_translation_keeps_its_placeholders() -> None:
    for source, given in catalogue().items():
        for each in given:
            assert set(re.findall(r"%\d", each)) == set(re.findall(r"%\d", source)), source


def test_a_translation_is_chinese() -> None:
    for source, given in catalogue().items():
        if source not in THE_SAME_IN_CHINESE:
            for each in given:
                assert each != source and HAN.search(each), source


def test_a_plural_has_the_forms_that_jupyterlab_asks_for() -> None:
    """One form is enough in Chinese, but JupyterLab knows a plural by there being two."""
    for source, plural in said().items():
        given = catalogue().get(source, [])
        assert len(given) == (2 if plural else 1), source
        assert len(set(given)) == 1, source


def test_jupyterlab_finds_the_language() -> None:
    head = json.loads(CATALOGUE.read_text(encoding="utf-8"))[""]
    # With an underscore JupyterLab translates nothing, and says nothing.
    assert head["language"] == "zh-CN"
