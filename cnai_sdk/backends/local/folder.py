"""One job's folder: what it was asked to do, what it did, what it left.

spec.json       what was asked for, without the payload's files, never a secret
payload/        the code that runs
outputs/        where the workers run; `job.outputs`
log/            what they printed
metrics.jsonl   what they reported
record.jsonl    events and states, appended
end.json        the final state; its space is taken at the start, so a full disk cannot lose it
result.json     what rank 0 returned
complaints.txt  what the supervisor itself printed, if it broke
lock            held by the supervisor for life: the lock, never a pid, says that it lives
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from pathlib import Path

import msgspec

from cnai_sdk.backends.record.journal import Journal
from cnai_sdk.model.event import Event
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.spec import Spec, TrainSpec, checked_path
from cnai_sdk.model.workload import Workload

_SPEC = msgspec.json.Decoder(Spec)
_EVENT = msgspec.json.Decoder(Event)
_WORKLOAD = msgspec.json.Decoder(Workload)
_ENCODE = msgspec.json.Encoder()
_END_SPACE = 16 * 2**10


class JobFolder:
    """Reads and writes one job's folder.

    Args:
        root: the folder; its name is the job's id.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.id = root.name
        self.payload = root / "payload"
        self.outputs = root / "outputs"
        self.log = root / "log"
        self.result = root / "result.json"
        self.lock = root / "lock"
        self.complaints = root / "complaints.txt"
        self._spec = root / "spec.json"
        self._record = Journal(root / "record.jsonl", dict[str, msgspec.Raw])
        self.metrics = Journal(root / "metrics.jsonl", Metric)
        self._end = root / "end.json"

    @property
    def mark(self) -> str:
        """32 characters that every process of this job carries in its environment."""
        return hashlib.sha256(f"cnai:{self.id}".encode()).hexdigest()[:32]

    def claim(self) -> int:
        """Make the folder, and return its locked lock file: from now on the job is alive."""
        self.root.mkdir(mode=0o700, parents=True)
        lock = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def fill(self, spec: Spec, workload: Workload, worker: Path) -> None:
        """Write what was asked for, and take the space for the end.

        Args:
            worker: the folder of the worker package, which the payload links to.
        """
        for folder in (self.payload, self.outputs, self.log):
            folder.mkdir(mode=0o700)
        for path, content in spec.payload.files.items():
            target = self.payload / checked_path(path)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.write_bytes(content)
        (self.payload / "worker").symlink_to(worker)
        (self.payload / "spans.json").write_bytes(_ENCODE.encode(_explicit(spec)))
        bare = msgspec.structs.replace(spec, payload=_without_files(spec))
        self._spec.write_bytes(_ENCODE.encode(bare))
        self._end.write_bytes(b" " * (_END_SPACE + 512 * len(workload.replicas)))
        self.append_state(workload)

    def is_filled(self) -> bool:
        """False until `fill` has taken the space for the end, and once the folder is removed."""
        return self._end.exists()

    def spec(self) -> Spec:
        """What was asked for, with the payload's files."""
        bare: Spec = _SPEC.decode(self._spec.read_bytes())
        files = {
            path.relative_to(self.payload).as_posix(): path.read_bytes()
            for path in sorted(self.payload.rglob("*"))
            if path.is_file() and not self._added(path)
        }
        payload = msgspec.structs.replace(bare.payload, files=files)
        return msgspec.structs.replace(bare, payload=payload)

    def bare_spec(self) -> Spec:
        """What was asked for, without the payload's files."""
        bare: Spec = _SPEC.decode(self._spec.read_bytes())
        return bare

    def _added(self, path: Path) -> bool:
        first = path.relative_to(self.payload).parts[0]
        return first in ("worker", "spans.json") or "__pycache__" in path.parts

    def append_event(self, event: Event) -> None:
        """Write one event at the end of the record."""
        self._record.append([{"event": event}])

    def append_state(self, workload: Workload) -> None:
        """Write how the workload stands at the end of the record."""
        self._record.append([{"state": workload}])

    def write_end(self, workload: Workload) -> None:
        """Write the final state in place, into space that was taken at the start."""
        text = _ENCODE.encode(workload)
        space = self._end.stat().st_size
        if len(text) > space:
            fewer = [msgspec.structs.replace(r, metrics={}, message="") for r in workload.replicas]
            workload = msgspec.structs.replace(workload, replicas=tuple(fewer), metrics={})
            text = _ENCODE.encode(workload)
        descriptor = os.open(self._end, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, text.ljust(space), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def ended(self) -> Workload | None:
        """The final state, or None while there is none, or none that is whole."""
        try:
            text = self._end.read_bytes().strip()
            return _WORKLOAD.decode(text) if text else None
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def state(self) -> Workload | None:
        """The newest state that the folder knows."""
        ended = self.ended()
        if ended is not None:
            return ended
        newest = None
        for entry in self._record.all():
            if "state" in entry:
                newest = entry["state"]
        return _WORKLOAD.decode(newest) if newest is not None else None

    def events(self) -> list[Event]:
        """What happened, oldest first."""
        found = [_EVENT.decode(e["event"]) for e in self._record.all() if "event" in e]
        return [msgspec.structs.replace(event, seq=n) for n, event in enumerate(found, start=1)]

    def last_complaint(self) -> str:
        """The last line that the supervisor itself printed, or ''."""
        try:
            lines = self.complaints.read_text(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")

    def write_socket(self, path: Path) -> None:
        """Keep where the supervisor listens: another process may have another runtime folder."""
        (self.root / "socket").write_text(str(path))

    def socket(self) -> Path:
        """Where the supervisor listens."""
        try:
            return Path((self.root / "socket").read_text())
        except OSError:
            return self.root / "no-socket"

    def write_lease(self, lease: msgspec.Struct) -> None:
        """Keep what was granted, so that a rebuilt index knows it."""
        (self.root / "lease.json").write_bytes(_ENCODE.encode(lease))

    def lease(self) -> bytes | None:
        """What was granted, as JSON, or None while the job waits."""
        try:
            return (self.root / "lease.json").read_bytes()
        except FileNotFoundError:
            return None

    def is_held(self) -> bool:
        """True while a supervisor, or the submitter before it, holds the lock."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def remove(self) -> None:
        """Delete everything; a link to data is removed, what it points at is not."""
        for folder, names, _ in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                if not path.is_symlink():
                    with contextlib.suppress(OSError):
                        path.chmod(0o700)  # a folder that the job made read-only
        shutil.rmtree(self.root, ignore_errors=True)


def _explicit(spec: Spec) -> list[dict[str, object]]:
    return [
        {"first": s.first, "last": s.last, "source": s.source, "line": s.line}
        for s in spec.payload.spans
    ]


def _without_files(spec: Spec) -> object:
    return msgspec.structs.replace(spec.payload, files={})


def retries_of(spec: Spec) -> int:
    """How often a failed run starts again."""
    return spec.retries if isinstance(spec, TrainSpec) else 0
