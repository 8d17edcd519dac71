"""The warm template: one process per user and interpreter that has imported what jobs import.

It imports and never computes, since a pool of threads does not survive a fork; it has one thread,
and forks one supervisor for each job. No kernel owns it: it goes after some idle minutes. A job
whose environment differs from the one that it was imported in is started plainly instead.
"""

from __future__ import annotations

import array
import fcntl
import functools
import gc
import hashlib
import importlib
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from cnai_sdk.backends.local import control, ranks, tree
from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.backends.local.order import DECODE
from cnai_sdk.backends.local.ranks import TEMPLATE_THREADS

PRELOAD = ("numpy", "torch", "torch.distributed", "torch._dynamo", "sklearn.datasets")
_IMPORT_TIME = (
    "PYTHON",
    "LD_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "KMP_",
    "GOMP_",
    "TORCH",
    "PYTORCH_",
    "CUDA_",
    "NVIDIA_",
    "NUMEXPR_",
    "NPY_",
    "MALLOC_",
    "LANG",
    "LC_",
)
_QUIET = {
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONIOENCODING",
    "PYTHONSTARTUP",
    "PYTHONUNBUFFERED",
    # torch and scikit-learn set these themselves when they are imported, here as in a notebook
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
    "TORCHINDUCTOR_CACHE_DIR",
}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
UNFIT = ".unfit"
_HEADER = struct.Struct("!Q")


def import_time_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that libraries read while they are imported."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(_IMPORT_TIME) and name not in _QUIET
    }


def fingerprint(interpreter: str, paths: Sequence[str], environment: Mapping[str, str]) -> str:
    """Changes when a package is installed, or when a variable that imports read is changed."""
    digest = hashlib.sha256()
    digest.update(repr((interpreter, sys.version, _own_stamp())).encode())
    for path in sorted(p for p in paths if Path(p).name in ("site-packages", "dist-packages")):
        try:
            digest.update(repr((path, os.stat(path).st_mtime_ns)).encode())
        except OSError:
            continue
    digest.update(repr(import_time_variables(environment)).encode())
    return digest.hexdigest()[:16]


@functools.cache
def _own_stamp() -> int:
    """When this package was last changed, as far as this process has loaded it."""
    return max(p.stat().st_mtime_ns for p in Path(__file__).parents[2].rglob("*.py"))


def is_alone(path: Path) -> int | None:
    """A lock that one template for this socket holds for life; None when another has it."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def serve(path: Path, *, idle: float, preload: Sequence[str], lock: int) -> None:
    """Import, then fork a supervisor for each request, until none came for `idle` seconds."""
    _import_all(preload)
    if len(os.listdir("/proc/self/task")) != 1:
        path.with_suffix(UNFIT).touch()  # an import started a thread, which no fork would have
        return
    server = control.listen(path)
    inode = path.stat().st_ino
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are nobody's children for long
    deadline = time.monotonic() + idle
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([server], [], [], left)
        if ready and _serve_one(server, lock):
            deadline = time.monotonic() + idle
        if _replaced(path, inode):
            return
    path.unlink(missing_ok=True)


def _replaced(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino != inode
    except FileNotFoundError:
        return True


def _import_all(preload: Sequence[str]) -> None:
    """Import in a thread of the lowest priority: a process could not raise its own again."""

    def work() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        for name in preload:
            try:
                importlib.import_module(name)
            except Exception:
                continue  # a library that does not import here is imported by the job, or not

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    importlib.import_module("cnai_sdk.backends.local.supervisor")
    ranks.own_modules = tuple(n for n in sys.modules if n.partition(".")[0] == "cnai_sdk")
    _forget_finalizers()
    gc.collect()
    gc.freeze()


def _forget_finalizers() -> None:
    """torch.library registers some hundred that only undo its own registrations: 40 ms at the end
    of every worker, for nothing, since the process ends then."""
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        alive = finalizer.peek()
        if alive is not None and getattr(alive[1], "__module__", "") == "torch.library":
            finalizer.atexit = False


def _serve_one(server: socket.socket, lock: int) -> bool:
    try:
        connection, _ = server.accept()
    except OSError:
        return False
    with connection:
        connection.settimeout(5.0)
        if not control.same_user(connection):
            return False
        descriptors: list[int] = []
        try:
            message = _receive(connection, descriptors)
            if len(descriptors) != 2:
                return False
            with tree.requests_wait():
                if os.fork() == 0:
                    server.close()
                    os.close(lock)
                    _become_supervisor(connection, message, descriptors)
            connection.sendall(b"ok")
        except (OSError, ValueError):
            return False  # a client that left, or a machine without room for a process
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
    return True


def _become_supervisor(connection: socket.socket, message: bytes, descriptors: list[int]) -> None:
    code = 1
    try:
        connection.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        order = DECODE.decode(message)
        folder = JobFolder(Path(order.home) / "jobs" / order.id)
        tree.write_mark(folder.mark)
        complaints = os.open(folder.complaints, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(complaints, 1)
        os.dup2(complaints, 2)
        from cnai_sdk.backends.local.supervisor import supervise

        supervise(order, descriptors[0], socket.socket(fileno=descriptors[1]), warm=True)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _receive(connection: socket.socket, received: list[int]) -> bytes:
    """The message; the descriptors that came with it are in `received`, whatever happens."""
    space = socket.CMSG_SPACE(2 * array.array("i").itemsize)
    head, ancillary, _, _ = connection.recvmsg(_HEADER.size, space)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    received += descriptors
    if len(head) < _HEADER.size:
        raise ValueError("nothing was asked")  # somebody looked whether the template is warm
    (length,) = _HEADER.unpack(head)
    message = b""
    while len(message) < length:
        data = connection.recv(length - len(message))
        if not data:
            raise ValueError("the message was cut off")
        message += data
    return message


def send(path: Path, message: bytes, descriptors: Sequence[int], *, timeout: float) -> bool:
    """Hand a message and descriptors to a template; False when none took it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
            rights = array.array("i", descriptors)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
            client.sendmsg([_HEADER.pack(len(message))], ancillary)
            client.sendall(message)
            return client.recv(2) == b"ok"
        except OSError:
            return False


def main(path: str, idle: float, preload: list[str]) -> None:
    """Serve as a daemon that no kernel owns."""
    os.chdir("/")
    lock = is_alone(Path(path))
    if lock is None:
        os._exit(0)
    for name in _THREADS:
        os.environ[name] = str(TEMPLATE_THREADS)
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    serve(Path(path), idle=idle, preload=preload, lock=lock)
    Path(path).with_suffix(".lock").unlink(missing_ok=True)
    os._exit(0)
