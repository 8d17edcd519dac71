"""What a caller gets of a workload's log: what is kept, and what still comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Any

from cnai_sdk.backends.kubernetes.following import Follower
from cnai_sdk.backends.kubernetes.kept import Keeper
from cnai_sdk.backends.kubernetes.podlog import Place
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts
from cnai_sdk.backends.record.changes import changes
from cnai_sdk.backends.record.journal import make_private
from cnai_sdk.backends.record.logreader import LogReader, tail_start
from cnai_sdk.errors import NotFound
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.phase import Phase

_READ = 256 * 2**10  # a reader who pauses holds the lines of one
_LOOK_AGAIN = 1.0


async def logs(
    keeper: Keeper,
    follower: Follower,
    *,
    rank: int | None = None,
    after: int = 0,
    before: int | None = None,
    tail: int | None = None,
    follow: bool = False,
) -> AsyncIterator[Sequence[LogLine]]:
    """Lines in batches, as `Backend.logs` promises them.

    Args:
        follower: it has been told of the workload's pods, and of its end when it has ended.
    """
    follower.start()
    if not follow or tail is not None:
        await follower.catch_up()
    if tail is not None:
        found = await asyncio.to_thread(tail_start, keeper.log, tail, rank=rank, before=before)
        after = max(after, found)
    reader = LogReader(keeper.log, rank=rank, after=after, before=before)
    if not follow:
        while lines := await asyncio.to_thread(reader.read, _READ):
            yield lines
        return
    await asyncio.to_thread(make_private, keeper.log)
    async with changes(keeper.log) as signal:
        while True:
            finished = follower.finished
            while lines := await asyncio.to_thread(reader.read, _READ):
                yield lines
            if finished:
                return
            await _either(signal.wait(_LOOK_AGAIN), follower.changed(_LOOK_AGAIN))


async def _either(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def result(runs: Iterable[PodFacts]) -> bytes | None:
    """The JSON text that rank 0 returned, out of its last message, or None when there is none."""
    document = _last_words(runs) or {}
    if "result" not in document:
        return None
    # NaN stays what it is, and a half of a surrogate pair is no text.
    text = json.dumps(document["result"], ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def result_file(runs: Iterable[PodFacts]) -> str:
    """The output that holds a result which is too long for a last message, or ''."""
    return str((_last_words(runs) or {}).get("result_file", ""))


def lost_result(name: str, runs: Iterable[PodFacts]) -> NotFound | None:
    """Why a job that succeeded has no result although it may have returned one, or None."""
    document = _last_words(runs)
    if document is None:
        return NotFound(
            f"What {name} returned is not known.",
            why="A worker says it in its last message, which this machine has not read: the "
            "worker's pod is gone, or may not be seen here.",
            next_step='Run it again, and keep what has to last: outputs="pvc://CLAIM/folder" '
            "keeps what the function writes to cnai.output_dir().",
        )
    if document.get("reason") != "ResultTooLarge":
        return None
    return NotFound(
        f"{name} has no result.",
        why=str(document.get("message", "")).partition(" To keep it")[0],
        next_step='Write outputs="pvc://CLAIM/folder" at the call, which keeps it, or return less.',
    )


def _last_words(runs: Iterable[PodFacts]) -> dict[str, Any] | None:
    """What rank 0 said when it had ended well, or None when that is not known."""
    ended = [run for run in runs if run.rank == 0 and run.phase is Phase.SUCCEEDED and run.end]
    last = max(ended, key=lambda run: run.ended or 0.0, default=None)
    return None if last is None else last.document


def missing(keeper: Keeper, follower: Follower, *, ran: bool, outputs: str) -> str:
    """What is not in a workload's log although it was printed, and why, or ''.

    Args:
        ran: whether a worker was ever started.
        outputs: where the workload's outputs are kept, or ''.
    """
    places = [Place.read(text) for text in keeper.places().values()]
    unread = any(place.left and not place.lines for place in places)
    if follower.refusal:
        return f"What the workers print cannot be read: {follower.refusal}"
    if ran and follower.finished and (unread or not places) and not LogReader(keeper.log).read(1):
        lost = "Nobody read the log while the workers were there, and it went with them."
    elif follower.missed or unread:
        lost = follower.missed or "What a worker printed went before it could be read."
    else:
        return ""
    if outputs:
        return f"{lost} Each worker's log is in the outputs: logs/rank-0.log and so on."
    return f"{lost} With outputs= each worker's log is kept there."
