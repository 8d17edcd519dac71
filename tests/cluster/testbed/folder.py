"""The folder of one cluster's files, and of those whose processes were killed."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path

_PREFIX = "cnai-cluster-"


class Folder:
    """A new folder that is removed at the end; at the latest by the next one that is made.

    Attributes:
        path: where it is.
    """

    def __init__(self) -> None:
        remove_left_over()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._held = (self.path / "held").open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def remove(self) -> None:
        """With all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()


def remove_left_over() -> list[Path]:
    """The folders whose owners are gone; which were removed."""
    removed = []
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with (path / "held").open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # somebody holds it, or it is not ours
            continue
        removed.append(path)
    return removed
