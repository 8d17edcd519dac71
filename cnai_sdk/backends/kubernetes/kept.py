"""What this machine keeps of a cluster's workloads, because the cluster forgets it.

A pod's log goes with the pod, and an event within the hour. One folder a workload:

log/            what its workers printed, and how far each container's log was read
metrics.jsonl   what they reported
heard.json      what else they said of themselves: progress, who is up, what was raised
events.jsonl    what happened to it
runs.jsonl      how each run of a worker stood, and ended
lock            held by the process that reads the pods' logs; the others read these files
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from cnai_sdk.backends.kubernetes.heard import Heard, with_frame, with_reports
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts
from cnai_sdk.backends.record.changes import Folders
from cnai_sdk.backends.record.journal import Journal, make_private
from cnai_sdk.backends.record.ledger import Ledger
from cnai_sdk.backends.record.logbook import LogWriter
from cnai_sdk.backends.record.logreader import LogReader
from cnai_sdk.backends.record.reports import leaving_out_nonsense, metric_of
from cnai_sdk.model.event import Event
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.spec import MOST

_KEPT_FOR = 14 * 86400.0
"""Seconds after which a folder goes, once the cluster has no such workload any more."""

_SWEPT = ".swept"
_DAY = 86400.0

AT_HAND = 64
"""Workloads of which what was read stays in memory although nobody has it in use."""

_LAST_LINE = 10**12
_SETTLE = 0.05


class _Report(Metric, frozen=True, kw_only=True, omit_defaults=True):
    """A metric, and the line of the source that it was on."""

    source: str = ""
    nth: int = 0


_HEARD = msgspec.json.Decoder(Heard)


class Keeper:
    """What is kept of one workload. Made by `Kept.keeper`.

    Args:
        root: its folder; it comes to be with the first thing that is kept.
        log_limit: bytes of log to keep.
        changed: called when something was written here.
        folders: watches what other processes write.
    """

    def __init__(
        self, root: Path, *, log_limit: int, changed: Callable[[], None], folders: Folders
    ) -> None:
        self.root = root
        self.id = root.name
        self.log = root / "log"
        self.metrics = Journal(root / "metrics.jsonl", Metric)
        self._heard_file = root / "heard.json"
        self._events = Ledger(root / "events.jsonl", Event)
        self._runs = Ledger(root / "runs.jsonl", PodFacts)
        self._changed = changed
        self._folders = folders
        self._log_limit = log_limit
        self._heard = Heard()
        self._heard_stamp = 0
        self._lock = -1
        self._writer: LogWriter | None = None
        self._places_seen = LogReader(self.log, after=_LAST_LINE)
        self._reported: dict[str, int] = {}
        self._attempts: dict[str, int] = {}

    # -- what happened: any process may add to it -----------------------------------

    def put_events(self, events: Mapping[str, Event]) -> bool:
        """Keep events, under keys that say which event it is; whether anything was new."""
        return self._told(self._events.put(events))

    def events(self) -> dict[str, Event]:
        """What happened, as far as any process of this machine has seen it."""
        return self._events.all()

    def put_runs(self, runs: Mapping[str, PodFacts]) -> bool:
        """Keep how runs of workers stand, under keys of theirs; whether anything was new."""
        return self._told(self._runs.put(runs))

    def runs(self) -> dict[str, PodFacts]:
        """How runs of workers stood when they were last seen."""
        return self._runs.all()

    def _told(self, fresh: bool) -> bool:
        if fresh:
            self._changed()
        return fresh

    # -- what the workers say: one process writes it ---------------------------------

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self._writer is not None

    def lead(self) -> bool:
        """Become the one that writes, if no other process is.

        Raises:
            OSError: the folder cannot be written to.
        """
        if self._writer is None and self._holds_lock():
            self._begin(self._reports())
        return self._writer is not None

    async def lead_soon(self) -> bool:
        """`lead`, while the loop goes on: there may be many reports.

        Raises:
            OSError: the folder cannot be written to.
        """
        if self._writer is None and self._holds_lock():
            self._begin(await asyncio.to_thread(self._reports))
        return self._writer is not None

    def _holds_lock(self) -> bool:
        make_private(self.log)
        if self._lock < 0:
            path = self.root / "lock"
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _reports(self) -> Sequence[_Report]:
        return Journal(self.root / "metrics.jsonl", _Report).all()

    def _begin(self, kept: Sequence[_Report]) -> None:
        """Write from here on; the lock is held, so that these are all reports."""
        heard = self.heard()
        writer = LogWriter(self.log, self._log_limit)
        self._places = writer.reopen()
        self._writer = writer
        self._reported = {report.source: report.nth for report in kept}
        if len(kept) > heard.reported:
            heard = with_reports(heard, kept[heard.reported :])
        self._heard = heard

    def release(self) -> None:
        """Let another process write."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def places(self) -> dict[str, str]:
        """How far each container's log has been read, by its source's name."""
        if self._writer is not None:
            return self._places
        while self._places_seen.read():
            continue
        return self._places_seen.places

    def take(
        self,
        *,
        rank: int,
        attempt: int,
        lines: Sequence[tuple[float, bytes]],
        frames: Sequence[tuple[int, dict[str, Any]]],
        place: str,
    ) -> None:
        """Write what was read of one container's log.

        Args:
            attempt: which it is when the worker has not said so.
            lines: Unix seconds, and the whole lines printed then.
            frames: the number of a line in its source, and the frame that was on it.
            place: how far this reaches, starting with the source's name.

        Raises:
            OSError: the disk is full, or gone. The log has not moved on, so it can be read again:
                nothing is lost, and no report is kept twice.
        """
        assert self._writer is not None
        if frames:
            self._take_frames(rank, attempt, frames, place.partition(" ")[0])
        self._writer.take(rank, lines, place)
        self._places[place.partition(" ")[0]] = place
        self._changed()

    def _take_frames(
        self, rank: int, attempt: int, frames: Sequence[tuple[int, dict[str, Any]]], source: str
    ) -> None:
        heard, reports = self._heard, list[_Report]()
        for nth, frame in frames:
            with leaving_out_nonsense():
                own = self._attempts.get(source, max(attempt, heard.attempt))
                if isinstance(frame.get("attempt"), int) and 0 <= frame["attempt"] <= MOST:
                    own = frame["attempt"]
                self._attempts[source] = own
                if own > heard.attempt:
                    heard = Heard(attempt=own, last=heard.last, reported=heard.reported)
                if "metrics" in frame:
                    if nth > self._reported.get(source, 0):
                        seq = heard.reported + len(reports) + 1
                        metric = metric_of(frame, rank=rank, attempt=own, seq=seq)
                        told = msgspec.structs.asdict(metric)
                        reports.append(_Report(**told, source=source, nth=nth))
                elif own == heard.attempt:
                    heard = with_frame(heard, rank, frame)
        if reports:
            self.metrics.append(reports)
            self._reported[source] = reports[-1].nth
            heard = with_reports(heard, reports)
        if heard != self._heard:
            self._write_heard(heard)

    def _write_heard(self, heard: Heard) -> None:
        draft = self._heard_file.with_name(".heard")  # only one process writes it
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(msgspec.json.encode(heard))
        draft.replace(self._heard_file)
        self._heard = heard

    def attend(self, grown: Callable[[], None]) -> None:
        """Call whenever another process has written here, until `ignore`.

        Raises:
            OSError: there is no folder, and none can be made.
        """
        make_private(self.log)

        def called() -> None:
            if not self.leads:
                grown()
                self._changed()

        for folder in (self.root, self.log):
            self._folders.add(folder, called)

    def ignore(self) -> None:
        """End `attend`."""
        for folder in (self.root, self.log):
            self._folders.drop(folder)

    def heard(self) -> Heard:
        """What the workers said by now."""
        if self._writer is None:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                stamp = self._heard_file.stat().st_mtime_ns
                if stamp != self._heard_stamp:
                    self._heard = _HEARD.decode(self._heard_file.read_bytes())
                    self._heard_stamp = stamp
        return self._heard


class Kept:
    """What is kept of the workloads of one namespace of one cluster.

    Args:
        root: its folder.
        log_limit: bytes of log to keep of each workload.
    """

    def __init__(self, root: Path, *, log_limit: int = 2**30) -> None:
        self.root = root
        self._log_limit = log_limit
        self._keepers: WeakValueDictionary[str, Keeper] = WeakValueDictionary()
        self._at_hand: OrderedDict[str, Keeper] = OrderedDict()
        self._asking = threading.Lock()
        self._listeners: list[Callable[[str], None]] = []
        self._folders = Folders(settle=_SETTLE)

    def keeper(self, id: str) -> Keeper:
        """What is kept of one workload; the same object as long as somebody has it."""
        with self._asking:
            found = self._keepers.get(id)
            if found is None:
                found = self._keepers[id] = Keeper(
                    self._folder(id),
                    log_limit=self._log_limit,
                    changed=lambda: self._tell(id),
                    folders=self._folders,
                )
            self._at_hand[id] = found
            self._at_hand.move_to_end(id)
            if len(self._at_hand) > AT_HAND:
                self._at_hand.popitem(last=False)
        return found

    def _folder(self, id: str) -> Path:
        root = self.root / id
        if root.parent != self.root or id in ("", ".", ".."):
            raise ValueError(f"{id!r} is no id")
        return root

    def _let_go(self, id: str) -> None:
        with self._asking:
            self._at_hand.pop(id, None)
            keeper = self._keepers.pop(id, None)
        if keeper is not None:
            keeper.release()

    def listen(self, callback: Callable[[str], None]) -> None:
        """Call with a workload's id whenever what is kept of it has grown.

        What other processes write is told of workloads that are followed here (`Keeper.attend`).
        """
        self._listeners.append(callback)

    def _tell(self, id: str) -> None:
        for callback in self._listeners:
            callback(id)

    def forget(self, id: str) -> None:
        """Remove what is kept of a workload that a person has deleted."""
        folder = self._folder(id)
        self._let_go(id)
        shutil.rmtree(folder, ignore_errors=True)

    def sweep_daily(self, present: Collection[str]) -> list[str]:
        """`sweep`, once a day among all processes: it looks into every folder."""
        stamp = self.root / _SWEPT
        with contextlib.suppress(OSError):
            if abs(time.time() - stamp.stat().st_mtime) < _DAY:
                return []
        with contextlib.suppress(OSError):  # nothing is kept yet, or the disk is full
            stamp.touch(mode=0o600)
        return self.sweep(present)

    def sweep(self, present: Collection[str], *, now: float | None = None) -> list[str]:
        """Remove what nobody can ask for any more; the ids of what went.

        A workload that the cluster still has is never touched, nor one whose folder has changed
        within the last two weeks, nor one that a process follows.

        Args:
            present: all ids that the cluster has. Only a complete list may be given.
        """
        now = time.time() if now is None else now
        gone, stays = [], {*present, _SWEPT}
        with contextlib.suppress(OSError):
            for folder in sorted(self.root.iterdir()):
                if folder.name in stays or now - _touched(folder) < _KEPT_FOR:
                    continue
                if self.keeper(folder.name).leads:
                    continue
                with contextlib.suppress(OSError):
                    if self.keeper(folder.name).lead():
                        self.forget(folder.name)
                        gone.append(folder.name)
                    else:
                        self._let_go(folder.name)
        return gone

    async def close(self) -> None:
        """Let go of every folder; what is kept stays."""
        await self._folders.close()
        for keeper in list(self._keepers.values()):
            keeper.release()


def _touched(folder: Path) -> float:
    """When something in a folder was last written."""
    try:
        paths = [folder, *(path for path in folder.rglob("*") if path.name != "lock")]
        return max(path.stat().st_mtime for path in paths)
    except OSError:
        return time.time()
