"""The in-memory backend under the suite: each behaviour drives it as the script would run."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from cnai_sdk.backends.base import Backend
from cnai_sdk.backends.memory import MemoryBackend, Play
from cnai_sdk.model.phase import Kind
from cnai_sdk.model.spec import Resources, Spec, replicas_of

from .behaviours import REASON, RESULT, WEIGHTS, Behaviour
from .harness import Factory, Harness

_NAN, _INFINITY = float("nan"), float("inf")


def _prints(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    for line in ("one", "two", "three"):
        backend.print_line(id, line)
        yield
    backend.finish(id)


def _waits(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    backend.print_line(id, "waiting")
    yield


def _reports(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    for step, loss in enumerate((_NAN, _INFINITY, -_INFINITY)):
        backend.report(id, step=step, loss=loss, accuracy=0.5 + step / 4)
        yield
    backend.progress(id, 3, 3, unit="epoch")
    backend.finish(id)


def _fails(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    backend.print_line(id, "about to fail")
    yield
    backend.print_line(id, f"ValueError: {REASON}")
    backend.fail(id)


def _fails_once() -> Play:
    tries = Counter[str]()

    def play(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
        tries[id] += 1
        backend.report(id, step=0, tries=float(tries[id]))
        yield
        if tries[id] == 1:
            raise ValueError(REASON)
        backend.finish(id)

    return play


def _writes(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    backend.write(id, "notes.txt", "三 epochs".encode())
    backend.write(id, "model/weights.bin", WEIGHTS)
    yield
    backend.finish(id)


def _returns(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    yield
    backend.finish(id, result=RESULT)


def _returns_an_object(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    yield
    backend.finish(id, result=object())


def _ranks(backend: MemoryBackend, id: str, spec: Spec) -> Iterator[None]:
    for rank in range(replicas_of(spec)):
        backend.print_line(id, f"rank {rank} of {replicas_of(spec)}", rank=rank)
        yield
        backend.report(id, step=0, rank=rank, tens=10.0 * rank)
    backend.finish(id)


def _plays() -> Play:
    """What each behaviour does, with nothing kept from an earlier test."""
    plays: dict[str, Play] = {
        Behaviour.PRINTS: _prints,
        Behaviour.WAITS: _waits,
        Behaviour.REPORTS: _reports,
        Behaviour.FAILS: _fails,
        Behaviour.FAILS_ONCE: _fails_once(),
        Behaviour.WRITES: _writes,
        Behaviour.RETURNS: _returns,
        Behaviour.RETURNS_AN_OBJECT: _returns_an_object,
        Behaviour.RANKS: _ranks,
    }
    return lambda backend, id, spec: plays[spec.payload.entry](backend, id, spec)


def _factory(name: str, *, kinds: set[Kind], suspend: bool) -> Factory:
    @asynccontextmanager
    async def make(folder: Path) -> AsyncIterator[Harness]:
        backend = MemoryBackend(kinds=kinds, cores=4, suspend=suspend, play=_plays())

        async def release(id: str) -> None:
            backend.print_line(id, "released")
            backend.finish(id)

        async def reopen() -> Backend:
            return backend

        yield Harness(
            backend=backend,
            release=release,
            reopen=reopen,
            full=Resources(cpu=4),
            excess=Resources(cpu=5),
        )
        await backend.close()

    built: Callable[[Path], AbstractAsyncContextManager[Harness]] = make
    return Factory(name=name, kinds=frozenset(kinds), make=built)


EVERY_KIND = _factory("memory", kinds={Kind.TRAIN, Kind.SERVE}, suspend=True)
ONLY_TRAINING = _factory("memory-that-only-trains", kinds={Kind.TRAIN}, suspend=False)
