"""What is left of a rank: how far it is, in its pod's folder, and its container's last message.

The node hands the message on, to whoever watches the pod; the folder is for a container that is
started again in the same pod. Its room is kept from the start, for a full disk.
"""

import contextlib
import json
import os
import sys
from typing import Any

from .masking import Mask

_LIMIT = 4096
_ROOM = 16 * 2**10


def put(path: str, text: str) -> None:
    """Write a file, whole or not at all; on a full disk into the room kept for it."""
    draft, room = f"{path}.part", f"{path}.room"
    try:
        _write(draft, text)
    except OSError:
        if not os.path.exists(room):
            raise
        os.remove(room)
        _write(draft, text)
    os.replace(draft, path)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Record:
    """Of one rank.

    Args:
        home: a folder that lasts as long as the pod.
        message: the file that the node reads when the container has ended.
        mask: of what is left.
        kept: the folder whose files outlive the pod, or ''.
    """

    def __init__(self, home: str, message: str, mask: Mask, *, kept: str) -> None:
        self._home = home
        self._message = message
        self._mask = mask
        self._kept = kept

    def state(self) -> dict[str, Any]:
        """How far the container before this one was."""
        try:
            with open(os.path.join(self._home, "state.json"), encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
                return found
        except (OSError, ValueError):
            return {}

    def keep_state(self, attempt: int, code: int | None) -> None:
        """Keep how far this one is, and its exit code once it has one."""
        self._put("state.json", json.dumps({"attempt": attempt, "code": code}))

    def keep_room(self) -> None:
        """For the end of the run."""
        for name in ("state.json", "message.json", "error.json"):
            path = os.path.join(self._home, f"{name}.room")
            if not os.path.exists(path):
                with contextlib.suppress(OSError):
                    _write(path, " " * _ROOM)

    def _put(self, name: str, text: str) -> None:
        try:
            put(os.path.join(self._home, name), text)
        except OSError as error:
            print(f"{name} could not be written: {error}", file=sys.stderr)

    def forget(self) -> None:
        """Forget what an earlier run of the rank returned or raised."""
        for name in ("result.json", "error.json"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(self._home, name))

    def text(self, attempt: int, code: int, said: dict[str, Any], *, final: bool) -> str:
        """The last message, as JSON.

        Args:
            said: `reason` and `message` of an end that is not the rank's own.
            final: the rank has given up, whatever the node and the operator still do.
        """
        document = {"attempt": attempt, **said}
        if final:
            document["final"] = True
        error = self._read("error.json")
        if error is not None and code:
            document["error"] = json.loads(error)
        result = self._read("result.json") if code == 0 else None
        text = _short(document)
        if result is not None:
            whole = f'{text[:-1]}, "result": {result}}}'
            text = whole if len(whole.encode()) <= _LIMIT else self._elsewhere(result, document)
        return self._mask.document(text)

    def leave(self, text: str) -> None:
        """Leave the last message for the node and the next container."""
        self._put("message.json", text)
        try:
            _write(self._message, text)
        except OSError as error:
            print(f"The last message could not be written: {error}", file=sys.stderr)

    def leave_again(self) -> None:
        """Leave that of the container before this one."""
        text = self._read("message.json")
        if text is not None:
            self.leave(text)

    def _elsewhere(self, result: str, document: dict[str, Any]) -> str:
        if self._kept:
            _write(os.path.join(self._kept, "result.json"), result)
            return json.dumps(document | {"result_file": "result.json"})
        said = (
            f"The return value is not kept, because it is {len(result)} bytes of JSON, and a "
            f"cluster hands on at most {_LIMIT}. To keep it, write "
            'outputs="pvc://CLAIM/folder" at the call, or return less.'
        )
        print(said, file=sys.stderr, flush=True)
        return json.dumps(document | {"reason": "ResultTooLarge", "message": said})

    def _read(self, name: str) -> str | None:
        try:
            with open(os.path.join(self._home, name), encoding="utf-8") as file:
                return file.read()
        except OSError:
            return None


def _short(document: dict[str, Any]) -> str:
    """As JSON, with as much of the longest sentence as the node hands on."""
    text = json.dumps(document)
    spoken = document.get("error", document)
    while len(text) > _LIMIT and spoken.get("message"):
        spoken["message"] = spoken["message"][: len(spoken["message"]) * 3 // 4]
        text = json.dumps(document)
    return text
