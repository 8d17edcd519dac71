"""Which machine this is, and which boot of it."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A machine and its boot, for a store that several machines may share."""

    name: str
    boot: str

    def is_mine(self, name: str, boot: str = "") -> bool:
        """True for a job of this machine: it has its name, or it runs on the very same boot."""
        return name == self.name or (boot != "" and boot == self.boot)


def this_host() -> Host:
    """This machine."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return Host(name=socket.gethostname(), boot=boot)
