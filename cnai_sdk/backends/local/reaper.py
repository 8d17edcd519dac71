"""What happens when a supervisor was killed: the rest of its tree is ended and the end recorded."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

import msgspec

from cnai_sdk.backends.local import tree, turns
from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.backends.local.host import Host
from cnai_sdk.backends.local.index import Index
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.event import Event
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.workload import Workload


def look_after(index: Index, host: Host, workload: Workload) -> Workload:
    """The workload as it really stands: one whose supervisor is gone is ended first.

    Another machine's job is left alone, since its processes cannot be seen from here.
    """
    if workload.phase.ended or not host.is_mine(workload.host, workload.boot):
        return workload
    folder = index.folder(workload.id)
    ended = folder.ended()
    if folder.is_held():
        return ended or workload  # the folder knows the end a moment before the index
    return _end(index, folder, workload, rebooted=host.boot != workload.boot)


def _end(index: Index, folder: JobFolder, workload: Workload, *, rebooted: bool) -> Workload:
    try:
        lock = os.open(folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return _removed(index, workload)  # somebody deleted the folder half-way
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return workload  # somebody else looks after it now
        ended = folder.ended()
        if ended is None:
            tree.end_marked(folder.mark)
            folder.socket().unlink(missing_ok=True)
            if not folder.is_filled():  # its submitter was killed, or somebody deletes it now
                folder.remove()
                return _removed(index, workload)
            ended = _verdict(folder, folder.state() or workload, rebooted=rebooted)
            folder.write_end(ended)
        with contextlib.suppress(CnaiError):
            index.update(ended)
            turns.leave(index, ended.id)
        return ended
    finally:
        os.close(lock)


def _removed(index: Index, workload: Workload) -> Workload:
    index.delete(workload.id)
    return msgspec.structs.replace(workload, phase=Phase.STOPPED, message="Its folder was removed")


def _verdict(folder: JobFolder, workload: Workload, *, rebooted: bool) -> Workload:
    reason = "HostRebooted" if rebooted else "SupervisorLost"
    complaint = "" if rebooted else folder.last_complaint()
    message = (
        "The machine was started anew while it ran"
        if rebooted
        else "The process that supervised it was killed, and its workers were ended"
    )
    if complaint:
        reason, message = "StartFailed", f"The process that supervises it broke: {complaint}"
    with contextlib.suppress(OSError):
        folder.append_event(Event(reason=reason, message=message, warning=True, time=time.time()))
    replicas = tuple(
        r if r.phase.ended else msgspec.structs.replace(r, phase=Phase.FAILED, cpu=None)
        for r in workload.replicas
    )
    return msgspec.structs.replace(
        workload,
        phase=Phase.FAILED,
        reason=reason,
        message=message,
        ended=time.time(),
        replicas=replicas,
        queued=None,
    )
