"""Waking at what is written, with inotify and without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cnai_sdk.backends.record import changes as module
from cnai_sdk.backends.record.changes import Folders, changes


@pytest.mark.parametrize("blind", [False, True])
async def test_each_folder_calls_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blind: bool
) -> None:
    if blind:
        monkeypatch.setattr(module, "_inotify", lambda: None)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    told: dict[str, asyncio.Event] = {name: asyncio.Event() for name in ("a", "b")}
    folders = Folders(settle=0.01)
    for name, event in told.items():
        folders.add(tmp_path / name, event.set)
    (tmp_path / "a" / "file").write_text("one")
    async with asyncio.timeout(30):
        await told["a"].wait()
    assert told["b"].is_set() is blind  # who cannot see looks at everything now and again
    folders.drop(tmp_path / "a")
    told["a"].clear()
    (tmp_path / "a" / "file").write_text("two")
    (tmp_path / "b" / "file").write_text("two")
    async with asyncio.timeout(30):
        await told["b"].wait()
    assert not told["a"].is_set()
    await folders.close()


async def test_a_wait_ends_without_a_change(tmp_path: Path) -> None:
    async with changes(tmp_path) as signal:
        assert not await signal.wait(0.01)
        (tmp_path / "file").touch()
        assert await signal.wait(30)
