"""A rank's side of `keeping`: starts it, tells it what to do, and hears what it answers."""

import json
import os
import select
import subprocess
import sys
from typing import Any

from .fetching import environment

Answer = tuple[str, Any]
"""('begun', attempt), ('finished', None) or ('trouble', {...})."""

_GONE = "The process that keeps the outputs has ended by itself, again and again"
_TRIES = 3


class Keeper:
    """Keeps a folder in a bucket.

    Args:
        home: where the worker package is.
        interpreter: the Python that has boto3.
        wanted: as `keeping` takes it.
    """

    def __init__(self, home: str, interpreter: str, wanted: dict[str, Any]) -> None:
        self.reader = -1
        self._home = home
        self._command = [interpreter, "-m", "cnai_sdk.keeping", json.dumps(wanted)]
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._asked = ""
        self._ended = 0

    def begin(self, attempt: int) -> None:
        """Have what earlier attempts kept brought back; it is answered."""
        self._tell(f"begin {attempt}")

    def heard(self) -> list[Answer]:
        """What was answered, once `reader` has something. A process that has ended is started
        again, and asked again: it knows what it has copied."""
        data = os.read(self.reader, 4096)
        if data:
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._asked = "" if lines else self._asked
            return [_answer(line.decode()) for line in lines]
        self._let_go()
        self._ended += 1
        if self._ended >= _TRIES:
            return [("trouble", {"reason": "OutputsFailed", "message": _GONE})]
        self._start()
        if self._asked:
            self._tell(self._asked)
        return []

    def finish(self) -> dict[str, Any]:
        """Have the rest copied, and wait for it; `reason` and `message` of what went wrong."""
        self._tell("finish")
        while True:
            select.select([self.reader], [], [])
            for word, told in self.heard():
                if word in ("finished", "trouble"):
                    return dict(told or {})

    def _tell(self, line: str) -> None:
        self._asked = line
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), line.encode() + b"\n")
        except BrokenPipeError:
            return  # its end is still to be heard

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr.fileno(),
            cwd=self._home,
            env=environment(self._home),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.reader = self._process.stdout.fileno()
        self._rest = b""

    def _let_go(self) -> None:
        process, self._process, self.reader = self._process, None, -1
        if process is not None and process.stdin is not None and process.stdout is not None:
            process.stdin.close()
            process.stdout.close()


def _answer(line: str) -> Answer:
    word, _, rest = line.partition(" ")
    if word == "begun":
        return word, int(rest)
    return word, json.loads(rest) if rest else None
