"""Following a job says what holds it up, which no worker can print."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator

from cnai_sdk import runtime
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.cli.following import print_log

Submitted = Callable[..., str]


class Heard(io.StringIO):
    """A standard error that tells when words have been written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def write(self, text: str) -> int:
        with self._changed:
            written = super().write(text)
            self._changed.notify_all()
        return written

    def hears(self, words: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: words in self.getvalue(), timeout=60)


@contextlib.contextmanager
def following(memory: MemoryBackend, id: str, *, as_json: bool = False) -> Iterator[Heard]:
    """Follow its log elsewhere until it ends, which is within this block; what is said is heard."""
    workload, heard = runtime.call(memory.get(id)), Heard()
    options = {"follow": True, "as_json": as_json}
    thread = threading.Thread(target=print_log, args=(memory, workload), kwargs=options)
    with contextlib.redirect_stderr(heard):
        thread.start()
        yield heard
        thread.join(60)
        assert not thread.is_alive()


def stuck(memory: MemoryBackend, id: str, reason: str, message: str) -> None:
    memory._shelf.change(id, reason=reason, message=message)


def ends(memory: MemoryBackend, id: str) -> None:
    stuck(memory, id, "", "")
    memory.start(id)
    memory.finish(id)


def test_what_a_job_is_stuck_at_is_said_once_with_where_to_learn_more(
    memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    with following(memory, id) as heard:
        for message in ("No image nosuch", "Its registry does not answer"):
            stuck(memory, id, "ImagePull", message)
            assert heard.hears(f"Queued: {message}. What to do about it: cnai explain digits")
        stuck(memory, id, "ImagePull", "No image nosuch")
        stuck(memory, id, "ImagePull", "At last something else")
        assert heard.hears("At last something else")
        ends(memory, id)
    assert heard.getvalue().count("No image nosuch") == 1


def test_what_a_job_waits_for_without_being_stuck_is_not_said(
    memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    stuck(memory, id, "", "Waits for room")
    with following(memory, id) as heard:
        stuck(memory, id, "Unschedulable", "No node is large enough")
        assert heard.hears("No node is large enough")
        ends(memory, id)
    assert "Waits for room" not in heard.getvalue()


def test_a_program_that_reads_json_is_told_nothing_beside_it(
    memory: MemoryBackend, submitted: Submitted
) -> None:
    id = submitted()
    stuck(memory, id, "ImagePull", "No image nosuch")
    with following(memory, id, as_json=True) as heard:
        ends(memory, id)
    assert heard.getvalue() == ""
