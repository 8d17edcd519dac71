"""A store, sockets and a configuration of the run's own: never those of whoever runs it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from cnai_sdk import Client
from cnai_sdk.backends.local.template import UNFIT
from cnai_sdk.config import load_config, runtime_dir

_PATIENCE = 120.0


@contextmanager
def own_workplace() -> Iterator[Path]:
    """Point the SDK, IPython and its sockets at a new folder; end and remove all of it after."""
    root = Path(tempfile.mkdtemp(prefix="cnai-bench-", dir="/tmp"))
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("CNAI_")]:
        del os.environ[name]
    for name, folder in (
        ("CNAI_HOME", root / "store"),
        ("XDG_RUNTIME_DIR", root),
        ("XDG_CONFIG_HOME", root / "config"),
        ("IPYTHONDIR", root / "ipython"),
    ):
        os.environ[name] = str(folder)
    try:
        yield root
    finally:
        with suppress(Exception):
            _forget_jobs()
        end_templates()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(root, ignore_errors=True)


def end_bench() -> None:
    """Delete every job and end the template, so that the next bench finds nothing of this one.

    Raises:
        RuntimeError: warm starts were asked for, and some were not warm: the template that was
            there no longer fitted, so a job was started plainly and another template with it.
    """
    begun = templates()
    _forget_jobs()
    end_templates()
    if len(begun) > 1:
        raise RuntimeError(
            "Not every start was warm: while it was measured, a file of the SDK, a package, or a "
            "variable that imports read has changed. Measure again on a machine left alone."
        )


def _forget_jobs() -> None:
    for job in plain_client().jobs():
        job.delete()


def plain_client() -> Client:
    """A client that starts every worker plainly, without a template."""
    return Client(config=load_config(dict(os.environ) | {"CNAI_WARM": "0"}))


class NotWarm(Exception):
    """No template can serve here; with the reason."""


def warm_client() -> Client:
    """A client whose template has imported what jobs import, and waits.

    Raises:
        NotWarm: an import started a thread, which no fork would have.
        TimeoutError: it has not come up.
    """
    client = Client(config=load_config())
    client.warm_up()
    deadline = time.monotonic() + _PATIENCE
    while not list(runtime_dir().glob("template-*.sock")):
        if list(runtime_dir().glob(f"template-*{UNFIT}")):
            raise NotWarm("A library starts a thread when it is imported.")
        if time.monotonic() > deadline:
            raise TimeoutError(f"No template listens after {_PATIENCE:.0f} s.")
        time.sleep(0.05)
    return client


def templates() -> list[psutil.Process]:
    """The templates of this workplace: their command line names a socket in its folder."""
    sockets = str(runtime_dir())
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"'{sockets}/template-" in word for word in process.info["cmdline"] or ())
    ]


def end_templates() -> None:
    """End them, and wait until they have."""
    found = templates()
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(found, timeout=10)
    for socket in runtime_dir().glob("template-*.sock"):
        socket.unlink(missing_ok=True)
