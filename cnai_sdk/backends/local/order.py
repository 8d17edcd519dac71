"""What a supervisor is told: in memory and through pipes only, since it holds secrets."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Run the job in this folder.

    Attributes:
        home: the store's folder.
        id: the job's id.
        environment: the submitter's environment.
        secrets: name to value.
        interpreter: the Python that runs the ranks when they are not forked.
        log_limit: bytes of log to keep.
        umask, cpus, open_files: the submitter's, which its jobs have too.
        paths: import paths for a supervisor that is started plainly.
    """

    home: str
    id: str
    environment: dict[str, str]
    secrets: dict[str, str]
    interpreter: str
    log_limit: int
    umask: int = 0o022
    cpus: list[int] = []
    open_files: int = 0
    paths: list[str] = []


ENCODE = msgspec.json.Encoder()
DECODE = msgspec.json.Decoder(Order)
