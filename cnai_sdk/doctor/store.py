"""The settings, the folder of the jobs, and the warm template."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from cnai_sdk.config import config_path, load_config, runtime_dir
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.doctor.machine import LINUX
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.quantity import show_bytes

_LITTLE = 2**30
_OVER_A_NETWORK = ("nfs", "cifs", "smb", "ceph", "lustre", "fuse", "9p", "gpfs", "afs")


def settings() -> Iterable[Finding]:
    """Whether the configuration can be read, and what it says of where jobs run."""
    try:
        config = load_config()
    except CnaiError as error:
        what = " ".join(part for part in (error.what, error.why) if part)
        yield Finding(check="settings", state="problem", what=what, fix=error.next_step)
        return
    file = config_path()
    place = str(file) if file.exists() else "no configuration file"
    what = f"jobs run on: {config.backend} ({config.backend_why}); {place}"
    yield Finding(check="settings", state="ok", what=what)


def store(home: Path | None = None) -> Iterable[Finding]:
    """The folder of the jobs: writable, of this version, where, and how large.

    Args:
        home: the folder; the configured one when None.
    """
    home = home or _home()
    if not LINUX or home is None:
        return
    if not home.exists():
        yield from _future(home)
        return
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        yield Finding(
            check="store",
            state="problem",
            what=f"{home} cannot be written to: {error.strerror}.",
            fix="Make it yours, or set CNAI_HOME to a folder that is.",
        )
        return
    yield _of_this_version(home)
    yield from _room(home)


def _home() -> Path | None:
    try:
        return load_config().home
    except CnaiError:
        return None  # `settings` says so


def _future(home: Path) -> Iterable[Finding]:
    parent = next(folder for folder in home.parents if folder.exists())
    if os.access(parent, os.W_OK):
        what = f"{home}, made when first needed"
        yield Finding(check="store", state="ok", what=what)
        yield from _room(parent)
    else:
        yield Finding(
            check="store",
            state="problem",
            what=f"{home} cannot be made: {parent} is not yours to write to.",
            fix="Set CNAI_HOME to a folder that is.",
        )


def _of_this_version(home: Path) -> Finding:
    from cnai_sdk.backends.local.index import MAJOR, check_version, filesystem

    try:
        check_version(home)
    except CnaiError as error:
        return Finding(check="store", state="problem", what=error.what, fix=error.next_step)
    jobs = home / "jobs"
    count = sum(entry.is_dir() for entry in jobs.iterdir()) if jobs.is_dir() else 0
    kind = filesystem(home)
    size = show_bytes(_size(home))
    what = f"{home}: version {MAJOR}, {count} jobs, {size}, on {kind}"
    if kind.startswith(_OVER_A_NETWORK):
        return Finding(
            check="store",
            state="note",
            what=f"{what}, which other machines may write to",
            fix="It works, more slowly. CNAI_HOME on a local disk is faster.",
        )
    return Finding(check="store", state="ok", what=what)


def _size(root: Path) -> int:
    """Bytes on disk, without following links."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                total += os.lstat(Path(folder, name)).st_blocks * 512
            except FileNotFoundError:
                continue  # a job ended or was deleted meanwhile
    return total


def _room(folder: Path) -> Iterable[Finding]:
    free = shutil.disk_usage(folder).free
    if free < _LITTLE:
        yield Finding(
            check="disk",
            state="note",
            what=f"{show_bytes(free)} free where the jobs are kept",
            fix="Remove old jobs: cnai delete NAME",
        )
    else:
        yield Finding(check="disk", state="ok", what=f"{show_bytes(free)} free")


def template() -> Iterable[Finding]:
    """Whether the next job starts from a warm process."""
    if not LINUX:
        return
    try:
        config, sockets = load_config(), runtime_dir()
    except CnaiError as error:
        yield Finding(check="template", state="problem", what=error.what, fix=error.next_step)
        return
    if not config.warm:
        what = "Off: every job starts plainly, since warm is false in the settings."
        yield Finding(check="template", state="note", what=what)
        return
    from cnai_sdk.backends.local.launch import Launcher
    from cnai_sdk.backends.local.template import PRELOAD

    launcher = Launcher(sockets, idle=config.template_idle, preload=PRELOAD)
    if launcher.is_warm(os.environ):
        what = "Warm: the next job of this Python starts in milliseconds"
    else:
        what = "Not warm: the next job of this Python starts plainly, and warms it"
    yield Finding(check="template", state="ok", what=what)


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (settings, store, template)
