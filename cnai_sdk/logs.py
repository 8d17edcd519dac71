"""Log lines as a person reads them in a notebook or a terminal."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from cnai_sdk import runtime
from cnai_sdk.model.event import LogLine
from cnai_sdk.text import clean

_SHOWN = 1_000


def _shown(line: LogLine, *, with_rank: bool) -> str:
    text = clean(line.text, colours=True)
    return f"{line.rank} │ {text}" if with_rank else text


class Log(Sequence[str]):
    """The lines that were printed. Shown, it is the end of them; `print` gives them all.

    Args:
        read: gives the lines in batches, all or only the last so many.
        tail: never more than the last so many.
        missing: sentences on what the log lacks, which are shown and are no lines of it.
    """

    def __init__(
        self,
        read: Callable[[int | None], Iterable[Sequence[LogLine]]],
        *,
        tail: int | None = None,
        missing: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._read = read
        self._missing = missing
        self._tail = tail

    @functools.cached_property
    def lines(self) -> tuple[LogLine, ...]:
        """With rank, number and time; read when they are first asked for."""
        return self._lines(self._tail)

    def _lines(self, tail: int | None) -> tuple[LogLine, ...]:
        return tuple(line for batch in self._read(tail) for line in batch if not line.partial)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        found = self.lines[index]
        return [line.text for line in found] if isinstance(index, slice) else found.text

    def __len__(self) -> int:
        return len(self.lines)

    def __str__(self) -> str:
        return self._with_missing(_text(self.lines))

    def __repr__(self) -> str:
        few = self._tail is not None and self._tail <= _SHOWN
        end = self._lines(self._tail if few else _SHOWN + 1)
        if few or len(end) <= _SHOWN:
            return self._with_missing(_text(end))
        shown = end[-_SHOWN:]
        head = f"… the last {_SHOWN:,} lines; print() shows all of them"
        return self._with_missing(f"{head}\n{_text(shown)}")

    def _with_missing(self, text: str) -> str:
        return "\n".join(part for part in (*map(remark, self._missing()), text) if part)


def remark(sentence: str) -> str:
    """A sentence among lines, told from them by its mark."""
    return f"… {clean(sentence, colours=False)}"


def _text(lines: Sequence[LogLine]) -> str:
    several = len({line.rank for line in lines}) > 1
    return "\n".join(_shown(line, with_rank=several) for line in lines)


class LogStream:
    """Lines as they are printed, until the workload has ended; iterate, or show it.

    Args:
        missing: sentences on what the log lacks, asked for when it has ended.
        interrupted: what is said to whoever interrupts it.
    """

    def __init__(
        self,
        batches: AsyncIterator[Sequence[LogLine]],
        *,
        missing: Callable[[], Iterable[str]] = tuple,
        interrupted: str = "",
    ) -> None:
        self._batches = batches
        self._missing = missing
        self._interrupted = interrupted

    def lines(self) -> Iterator[LogLine]:
        """Lines with rank, number and time."""
        for batch in self._iterate():
            for line in batch:
                if not line.partial:
                    yield line

    def _iterate(self) -> Iterator[Sequence[LogLine]]:
        try:
            yield from runtime.iterate(self._batches)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._interrupted) from None

    def __iter__(self) -> Iterator[str]:
        return (line.text for line in self.lines())

    def show(self) -> None:
        """Print the lines as they come."""
        for batch in self._iterate():
            text = "\n".join(_shown(line, with_rank=True) for line in batch if not line.partial)
            if text:
                print(text, flush=True)
        for sentence in self._missing():
            print(remark(sentence), flush=True)

    def _ipython_display_(self) -> None:
        self.show()
