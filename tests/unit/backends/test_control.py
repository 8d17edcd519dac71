"""What a supervisor is asked over its socket."""

from __future__ import annotations

import socket
from pathlib import Path

from cnai_sdk.backends.local import control


def test_who_does_not_wait_for_the_answer_has_asked_all_the_same(tmp_path: Path) -> None:
    """A supervisor that comes late to its socket still does what it was asked."""
    path = tmp_path / "socket"
    with control.listen(path) as server:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b'{"do":"stop","by":"you"}')
        assert control.accept(server) == {"do": "stop", "by": "you"}


def test_what_makes_no_sense_is_no_request(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with control.listen(path) as server, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"stop")
        assert control.accept(server) is None
