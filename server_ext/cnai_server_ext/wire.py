"""Messages as bytes, and errors as what a page is told."""

from __future__ import annotations

import json

import msgspec

from cnai_sdk.errors import CnaiError
from cnai_server_ext.answers import Problem
from cnai_server_ext.messages import Heard

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Heard] = msgspec.json.Decoder(Heard)


def encode(message: object) -> bytes:
    """One JSON object: a message, a row or an answer.

    >>> from cnai_server_ext.messages import Beat
    >>> encode(Beat(now=1.5))
    b'{"type":"beat","now":1.5}'
    """
    try:
        return _ENCODER.encode(message)
    except UnicodeEncodeError:
        # Half a surrogate pair in foreign text: JSON can write it, UTF-8 cannot.
        return json.dumps(msgspec.to_builtins(message)).encode()


def decode(data: str | bytes) -> Heard:
    """What a page said.

    Raises:
        msgspec.ValidationError: it is JSON, and not one of our messages.
        msgspec.DecodeError: it is not JSON.
    """
    return _DECODER.decode(data)


def problem_of(error: CnaiError) -> Problem:
    """An error of ours, as a page shows it."""
    return Problem(what=error.what, why=error.why, next_step=error.next_step)
