"""`GET cnai/api/sentences`: what a page translates the SDK's own sentences with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .conftest import Ask, Fetch

CHINESE = Path(__file__).parents[2] / "cnai_sdk" / "locale" / "zh_CN" / "sentences"
HAN = re.compile("[\u4e00-\u9fff]")


def test_chinese_has_the_sentences_of_all_its_files(ask: Ask, catalogues: dict[str, str]) -> None:
    body = ask("sentences?locale=zh_CN").body
    assert body["locale"] == "zh_CN"
    assert body["sentences"] == catalogues
    assert HAN.search(body["sentences"]["Stopped by you"])


def test_a_locale_with_a_hyphen_is_the_same(ask: Ask) -> None:
    assert ask("sentences?locale=zh-CN").body == ask("sentences?locale=zh_CN").body


@pytest.mark.parametrize("address", ["sentences", "sentences?locale=en", "sentences?locale=fr_FR"])
def test_a_language_without_a_catalogue_translates_nothing(ask: Ask, address: str) -> None:
    answer = ask(address)
    assert answer.status == 200
    assert answer.body.get("sentences", {}) == {}


@pytest.mark.parametrize("locale", ["..%2F..%2Fetc", "zh_CN%2F..", "%00", "", "a" * 300, "zh_CN.b"])
def test_what_is_no_locale_is_refused(ask: Ask, locale: str) -> None:
    answer = ask(f"sentences?locale={locale}")
    assert answer.status == 400
    assert set(answer.body) == {"what", "why", "next_step"}


def test_without_the_token_nothing_is_said(ask: Ask) -> None:
    assert ask("sentences?locale=zh_CN", token=None).status == 403


def test_a_browser_that_has_them_is_told_only_that_they_hold(
    fetch: Fetch, token: dict[str, str]
) -> None:
    first = fetch("sentences?locale=zh_CN")
    assert first.headers["Cache-Control"] == "no-cache"
    asked = {**token, "If-None-Match": first.headers["ETag"]}
    again = fetch("sentences?locale=zh_CN", headers=asked)
    assert (again.code, again.body) == (304, b"")
    other = fetch("sentences?locale=fr_FR", headers=asked)
    assert other.code == 200


def test_what_moves_is_never_kept(fetch: Fetch) -> None:
    assert fetch("sources").headers["Cache-Control"] == "no-store"


@pytest.fixture
def token(jp_serverapp: Any) -> dict[str, str]:
    """The header that lets one in."""
    return {"Authorization": f"token {jp_serverapp.identity_provider.token}"}


@pytest.fixture
def catalogues() -> dict[str, str]:
    """What the files of the Chinese folder say, read one by one."""
    found: dict[str, str] = {}
    for path in CHINESE.glob("*.toml"):
        found |= tomllib.loads(path.read_text("utf-8"))["sentences"]
    assert found
    return found
