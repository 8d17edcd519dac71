"""Takes framed lines out of what a rank prints; the rest is its log."""

from __future__ import annotations

from typing import Any

import msgspec

from cnai_sdk.worker.reporting import FRAME

_LONGEST = 64 * 2**10
_DECODE = msgspec.json.Decoder(dict[str, Any])


class FrameFilter:
    """Splits one rank's bytes into log and frames, wherever the pipe cut them.

    >>> FrameFilter().feed(b"a\\n\\x1ecnai {\\"state\\":\\"up\\"}\\nb\\n")
    (b'a\\nb\\n', [{'state': 'up'}])
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, list[dict[str, Any]]]:
        """The bytes of the log, and the frames, in order."""
        data = self._held + data
        self._held = b""
        if b"\x1e" not in data:
            return data, []
        text: list[bytes] = []
        frames: list[dict[str, Any]] = []
        at = 0
        while (start := data.find(b"\x1e", at)) >= 0:
            text.append(data[at:start])
            end = data.find(b"\n", start)
            if end < 0 and self._may_be_frame(data[start:]):
                self._held = data[start:]
                return b"".join(text), frames
            frame = _decode(data[start:end]) if end > 0 else None
            if frame is None:
                text.append(data[start : start + 1])
                at = start + 1
            else:
                frames.append(frame)
                at = end + 1
        text.append(data[at:])
        return b"".join(text), frames

    def finish(self) -> bytes:
        """What was held back when the pipe closed."""
        held, self._held = self._held, b""
        return held

    @staticmethod
    def _may_be_frame(data: bytes) -> bool:
        return len(data) < _LONGEST and data[: len(FRAME)] == FRAME[: len(data)]


def _decode(data: bytes) -> dict[str, Any] | None:
    if not data.startswith(FRAME):
        return None
    try:
        return _DECODE.decode(data[len(FRAME) :])
    except msgspec.DecodeError:
        return None
