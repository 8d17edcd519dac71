"""The code that travels: one compressed archive, small enough to lie in the job object itself.

worker/cnai_sdk/   the worker package of this version
pod.json           what the worker's process needs to know, see `cnai_sdk/worker/pod.py`
spans.json         which lines of the script came from where
script.py, ...     the payload's files
"""

from __future__ import annotations

import ast
import base64
import functools
import hashlib
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.spec import TrainSpec, checked_path

INLINE = 64 * 2**10
"""Bytes that travel in the job object; as text of an environment variable, whose limit is twice
that."""

LARGEST = 1000 * 2**10
"""Bytes that a ConfigMap takes, which holds at most a mebibyte with its labels."""

CARRIED = 96 * 2**20
"""Bytes that a payload's files may have together before they are compressed."""

UNPACKED = 128 * 2**20
"""Bytes beyond which an archive is not unpacked, since zeros shrink to a thousandth."""

ENV = "CNAI_CODE"
DIGEST = "CNAI_CODE_SHA256"
KEY = "code"
MOUNTED = "/etc/cnai"
HOME = "/cnai"

_WORKER = "worker/cnai_sdk/"
_ADDED = (_WORKER, "pod.json", "spans.json")
_MEMBERS = 10_000
_LEVEL = 9
_BLOCK = tarfile.BLOCKSIZE
_END = b"\0" * (2 * _BLOCK)


LOADER = f"""\
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
import base64, hashlib, io, sys, tarfile, zlib
if sys.version_info < (3, 10):
    sys.exit("cnai: this image has Python %d.%d, and workers need 3.10" % sys.version_info[:2])
code = os.environ.pop("{ENV}", "")
if code:
    code = base64.b64decode(code)
else:
    with open("{MOUNTED}/{KEY}", "rb") as file:
        code = file.read()
if hashlib.sha256(code).hexdigest() != os.environ.get("{DIGEST}"):
    sys.exit("cnai: the code of this job was changed on its way here")
folder = "{HOME}/job"
with tarfile.open(fileobj=io.BytesIO(zlib.decompress(code))) as archive:
    for member in archive:
        path = os.path.join(folder, member.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(archive.extractfile(member).read())
sys.path.insert(0, os.path.join(folder, "worker"))
from cnai_sdk.pod import main
main("{HOME}")
"""
"""What the container runs, by `python3 -c`: it checks the archive, unpacks it and goes on in it.

The first process of a container does not hear a signal that it has no handler for, so without one a
job that is stopped while it starts would go on for the whole time of grace."""


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that is ready to travel.

    Attributes:
        data: its compressed bytes.
        digest: their SHA-256.
    """

    data: bytes
    digest: str

    @property
    def inline(self) -> bool:
        """Whether it travels in the job object itself."""
        return len(self.data) <= INLINE

    @property
    def text(self) -> str:
        """As base64, for an environment variable."""
        return base64.b64encode(self.data).decode()


def pack(spec: TrainSpec, settings: Mapping[str, Any]) -> Packed:
    """The archive of a spec; the same spec and settings give the same bytes.

    Args:
        settings: what the worker's process needs to know.

    Raises:
        InvalidRequest: it is larger than a cluster's objects may be.
    """
    spans = [
        {"first": s.first, "last": s.last, "source": s.source, "line": s.line}
        for s in spec.payload.spans
    ]
    files = {
        "pod.json": msgspec.json.encode(settings),
        "spans.json": msgspec.json.encode(spans),
        **spec.payload.files,
    }
    whole = sum(map(len, spec.payload.files.values()))
    if whole > CARRIED:
        raise _too_large(spec, whole, CARRIED, "unpacked, and a job carries")
    begun, compressor = _worker()
    compressor = compressor.copy()
    data = begun + compressor.compress(_entries(files) + _END) + compressor.flush()
    if len(data) > LARGEST:
        raise _too_large(spec, len(data), LARGEST, "compressed, and a cluster's object holds")
    return Packed(data=data, digest=hashlib.sha256(data).hexdigest())


def unpack(data: bytes) -> dict[str, bytes]:
    """The payload's files, without what was added to them on the way.

    Whoever made the job made the archive, so neither its size nor its names are trusted.

    Raises:
        ValueError: it is larger than `pack` makes one, or a name leads out of the payload's folder.
        tarfile.TarError, zlib.error, EOFError: it is no archive.
    """
    opened = zlib.decompressobj()
    plain = opened.decompress(data, UNPACKED)
    if opened.unconsumed_tail:
        raise ValueError(f"it is over {show_bytes(UNPACKED)} when it is unpacked")
    if not opened.eof:
        raise EOFError("it is cut off")
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for nth, member in enumerate(archive):
            if nth >= _MEMBERS or member.issparse() or member.size > len(plain):
                raise ValueError("it is none that a job carries")
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None and not member.name.startswith(_ADDED):
                found[checked_path(member.name)] = file.read()
    return found


def carried(job: Mapping[str, Any], config_map: Mapping[str, Any] | None = None) -> bytes | None:
    """The archive of a job object, out of its environment or its ConfigMap; None when gone."""
    for container in _containers(job.get("spec") or {}):
        for variable in container.get("env") or ():
            if variable.get("name") == ENV:
                return base64.b64decode(variable.get("value") or "")
    text = ((config_map or {}).get("binaryData") or {}).get(KEY)
    return base64.b64decode(text) if text else None


def _containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for replica in (spec.get("pytorchReplicaSpecs") or {}).values():
        found.extend(replica["template"]["spec"]["containers"])
    if spec.get("trainer"):
        found.append(spec["trainer"])
    return found


def _entries(files: Mapping[str, bytes]) -> bytes:
    """The files as a part of an archive."""
    parts = []
    for name in sorted(files):
        member = tarfile.TarInfo(name)
        member.size = len(files[name])
        parts += [member.tobuf(tarfile.PAX_FORMAT), files[name], b"\0" * (-member.size % _BLOCK)]
    return b"".join(parts)


@functools.cache
def _worker() -> tuple[bytes, Any]:
    """The start of every archive, the worker package, and a compressor that has just seen it."""
    folder = Path(__file__).parents[2] / "worker"
    files = {_WORKER + file.name: bare(file.read_text("utf-8")) for file in folder.glob("*.py")}
    compressor = zlib.compressobj(_LEVEL)
    return compressor.compress(_entries(files)), compressor


def bare(source: str) -> bytes:
    """A module without its docstrings and lines of comments: a quarter of what would travel.

    It keeps its lines, so that a traceback names those of the module.

    >>> bare("# one\\nx = 1\\n'Its docstring.'\\n")
    b'\\nx = 1\\n""\\n'
    """
    lines, texts = source.splitlines(), set[int]()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                lines[first - 1 : last] = [" " * node.col_offset + '""', *[""] * (last - first)]
            case ast.Constant(value=str(), lineno=first, end_lineno=int(last)):
                texts |= {*range(first, last)}  # a line in it that starts with # is none
    for number, line in enumerate(lines):
        if line.lstrip().startswith("#") and number not in texts:
            lines[number] = ""
    return "".join(f"{line}\n" for line in lines).encode()


def _too_large(spec: TrainSpec, size: int, most: int, so: str) -> InvalidRequest:
    largest = max(spec.payload.files, key=lambda name: len(spec.payload.files[name]))
    return InvalidRequest(
        f"The code and the values that the function needs are {show_bytes(size)} {so} "
        f"{show_bytes(most)}.",
        why=f"The largest part is {largest}, {show_bytes(len(spec.payload.files[largest]))}.",
        next_step="Let the function load or make the large value itself; or put it on a claim of "
        'the cluster and name that: data=["pvc://CLAIM/folder"].',
    )
