"""Processes of a job: how they are bound to their supervisor, and how all of them are ended.

A process of a job is known by a mark in its environment, since user code may call setsid. The mark
is read from /proc, so it must stand where the kernel looks: in the memory that held the
environment when the program started. A forked worker therefore writes it there in place.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

MARK = "CNAI_MARK"
BLANK = "0" * 32
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)
_libc.getenv.restype = ctypes.c_void_p


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends, however that happens."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


@contextlib.contextmanager
def requests_wait() -> Iterator[None]:
    """SIGTERM waits: a process that is started inside gets it once it calls `take_requests`.

    Before that it would end by it, or run what its parent has for it, in its parent's place.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_requests() -> None:
    """From now on SIGTERM reaches this process, and one that has waited does so at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def adopt_orphans() -> None:
    """Make this process the parent of its descendants whose own parent ends."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def write_mark(mark: str) -> None:
    """Overwrite the blank mark that this program was started with, in place."""
    place = _libc.getenv(MARK.encode())
    if place and ctypes.string_at(place) == BLANK.encode():
        ctypes.memmove(place, mark.encode(), len(mark))


def children(pid: int) -> list[int]:
    """The direct children of a process, of all its threads."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            found.extend(int(word) for word in text.split())
    except OSError:
        pass
    return found


def signal_children(number: int) -> None:
    """Send a signal to the direct children and to the process groups that they lead."""
    for pid in children(os.getpid()):
        for send in (os.killpg, os.kill):
            try:
                send(pid, number)
                break
            except (ProcessLookupError, PermissionError):
                continue


def end_children() -> None:
    """Kill every descendant of this process, which must be a subreaper, and reap it."""
    while pids := children(os.getpid()):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        for pid in pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue


def ask_root_to_end(mark: str) -> bool:
    """Send SIGTERM to the marked process whose parent has no mark: a job's supervisor."""
    marked = dict(_marked(mark))
    try:
        for pid, descriptor in marked.items():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) not in marked:
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                return True
    except OSError:
        return False
    finally:
        for descriptor in marked.values():
            os.close(descriptor)
    return False


def end_marked(mark: str) -> int:
    """Kill every process that carries the mark; how many there were.

    A process is signalled through a descriptor that was opened before its environment was read,
    so that a number which is used again never hits a stranger.
    """
    ended = 0
    for _, descriptor in _marked(mark):
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            ended += 1
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return ended


def _marked(mark: str) -> Iterator[tuple[int, int]]:
    """Processes that carry the mark, each with a descriptor that the caller closes."""
    needle = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            descriptor = os.pidfd_open(int(entry))
        except OSError:
            continue
        try:
            found = needle in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
        except OSError:
            found = False
        if found:
            yield int(entry), descriptor
        else:
            os.close(descriptor)
