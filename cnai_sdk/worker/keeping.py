"""Copies what a rank writes to a bucket: while it runs, and all of it at the end.

It is a process of its own beside the rank, so that training never waits for it:

    python -m cnai_sdk.keeping '{"bucket": ..., "folder": ..., "rank": 0, "world": 2}'

Told `begin N` on its standard input, it brings the checkpoints of earlier attempts into the folder
and answers `begun N`; told `finish`, it copies what is left and answers `finished`. What goes wrong
then is answered with `trouble {...}`.

Every rank has a folder of its own, and the bucket holds what all of them wrote. Before an attempt
that follows another, all of them copy what they have, and wait for each other, so that all of them
get the same checkpoints back.
"""

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from .bucket import Bucket, Trouble

OWN = ".cnai/"
"""Below it lies what the ranks tell each other, beside what they wrote."""

_CHECKPOINTS = "checkpoints/"
_LOGS = "logs/"
_SWEEP = 5.0
_SHARE = 20.0
"""A file that changes all the time is copied again after so many times what its copy took, and
never sooner than the least."""
_LEAST = 20.0
_NEVER_STILL = 60.0
"""Seconds after which a file is copied in the middle of being written, such as a log of the user's
own; a checkpoint never is."""
_FOR_OTHERS = 60.0
_ASK_OTHERS = 0.5
_PAUSES = (1.0, 5.0, 0.0)


class _Stamp(NamedTuple):
    """One state of a file."""

    changed: int
    size: int


class _Copied(NamedTuple):
    """What the bucket has of a file.

    Attributes:
        again: when it may be copied again, by the monotonic clock.
    """

    stamp: _Stamp
    etag: str
    again: float


class Keeping:
    """The folder of one rank, and its copy.

    Args:
        bucket: the workload's own folder in it.
        folder: what the rank writes to.
        memory: a file beside it, for a process after this one in the same pod.
    """

    def __init__(self, bucket: Bucket, folder: str, memory: str, *, rank: int, world: int) -> None:
        self._bucket = bucket
        self._folder = folder
        self._memory = memory
        self._rank = rank
        self._world = world
        self._fresh = not os.path.exists(memory)
        self._copied = {} if self._fresh else _remembered(memory)
        self._seen: dict[str, tuple[_Stamp, float]] = {}
        self._said = ""

    def begin(self, attempt: int, *, interrupted: Any = lambda: False) -> bool:
        """Bring back what earlier attempts have kept; False when something else was asked for.

        Raises:
            Trouble: the bucket cannot be written to, or not read.
        """
        if self._fresh:
            self._forget_meetings()
            self._bring_log()
            self._fresh = False
        else:
            self.sweep(everything=True)
        self._bucket.put(self._meeting(attempt, self._rank), b"")
        if attempt and self._world > 1 and not self._met(attempt, interrupted):
            return False
        self._bring_checkpoints()
        self._remember()
        return True

    def sweep(self, *, everything: bool = False) -> None:
        """Copy what has changed, but nothing that is being written.

        Args:
            everything: whatever has changed.

        Raises:
            Trouble: something was not copied.
        """
        before = dict(self._copied)
        try:
            self._sweep(everything=everything)
        finally:
            if self._copied != before:
                self._remember()

    def _sweep(self, *, everything: bool) -> None:
        present: set[str] = set()
        for path, stamp in _files(self._folder):
            present.add(path)
            before = self._copied.get(path)
            if before is not None and before.stamp == stamp:
                continue
            if not everything and not self._is_due(path, stamp, before):
                continue
            self._copy(path, stamp)
        for path in self._copied.keys() - present:
            self._bucket.remove(path)
            del self._copied[path]

    def try_sweep(self) -> None:
        """The same while the rank runs: what goes wrong is said once, and tried again."""
        try:
            self.sweep()
            self._said = ""
        except (Trouble, OSError) as error:
            if str(error) != self._said:
                print(f"The outputs are not kept now: {error}", file=sys.stderr, flush=True)
            self._said = str(error)

    def finish(self) -> None:
        """Copy what is left.

        Raises:
            Trouble: it could not be copied, however often it was tried.
        """
        for pause in _PAUSES:
            try:
                self.sweep(everything=True)
                return
            except (Trouble, OSError) as error:
                if not pause:
                    raise
                print(f"The outputs are not kept yet: {error}", file=sys.stderr, flush=True)
                time.sleep(pause)

    def _is_due(self, path: str, stamp: _Stamp, before: "_Copied | None") -> bool:
        if before is not None and time.monotonic() < before.again:
            return False
        now = time.monotonic()
        seen, since = self._seen.setdefault(path, (_Stamp(0, -1), now))
        self._seen[path] = (stamp, since)
        if seen == stamp or path.startswith(_LOGS):
            return True
        return now - since > _NEVER_STILL and not path.startswith(_CHECKPOINTS)

    def _copy(self, path: str, stamp: _Stamp) -> None:
        begun = time.monotonic()
        try:
            etag = self._bucket.store(path, os.path.join(self._folder, path))
        except FileNotFoundError:
            return  # it was taken away, or renamed
        ended = time.monotonic()
        again = ended + max(_LEAST, _SHARE * (ended - begun))
        self._copied[path] = _Copied(stamp, etag, again)
        self._seen.pop(path, None)

    def _remember(self) -> None:
        draft = f"{self._memory}.part"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump({path: [*each.stamp, each.etag] for path, each in self._copied.items()}, file)
        os.replace(draft, self._memory)

    # -- what earlier attempts left ---------------------------------------------------------

    def _bring_log(self) -> None:
        """This rank's own, which goes on."""
        name = f"{_LOGS}rank-{self._rank}.log"
        for each in self._bucket.objects(_LOGS):
            if each.path == name:
                self._bring(each.path, each.etag)

    def _bring_checkpoints(self) -> None:
        """All of them as the bucket has them, whoever wrote them."""
        there = set()
        for each in self._bucket.objects(_CHECKPOINTS):
            there.add(each.path)
            before = self._copied.get(each.path)
            if before is None or before.etag != each.etag:
                self._bring(each.path, each.etag)
        for path in [p for p in self._copied if p.startswith(_CHECKPOINTS) and p not in there]:
            del self._copied[path]
            os.remove(os.path.join(self._folder, path))

    def _bring(self, path: str, etag: str) -> None:
        if any(part in ("", ".", "..") for part in path.split("/")):
            return  # no worker wrote that
        file = os.path.join(self._folder, path)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        self._bucket.load(path, file)
        found = os.stat(file)
        stamp = _Stamp(found.st_mtime_ns, found.st_size)
        self._copied[path] = _Copied(stamp, etag, 0.0)

    # -- the other ranks ------------------------------------------------------------------

    @staticmethod
    def _meeting(attempt: int, rank: int) -> str:
        return f"{OWN}attempt-{attempt}/rank-{rank}"

    def _forget_meetings(self) -> None:
        """Of an earlier pod of this rank, which has not copied what this one will."""
        for each in list(self._bucket.objects(OWN)):
            if each.path.endswith(f"/rank-{self._rank}"):
                self._bucket.remove(each.path)

    def _met(self, attempt: int, interrupted: Any) -> bool:
        """Wait until every rank has copied what it had; one that does not come is left out."""
        until = time.monotonic() + _FOR_OTHERS
        while time.monotonic() < until:
            found = sum(1 for _ in self._bucket.objects(f"{OWN}attempt-{attempt}/"))
            if found >= self._world:
                return True
            if interrupted():
                return False
            time.sleep(_ASK_OTHERS)
        print(
            f"After {_FOR_OTHERS:.0f} s not every worker has copied its checkpoints; this one goes "
            "on with those that are kept.",
            file=sys.stderr,
            flush=True,
        )
        return True


def _files(folder: str) -> Iterator[tuple[str, _Stamp]]:
    """Plain files, without links: they are the data that was given."""
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not os.path.islink(os.path.join(place, each))]
        for name in names:
            file = os.path.join(place, name)
            try:
                found = os.lstat(file)
            except OSError:
                continue
            if os.path.isfile(file) and not os.path.islink(file):
                path = os.path.relpath(file, folder)
                yield path, _Stamp(found.st_mtime_ns, found.st_size)


def _remembered(memory: str) -> dict[str, _Copied]:
    with open(memory, encoding="utf-8") as file:
        found: dict[str, list[Any]] = json.load(file)
    return {
        path: _Copied(_Stamp(int(changed), int(size)), str(etag), 0.0)
        for path, (changed, size, etag) in found.items()
    }


# -- the conversation ---------------------------------------------------------------------


class _Lines:
    """What is said on standard input, a line at a time, without waiting for the next one."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._ended = False

    def next(self, wait: float) -> "str | None":
        """The next line, '' when nothing is said in that time, None when nothing comes any more."""
        if not self.waits(wait):
            return ""
        return self._lines.pop(0) if self._lines else None

    def waits(self, wait: float = 0.0) -> bool:
        """Whether there is something to hear."""
        until = time.monotonic() + wait
        while not self._lines and not self._ended:
            ready, _, _ = select.select([0], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return False
            data = os.read(0, 4096)
            self._ended = not data
            *whole, self._rest = (self._rest + data).split(b"\n")
            self._lines += [line.decode() for line in whole]
        return True


def main(asked: str) -> int:
    """Keep one rank's folder until it is told to finish, or nobody is there to tell."""
    told = json.loads(asked)
    lines = _Lines()
    os.nice(5)
    try:
        bucket = Bucket(told["bucket"], doing="written to")
        keeping = Keeping(
            bucket, told["folder"], told["memory"], rank=told["rank"], world=told["world"]
        )
        while True:
            line = lines.next(_SWEEP)
            if line is None:
                return 0
            word, _, rest = line.partition(" ")
            if word == "begin" and keeping.begin(int(rest), interrupted=lines.waits):
                _say(f"begun {rest}")
            elif word == "finish":
                keeping.finish()
                _say("finished")
                return 0
            elif not word:
                keeping.try_sweep()
    except (Trouble, OSError) as error:
        kind = error.kind if isinstance(error, Trouble) else "Failed"
        said = {"reason": f"Outputs{kind}", "message": str(error)}
        _say(f"trouble {json.dumps(said)}")
        return 1


def _say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
