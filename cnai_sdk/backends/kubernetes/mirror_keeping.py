"""Hands to what this machine keeps what the cluster forgets, and gives it back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping

from cnai_sdk.backends.kubernetes.heard import Heard
from cnai_sdk.backends.kubernetes.kept import Kept
from cnai_sdk.backends.kubernetes.standing_events import worth_keeping
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts
from cnai_sdk.backends.kubernetes.standing_seen import Seen
from cnai_sdk.model.event import Event

_Found = tuple[str, dict[str, Event], dict[str, PodFacts]]
_log = logging.getLogger(__name__)


class Keeping:
    """Writes in a thread, since a disk may be slow; reads only of workloads that have a folder."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._folders: set[str] = set()
        self._waiting: dict[str, Seen] = {}
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Learn of which workloads something is kept."""
        with contextlib.suppress(OSError):
            self._folders |= {path.name for path in self._kept.root.iterdir()}

    def grew(self, id: str) -> None:
        """Something is kept of a workload now."""
        self._folders.add(id)

    def forget(self, id: str) -> None:
        """A workload was deleted."""
        self._folders.discard(id)
        self._waiting.pop(id, None)

    def heard(self, id: str) -> Heard:
        """What a workload's workers said of themselves."""
        return self._kept.keeper(id).heard() if id in self._folders else Heard()

    def events(self, id: str) -> Mapping[str, Event]:
        """What happened to a workload, as it was learned."""
        return self._kept.keeper(id).events() if id in self._folders else {}

    def runs(self, id: str) -> list[PodFacts]:
        """Runs of a workload's workers, whose pods may be gone."""
        return list(self._kept.keeper(id).runs().values()) if id in self._folders else []

    def put(self, seen: Seen, id: str) -> None:
        """Keep what is known of a workload now; soon, and once for many calls."""
        self._waiting[id] = seen
        self._wake.set()

    async def run(self) -> None:
        """Write what waits, until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, {}
            try:
                await asyncio.to_thread(self._write, list(self._chosen(waiting)))
            except Exception:  # such as a full disk; the next change tries again
                _log.exception("What the cluster forgets could not be kept")

    def _chosen(self, waiting: Mapping[str, Seen]) -> Iterator[_Found]:
        for id, seen in waiting.items():
            found = id, worth_keeping(seen), _runs(seen)
            if self._counts(*found):
                yield found

    def _counts(self, id: str, events: Mapping[str, Event], runs: Mapping[str, PodFacts]) -> bool:
        """A job that nobody here has looked at gets a folder only when something went wrong."""
        wrong = any(each.warning for each in events.values())
        return id in self._folders or wrong or any(each.failed for each in runs.values())

    def _write(self, found: list[_Found]) -> None:
        for id, events, runs in found:
            keeper = self._kept.keeper(id)
            if events:
                keeper.put_events(events)
            if runs:
                keeper.put_runs(runs)


def _runs(seen: Seen) -> dict[str, PodFacts]:
    """Runs that are over; one that goes on is told by the cluster itself."""
    chosen = (each for each in seen.facts if each.phase.ended)
    return {f"{each.uid} {each.attempt}": each for each in chosen}
