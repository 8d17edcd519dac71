"""How a supervisor comes to be: from the warm template when it fits, otherwise plainly."""

from __future__ import annotations

import contextlib
import hashlib
import os
import py_compile
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from cnai_sdk.backends.local import template, tree
from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.backends.local.order import ENCODE, Order

_TEMPLATE_ANSWERS_WITHIN = 5.0
_OWN = str(Path(__file__).parents[3])


class Launcher:
    """Starts supervisors for one process of the user.

    Args:
        sockets: the runtime folder.
        idle: seconds after which an unused template goes.
        preload: what it imports.
        warm: False never to start or use a template.
    """

    def __init__(
        self, sockets: Path, *, idle: float, preload: Sequence[str], warm: bool = True
    ) -> None:
        self._sockets = sockets
        self._idle = idle
        self._preload = tuple(preload)
        self._warm = warm
        self._lock = threading.Lock()

    def launch(self, order: Order, lock: int, requests: socket.socket, *, plain: bool) -> bool:
        """Hand the job over; True when the template took it.

        Args:
            lock: the job's locked lock file; the supervisor shares the lock.
            requests: its listening socket.
            plain: the job cannot be forked: it needs another interpreter or environment.
        """
        descriptors = [lock, requests.fileno()]
        if self._warm and not plain:
            path = self.socket(order.environment)
            if path.exists() and template.send(
                path, ENCODE.encode(order), descriptors, timeout=_TEMPLATE_ANSWERS_WITHIN
            ):
                return True
        self._start_plainly(order, descriptors)
        if self._warm and not plain:
            self.warm_up(order.environment)
        return False

    def socket(self, environment: Mapping[str, str]) -> Path:
        """Where the template for this interpreter, its packages and this environment listens."""
        key = template.fingerprint(sys.executable, sys.path, environment)
        return self._sockets / f"template-{key}.sock"

    def is_warm(self, environment: Mapping[str, str]) -> bool:
        """True when a template that fits answers."""
        path = self.socket(environment)
        return path.exists() and self._answers(path)

    @staticmethod
    def _answers(path: Path) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            return client.connect_ex(str(path)) == 0

    def warm_up(self, environment: Mapping[str, str]) -> None:
        """Start a template unless one is there or on its way; returns at once."""
        if not self._warm or sys.platform != "linux":
            return
        path = self.socket(environment)
        with self._lock:
            if path.with_suffix(template.UNFIT).exists():
                return  # jobs cannot be forked from what it imports; they start plainly
            if path.exists() and self._answers(path):
                return
            self._start_template(path, environment)

    def _start_template(self, path: Path, environment: Mapping[str, str]) -> None:
        code = (
            "import sys; sys.path[:] = [p for p in sys.path if p]\n"
            f"sys.path += [p for p in {[_OWN]!r} if p not in sys.path]\n"
            "from cnai_sdk.backends.local.template import main\n"
            f"main({str(path)!r}, {self._idle!r}, {list(self._preload)!r})"
        )
        kept = ("HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "USER", "XDG_CACHE_HOME")
        own = {name: environment[name] for name in kept if name in environment}
        own |= template.import_time_variables(environment)
        own[tree.MARK] = tree.BLANK
        subprocess.Popen(
            [sys.executable, "-c", _DETACH + code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=own,
            cwd="/",
            start_new_session=True,
            close_fds=True,
        ).wait()  # only the short-lived parent of the template

    @staticmethod
    def _start_plainly(order: Order, descriptors: list[int]) -> None:
        order = msgspec.structs.replace(order, paths=_import_paths())
        reader, writer = os.pipe()
        code = (
            f"import sys; sys.path[:] = {order.paths!r}\n"
            "from cnai_sdk.backends.local.supervisor import main\n"
            f"main({[reader, *descriptors]!r})"
        )
        folder = JobFolder(Path(order.home) / "jobs" / order.id)
        with folder.complaints.open("ab") as complaints, tree.requests_wait():
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _DETACH + code],
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                env=dict(order.environment) | {tree.MARK: folder.mark},
                pass_fds=[reader, *descriptors],
                start_new_session=True,
            )
        os.close(reader)
        with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb") as pipe:
            pipe.write(ENCODE.encode(order))
        process.wait()  # only the short-lived parent of the supervisor


_DETACH = "import os\nif os.fork(): os._exit(0)\n"


def _import_paths() -> list[str]:
    """Where this process imports from, but for the notebook's folder, whose files could hide a
    library's; where the SDK itself lies comes last, since that may be the same folder."""
    here = {"", os.getcwd()}
    return [*(path for path in sys.path if path not in here and path != _OWN), _OWN]


def install_worker(home: Path) -> Path:
    """The worker package of this version, once in the store; jobs link to it."""
    source = Path(__file__).parents[2] / "worker"
    files = sorted(source.glob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    target = home / "worker" / digest.hexdigest()[:16]
    if not target.exists():
        part = home / "worker" / f".part-{os.getpid()}-{threading.get_ident()}"
        (part / "cnai_sdk").mkdir(mode=0o700, parents=True)
        for file in files:
            shutil.copy2(file, part / "cnai_sdk" / file.name)
            py_compile.compile(
                str(part / "cnai_sdk" / file.name), dfile=str(target / "cnai_sdk" / file.name)
            )
        try:
            part.rename(target)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
    return target
