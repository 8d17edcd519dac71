"""The conversation with one page, whatever carries it.

Everything is told when the page has taken what it was told before, so there is never a queue that
grows. Belongs here: who says what when. Never here: sockets, and who may open one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import msgspec

from cnai_sdk.errors import BackendUnavailable, CnaiError, InvalidRequest, NotFound
from cnai_server_ext.allowance import Allowance
from cnai_server_ext.logfeed import LogFeed
from cnai_server_ext.messages import (
    Ack,
    Beat,
    Close,
    Follow,
    Heard,
    Hello,
    Look,
    NotDone,
    Open,
    ServingChanged,
    SourceGone,
    Spoken,
    Start,
    Unfollow,
)
from cnai_server_ext.opened import OpenJob
from cnai_server_ext.pace import Limits
from cnai_server_ext.places import Places
from cnai_server_ext.telling import Seen
from cnai_server_ext.wire import decode, encode, problem_of

Send = Callable[[bytes], Awaitable[None]]
Shut = Callable[[int, str], None]

GOING_AWAY = 1001
POLICY = 1008
TOO_BIG = 1009
_START_WITHIN = 30.0
_SHOWN = 300


class Conversation:
    """Tells one page what it asked for, one message after the other.

    Args:
        places: all that the server watches.
        version: of the wheel, and `protocol` of the messages.
        limits: how much the page may ask.
        send: sends a message, and returns when it has left.
        shut: closes the connection with a code and a reason.
    """

    def __init__(
        self,
        places: Places,
        *,
        version: str,
        protocol: int,
        limits: Limits,
        send: Send,
        shut: Shut,
    ) -> None:
        self._places = places
        self._version, self._protocol = version, protocol
        self._limits = limits
        self._send = send
        self._shut = shut
        self._allowance = Allowance(limits.messages)
        self._seen: dict[str, Seen] = {}
        self._serving = places.serving
        self._started = asyncio.Event()
        self._stirred = asyncio.Event()
        self._news_due = True
        self._waiting: deque[tuple[Spoken, asyncio.Future[None]]] = deque()
        self._opened: dict[tuple[str, str], OpenJob] = {}
        self._feeds: dict[str, LogFeed] = {}
        self._tasks: dict[object, asyncio.Task[None]] = {}
        self._wanted: dict[object, Open | Follow] = {}
        self._over = False

    # -- what the page says ------------------------------------------------------

    async def hear(self, data: str | bytes) -> None:
        """Take one message; returns when it was answered, where it needs an answer."""
        if self._over:
            return
        if len(data) > self._limits.message:
            self.end(TOO_BIG, "message too big")
            return
        try:
            heard = decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            if self._may_go_on():
                await self._say(NotDone(problem=problem_of(_not_understood(error))))
            return
        if isinstance(heard, Ack) and self._acknowledged(heard):
            return  # as often as the server gives pieces, which is no flood
        if self._may_go_on(starts=isinstance(heard, Start)):
            try:
                self._do(heard)
            except CnaiError as error:
                await self._say(_not_done(heard, error))

    def _may_go_on(self, *, starts: bool = False) -> bool:
        if not self._allowance.take():
            self.end(POLICY, "too many messages")
        elif not starts and not self._started.is_set():
            self.end(POLICY, "the first message is start")
        return not self._over

    def _do(self, heard: Heard) -> None:
        match heard:
            case Start():
                self._start(heard)
            case Look(source=source, ids=ids):
                self._places.hub(source).look(self, ids)
            case Open():
                self._open(heard)
            case Close(source=source, id=id):
                self._forget((source, id))
            case Follow():
                self._follow(heard)
            case Unfollow(channel=channel):
                self._forget(channel)
            case Ack():
                pass  # of a log that has ended or is not followed any more

    def _start(self, start: Start) -> None:
        if self._started.is_set():
            raise InvalidRequest("The page has started already.", next_step="Reload the page.")
        self._seen = {
            id: Seen(
                self._places.hub(id),
                self._places.told(id),
                source=self._places.hub(id).source,
                position=start.positions.get(id),
            )
            for id in self._places.ids
        }
        self._started.set()

    def _open(self, wanted: Open) -> None:
        key = wanted.source, wanted.id
        if key in self._opened:
            return
        if len(self._opened) >= self._limits.opened:
            raise _too_many("jobs are open", self._limits.opened, "Close a job's page.")
        opened = OpenJob(self._places.hub(wanted.source), wanted.id, self._say)
        self._opened[key] = opened
        self._begin(key, wanted, opened.run())

    def _follow(self, wanted: Follow) -> None:
        if wanted.channel in self._feeds:
            raise InvalidRequest(
                f"The channel {wanted.channel!r} is in use.", next_step="Reload the page."
            )
        if len(self._feeds) >= self._limits.followed:
            raise _too_many("logs are followed", self._limits.followed, "Close a log.")
        backend = self._places.backend(wanted.source)
        feed = LogFeed(backend, wanted, self._say, pace=self._places.pace.changes)
        self._feeds[wanted.channel] = feed
        self._begin(wanted.channel, wanted, feed.run())

    def _acknowledged(self, ack: Ack) -> bool:
        feed = self._feeds.get(ack.channel)
        return feed is not None and feed.ack(ack.number)

    # -- what the page is told ---------------------------------------------------

    async def run(self) -> None:
        """Tell the page what is new, until the task is cancelled or the connection is gone."""
        try:
            async with asyncio.timeout(_START_WITHIN):
                await self._started.wait()
        except TimeoutError:
            self.end(POLICY, "no start")
            return
        self._places.join(self)
        try:
            await self._send(encode(self._greeting()))
            while True:
                await self._tell()
        finally:
            await self._finish()

    def wake(self) -> None:
        """Something may be new; the hubs say so at their pace."""
        self._news_due = True
        self._stirred.set()
        for opened in self._opened.values():
            opened.wake()

    def end(self, code: int = GOING_AWAY, reason: str = "") -> None:
        """Close the connection; nothing more is heard."""
        self._over = True
        self._shut(code, reason)

    def _greeting(self) -> Hello:
        return Hello(
            version=self._version,
            protocol=self._protocol,
            sources=self._places.sources,
            serving=self._serving,
            now=time.time(),
            beat=self._places.pace.beat,
            rest_after=self._places.pace.page_rests,
        )

    async def _tell(self) -> None:
        """What is due: all that is new, and one answer; otherwise wait, and show signs of life."""
        if self._news_due:
            self._news_due = False
            for message in self._news():
                await self._send(message)
        if self._waiting:
            await self._tell_one_that_waits()
        if not self._news_due and not self._waiting:
            self._stirred.clear()
            try:
                async with asyncio.timeout(self._places.pace.beat):
                    await self._stirred.wait()
            except TimeoutError:
                await self._send(encode(Beat(now=time.time())))

    def _news(self) -> Iterator[bytes]:
        if self._serving != self._places.serving:
            self._serving = self._places.serving
            yield encode(ServingChanged(serving=self._serving))
        for id in self._places.ids:
            if id not in self._seen:  # a place that was first used after the page had come
                hub, told = self._places.hub(id), self._places.told(id)
                self._seen[id] = Seen(hub, told, source=None)
        for id in self._seen.keys() - set(self._places.ids):
            yield from self._leave(id)
        for seen in self._seen.values():
            yield from seen.news()

    def _leave(self, source: str) -> Iterator[bytes]:
        """A place that is not watched any more, and what the page had asked for of it."""
        del self._seen[source]
        yield encode(SourceGone(source=source))
        for key, wanted in list(self._wanted.items()):
            if wanted.source == source:
                self._forget(key)
                yield encode(_not_done(wanted, _forgotten()))

    async def _tell_one_that_waits(self) -> None:
        message, sent = self._waiting.popleft()
        if sent.cancelled():
            return
        try:
            await self._send(encode(message))
        finally:
            if not sent.done():
                sent.set_result(None)

    async def _say(self, message: Spoken) -> None:
        """Send in turn; each task has one message under way, so there are few."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, sent))
        self._stirred.set()
        await sent

    # -- tasks -------------------------------------------------------------------

    def _begin(self, key: object, wanted: Open | Follow, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(wanted, work))
        self._tasks[key], self._wanted[key] = task, wanted
        task.add_done_callback(lambda done: self._is_done(key, done))

    async def _carry_out(self, wanted: Open | Follow, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except CnaiError as error:
            await self._say(_not_done(wanted, error))
        except Exception:
            self._places.log.exception("A page could not be told of %s", wanted.id)
            await self._say(_not_done(wanted, _unknown()))

    def _is_done(self, key: object, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            self._forget(key)

    def _forget(self, key: Any) -> None:
        self._opened.pop(key, None)
        self._feeds.pop(key, None)
        self._wanted.pop(key, None)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    async def _finish(self) -> None:
        self._over = True
        self._places.leave(self)
        tasks = list(self._tasks.values())
        for key in list(self._tasks):
            self._forget(key)
        for _, sent in self._waiting:
            if not sent.done():
                sent.set_result(None)
        self._waiting.clear()
        await asyncio.gather(*tasks, return_exceptions=True)


def _not_done(heard: Heard, error: CnaiError) -> NotDone:
    return NotDone(
        problem=problem_of(error),
        channel=getattr(heard, "channel", ""),
        source=getattr(heard, "source", ""),
        id=getattr(heard, "id", ""),
    )


def _not_understood(error: Exception) -> InvalidRequest:
    return InvalidRequest(
        "The server does not understand a message of this page.",
        why=str(error)[:_SHOWN],
        next_step="Reload the page; it may be older than the server.",
    )


def _forgotten() -> CnaiError:
    return NotFound(
        "The place of this job is not shown any more.",
        why="It was taken off the list of clusters. What runs there goes on.",
        next_step='Call cnai.use("kubernetes") in a notebook, and it is shown again.',
    )


def _unknown() -> CnaiError:
    return BackendUnavailable(
        "The server met an error that it does not know.",
        next_step="The log of the Jupyter server says more.",
    )


def _too_many(what: str, limit: int, advice: str) -> InvalidRequest:
    return InvalidRequest(
        f"{limit} {what} in this page, and the server allows no more.",
        next_step=advice,
    )
