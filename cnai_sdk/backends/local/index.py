"""SQLite over the job folders: one list, one sequence of changes, one queue.

The folders are the truth. A damaged index is put aside and rebuilt from them, and no job is lost.
WAL is used only on a local filesystem, where its shared memory works.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.errors import BackendUnavailable, NameInUse, NotFound, StoreVersion
from cnai_sdk.locking import locked
from cnai_sdk.model.name import numbered
from cnai_sdk.model.workload import Workload

MAJOR = 1
_T = TypeVar("_T")
_WORKLOAD = msgspec.json.Decoder(Workload)
_ENCODE = msgspec.json.Encoder()
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "lustre", "ceph", "glusterfs"}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS workloads (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, base TEXT NOT NULL, ended INTEGER NOT NULL,
  created REAL NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS workloads_seq ON workloads (seq);
CREATE INDEX IF NOT EXISTS workloads_base ON workloads (base);
CREATE TABLE IF NOT EXISTS deleted (id TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS turns (
  turn INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, host TEXT NOT NULL, lease BLOB);
"""


class Index:
    """The index of one store.

    Args:
        home: the store's folder, made when it is missing.

    Raises:
        StoreVersion: the store was written by another major version.
        BackendUnavailable: it cannot be made, read or written.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.jobs = home / "jobs"
        self.path = home / "index.sqlite"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        with _in_words(home):
            check_version(home)
            self.jobs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def folder(self, id: str) -> JobFolder:
        """The folder of a job."""
        return JobFolder(self.jobs / id)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    # -- reading ---------------------------------------------------------------

    def epoch_and_seq(self) -> tuple[str, int]:
        """Which numbering it is, and the newest number."""

        def read(db: sqlite3.Connection) -> tuple[str, int]:
            values = dict(db.execute("SELECT key, value FROM meta").fetchall())
            return str(values["epoch"]), int(values["seq"])

        return self._do(read)

    def get(self, id: str) -> Workload:
        """One workload, or NotFound."""
        row = self._do(
            lambda db: db.execute("SELECT data, seq FROM workloads WHERE id = ?", (id,)).fetchone()
        )
        if row is None:
            raise NotFound(
                f"There is no job with the id {id}.",
                next_step="cnai.jobs() lists the jobs that exist.",
            )
        return _decode(row)

    def all(self) -> list[Workload]:
        """All workloads, newest first."""
        rows = self._do(
            lambda db: db.execute(
                "SELECT data, seq FROM workloads ORDER BY created DESC, rowid DESC"
            ).fetchall()
        )
        return [_decode(row) for row in rows]

    def active(self) -> list[Workload]:
        """Workloads that have not ended."""
        rows = self._do(
            lambda db: db.execute("SELECT data, seq FROM workloads WHERE NOT ended").fetchall()
        )
        return [_decode(row) for row in rows]

    def since(self, seq: int) -> tuple[int, list[Workload], list[str]]:
        """The newest number, and what changed and what was deleted after `seq`."""

        def read(db: sqlite3.Connection) -> tuple[int, list[Workload], list[str]]:
            newest = db.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0]
            rows = db.execute("SELECT data, seq FROM workloads WHERE seq > ? ORDER BY seq", (seq,))
            gone = db.execute("SELECT id FROM deleted WHERE seq > ?", (seq,))
            return int(newest), [_decode(r) for r in rows], [r[0] for r in gone]

        return self._do(read)

    # -- writing ---------------------------------------------------------------

    def insert(self, workload: Workload, *, named: bool) -> Workload:
        """Add a new workload under a name that is free, and give it a turn in the queue.

        Raises:
            NameInUse: `named`, and a workload that has not ended has this name.
        """

        def write(db: sqlite3.Connection) -> Workload:
            name = _free_name(db, workload.base, named)
            fresh = msgspec.structs.replace(workload, name=name, seq=_advance(db))
            _put(db, fresh)
            db.execute("INSERT INTO turns (id, host) VALUES (?, ?)", (fresh.id, fresh.host))
            return fresh

        return self._do(write, write=True)

    def update(self, workload: Workload) -> None:
        """Write how a workload stands; one that was deleted stays deleted."""

        def write(db: sqlite3.Connection) -> None:
            known = db.execute("SELECT 1 FROM workloads WHERE id = ?", (workload.id,)).fetchone()
            if known is not None:
                _put(db, msgspec.structs.replace(workload, seq=_advance(db)))

        self._do(write, write=True)

    def delete(self, id: str) -> None:
        """Remove a workload."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM turns WHERE id = ?", (id,))
            if db.execute("DELETE FROM workloads WHERE id = ?", (id,)).rowcount:
                db.execute("INSERT OR REPLACE INTO deleted VALUES (?, ?)", (id, _advance(db)))

        self._do(write, write=True)

    def transact(self, body: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `body` alone, all or nothing; for the queue, which lives in the same file."""
        return self._do(body, write=True)

    # -- the connection ----------------------------------------------------------

    def _do(self, body: Callable[[sqlite3.Connection], _T], *, write: bool = False) -> _T:
        with self._lock:
            for attempt in (1, 2, 3):
                try:
                    with _transaction(self._open(), write) as db:
                        return body(db)
                except sqlite3.OperationalError as error:
                    if not _is_damage(error):
                        raise BackendUnavailable(
                            f"The index of jobs cannot be used: {error}.",
                            why=f"It is {self.path}.",
                            next_step="Check that its disk has free space and can be written; "
                            "running jobs go on, and their folders keep what happens.",
                        ) from error
                    self._repair(attempt)
                except sqlite3.DatabaseError:
                    self._repair(attempt)
            raise AssertionError("unreachable")

    def _open(self) -> sqlite3.Connection:
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            inode = 0
        if self._connection is not None and inode == self._inode:
            return self._connection
        self.close()
        with _in_words(self.home), locked(self.home / "index.lock"):
            fresh = not self.path.exists() or self.path.stat().st_size == 0
            if fresh:
                self._discard()
            db = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            with contextlib.suppress(OSError):
                self.path.chmod(0o600)
            mode = "DELETE" if filesystem(self.home) in _NETWORK else "WAL"
            db.execute(f"PRAGMA journal_mode = {mode}")
            db.execute("PRAGMA synchronous = NORMAL")
            if fresh or not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                db.executescript(_SCHEMA)
                db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (uuid.uuid4().hex,))
                db.execute("INSERT OR IGNORE INTO meta VALUES ('seq', '0')")
                self._fill(db)
        self._connection, self._inode = db, self.path.stat().st_ino
        return db

    def _fill(self, db: sqlite3.Connection) -> None:
        """Rows for the folders that exist, oldest first."""
        states = []
        for path in self.jobs.iterdir():
            with contextlib.suppress(OSError, msgspec.DecodeError):
                state = JobFolder(path).state()
                if state is not None:
                    states.append(state)
        for state in sorted(states, key=lambda s: s.created):
            _put(db, msgspec.structs.replace(state, seq=_advance(db)))
            if not state.phase.ended:
                db.execute(
                    "INSERT OR IGNORE INTO turns (id, host, lease) VALUES (?, ?, ?)",
                    (state.id, state.host, self.folder(state.id).lease()),
                )

    def _repair(self, attempt: int) -> None:
        """Put the damaged file aside; the next use builds a new one from the folders."""
        if attempt == 3:
            raise BackendUnavailable(
                f"The index of jobs is damaged and could not be rebuilt: {self.path}.",
                next_step="Move that file away and call again; the job folders are kept.",
            )
        with self._lock, locked(self.home / "index.lock"):
            damaged = self._inode
            self.close()
            if self.path.exists() and damaged in (0, self.path.stat().st_ino):
                self._discard()
            self._inode = 0

    def _discard(self) -> None:
        """Put the file aside, if there is one, and what SQLite keeps beside it."""
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        if self.path.exists():
            self.path.rename(self.home / f"index.damaged-{int(time.time())}-{os.getpid()}")


def check_version(home: Path) -> None:
    """Mark a new store with the major version, refuse one of another."""
    mark = home / "store.json"
    try:
        found = msgspec.json.decode(mark.read_bytes()).get("major")
    except FileNotFoundError:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = home / f"store.json.{os.getpid()}-{threading.get_ident()}"
        part.write_bytes(_ENCODE.encode({"major": MAJOR}))
        part.replace(mark)
        return
    except (msgspec.DecodeError, AttributeError):
        found = None
    if found != MAJOR:
        raise StoreVersion(
            f"The store {home} has version {found}; this SDK reads version {MAJOR}.",
            why="A store of another major version is never changed.",
            next_step="Use the SDK that made it, or set CNAI_HOME to another folder.",
        )


@contextlib.contextmanager
def _in_words(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackendUnavailable(
            f"The store of jobs, {home}, cannot be used: {error.strerror or error}.",
            why="What runs, its log and its outputs are kept there.",
            next_step="Check that it is a folder that you may write to, on a disk with free space, "
            "or set CNAI_HOME to another one.",
        ) from error


def filesystem(path: Path) -> str:
    """The type of the filesystem that holds a path, such as 'ext4' or 'nfs4'."""
    best, found = "", "unknown"
    real = os.path.realpath(path)
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return found
    for line in mounts:
        _, where, kind, *_ = line.split(" ")
        where = where.replace("\\040", " ")
        inside = real == where or real.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, found = where, kind
    return found


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection, write: bool) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield db
        db.execute("COMMIT")  # a full disk shows itself here
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _is_damage(error: sqlite3.OperationalError) -> bool:
    text = str(error)
    return any(word in text for word in ("malformed", "not a database", "no such table"))


def _decode(row: Sequence[object]) -> Workload:
    workload: Workload = _WORKLOAD.decode(row[0])  # type: ignore[arg-type]
    return msgspec.structs.replace(workload, seq=row[1])


def _advance(db: sqlite3.Connection) -> int:
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'seq'")
    return int(db.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0])


def _put(db: sqlite3.Connection, w: Workload) -> None:
    db.execute(
        "INSERT OR REPLACE INTO workloads (id, name, base, ended, created, seq, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (w.id, w.name, w.base, w.phase.ended, w.created, w.seq, _ENCODE.encode(w)),
    )


def _free_name(db: sqlite3.Connection, base: str, named: bool) -> str:
    rows = db.execute("SELECT name, ended FROM workloads WHERE base = ?", (base,)).fetchall()
    rows += db.execute("SELECT name, ended FROM workloads WHERE name = ?", (base,)).fetchall()
    running = [name for name, ended in rows if not ended]
    if named and running:
        raise NameInUse(
            f"A job named {base} has not ended.",
            next_step=f'cnai.job("{base}") attaches to it, cnai.job("{base}").stop() stops it, '
            f'or choose another name, such as name="{_next_free(db, base)}".',
        )
    taken = {name for name, _ in rows}
    if base not in taken and not rows:
        return base
    return _next_free(db, base)


def _next_free(db: sqlite3.Connection, base: str) -> str:
    number = 2
    while _exists(db, numbered(base, number)):
        number += 1
    return numbered(base, number)


def _exists(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM workloads WHERE name = ?", (name,)).fetchone() is not None
