"""What is left of a rank: how far it is, in its pod's folder, and its container's last message.

The node hands the message on, to whoever watches the pod; the folder is for a container that is
started again in the same pod.
"""

import json
import os
import sys
from typing import Any

from .masking import Mask

_LIMIT = 4096


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
        """How far a container before this one was; nothing when there was none."""
        try:
            with open(os.path.join(self._home, "state.json"), encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
                return found
        except (OSError, ValueError):
            return {}

    def keep_state(self, attempt: int, code: int | None) -> None:
        """Keep how far this one is.

        Args:
            code: how it ended, once it has.
        """
        path = os.path.join(self._home, "state.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump({"attempt": attempt, "code": code}, file)
        os.replace(path + ".part", path)

    def forget(self) -> None:
        """Forget what an earlier run of the rank returned or raised."""
        for name in ("result.json", "error.json"):
            if os.path.exists(os.path.join(self._home, name)):
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
        """Leave the last message for the node, and for a container after this one."""
        with open(os.path.join(self._home, "message.json"), "w", encoding="utf-8") as file:
            file.write(text)
        try:
            with open(self._message, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            print(f"The last message could not be written: {error}", file=sys.stderr)

    def leave_again(self) -> None:
        """Leave the same as the container before this one, which had given up."""
        text = self._read("message.json")
        if text is not None:
            self.leave(text)

    def _elsewhere(self, result: str, document: dict[str, Any]) -> str:
        if self._kept:
            with open(os.path.join(self._kept, "result.json"), "w", encoding="utf-8") as file:
                file.write(result)
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
