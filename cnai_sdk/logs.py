"""Log lines as a person reads them in a notebook or a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from cnai_sdk import runtime
from cnai_sdk.model.event import LogLine
from cnai_sdk.text import clean


def _shown(line: LogLine, *, with_rank: bool) -> str:
    text = clean(line.text, colours=True)
    return f"{line.rank} │ {text}" if with_rank else text


class Log(Sequence[str]):
    """The lines that were printed; shown as text.

    Attributes:
        lines: with rank, number and time.
    """

    def __init__(self, batches: Iterable[Sequence[LogLine]]) -> None:
        self.lines = tuple(line for batch in batches for line in batch if not line.partial)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        found = self.lines[index]
        return [line.text for line in found] if isinstance(index, slice) else found.text

    def __len__(self) -> int:
        return len(self.lines)

    def __str__(self) -> str:
        several = len({line.rank for line in self.lines}) > 1
        return "\n".join(_shown(line, with_rank=several) for line in self.lines)

    __repr__ = __str__


class LogStream:
    """Lines as they are printed, until the workload has ended; iterate, or show it."""

    def __init__(self, batches: AsyncIterator[Sequence[LogLine]]) -> None:
        self._batches = batches

    def lines(self) -> Iterator[LogLine]:
        """Lines with rank, number and time."""
        for batch in runtime.iterate(self._batches):
            for line in batch:
                if not line.partial:
                    yield line

    def __iter__(self) -> Iterator[str]:
        return (line.text for line in self.lines())

    def show(self) -> None:
        """Print the lines as they come."""
        for batch in runtime.iterate(self._batches):
            text = "\n".join(_shown(line, with_rank=True) for line in batch if not line.partial)
            if text:
                print(text, flush=True)

    def _ipython_display_(self) -> None:
        self.show()
