"""What is wanted: one frozen Spec per kind of workload."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.phase import Kind

MOST = 4096
"""Workers that a workload may have, and how often a failed run may start again."""

LONGEST = 1e9
"""Seconds below which a timeout is."""

AMOUNT = 1e6
"""Cores and devices below which a worker's are."""


class Resources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What each worker asks for. None and 0 mean: not asked.

    Attributes:
        cpu: cores, fractions allowed.
        memory: bytes.
        gpu: devices; below 1 a share of one.
        gpu_memory: bytes of one device's memory; stands for a share.
        gpu_model: a device's name, such as 'A100'.
        isolation: what has to hold between those who share a device: 'hardware', 'memory' or
            'none'; never lowered without a word.
    """

    cpu: float | None = None
    memory: int | None = None
    gpu: float = 0.0
    gpu_memory: int | None = None
    gpu_model: str | None = None
    isolation: Literal["hardware", "memory", "none"] = "memory"

    @property
    def wants_gpu(self) -> bool:
        """True when any device or share of one is asked for."""
        return self.gpu > 0 or self.gpu_memory is not None


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which lines of the script came from where.

    Attributes:
        first, last: lines of the script, from 1, both included.
        source: 'cell [3]' or a file's name.
        line: the line there that `first` stands for, from 1.
    """

    first: int
    last: int
    source: str
    line: int = 1


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Code that travels: everything a worker needs to run the captured function.

    Attributes:
        entry: the function's name in the script.
        files: path relative to the payload's folder → content. 'script.py' is always there;
            'values.pkl' holds values without a source; local modules are under 'code/'.
        spans: where the script's lines came from.
        python: 'major.minor' that the pickled values need, or None when there are none.
    """

    entry: str
    files: dict[str, bytes] = {}
    spans: tuple[Span, ...] = ()
    python: str | None = None

    @property
    def script(self) -> str:
        """The readable script that runs on every worker."""
        return self.files["script.py"].decode()


def checked_path(path: str) -> str:
    """A path of a payload, as it is, when it stays inside of the payload's folder.

    Raises:
        InvalidRequest: it leads out, or is none.

    >>> checked_path("code/own.py")
    'code/own.py'
    """
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise InvalidRequest(
            f"{path[:200]!r} is no path inside of a payload.",
            why="A job's code is unpacked into a folder of its own, and no name leads out of it.",
            next_step="Submit the function again; the SDK writes no such name.",
        )
    return path


class DataLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file or folder that the workers find under a relative path.

    Attributes:
        path: relative, with '/', where the worker finds it.
        source: where it is now: an absolute path here, a URI or a claim on a cluster.
    """

    path: str
    source: str


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a workload was made: 'churn/cifar.ipynb', 'cell [12]', by whom."""

    notebook: str = ""
    cell: str = ""
    user: str = ""
    sdk: str = ""


class _Base(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every kind of workload has.

    Attributes:
        name: an RFC 1123 label of at most 40 characters.
        named: True when the caller chose the name; otherwise a number is added if it is taken.
        display_name: what to show instead of the name, or ''.
        env: plain environment variables; never a secret.
        secrets: names of secrets; the values never enter a Spec.
        packages: requirement strings installed beside the caller's environment.
    """

    name: str
    named: bool = False
    display_name: str = ""
    resources: Resources = Resources()
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    data: tuple[DataLink, ...] = ()
    origin: Origin = Origin()
    labels: dict[str, str] = {}


class TrainSpec(
    _Base, frozen=True, kw_only=True, omit_defaults=True, tag="train", tag_field="kind"
):
    """Train a captured function on one or more workers.

    Attributes:
        workers: how many; each gets `resources`.
        timeout: seconds until it has to end, over all its retries, or None. They count from the
            first worker's start on this machine, on a cluster from when the workers may be made.
        retries: how often a failed run starts again.
        interpreter: the Python that runs it on this machine; '' for the submitter's.
        argv: given instead of `payload` entry arguments when a script runs as it is.
        outputs: where a cluster keeps what the workers write, such as 'pvc://claim/folder' or
            's3://bucket/folder'; '' for the backend's own place.
        image: the container image on a cluster; '' for the configured one.
        shm: bytes of shared memory for each worker's /dev/shm, or None for the backend's choice.
        queue: the queue that admits it on a cluster; '' for none, or the namespace's own.
        priority: the priority class on a cluster, or ''.
    """

    payload: Payload
    workers: int = 1
    timeout: float | None = None
    retries: int = 0
    interpreter: str = ""
    argv: tuple[str, ...] = ()
    outputs: str = ""
    image: str = ""
    shm: int | None = None
    queue: str = ""
    priority: str = ""


class ServeSpec(
    _Base, frozen=True, kw_only=True, omit_defaults=True, tag="serve", tag_field="kind"
):
    """Serve a captured class behind an address until it is stopped.

    Attributes:
        replicas: how many servers; each gets `resources`.
    """

    payload: Payload
    replicas: int = 1


Spec = TrainSpec | ServeSpec
"""Any spec; the tag field `kind` tells which on the wire."""

_KINDS: dict[type[Any], Kind] = {TrainSpec: Kind.TRAIN, ServeSpec: Kind.SERVE}


def kind_of(spec: Spec) -> Kind:
    """The kind of workload that a spec asks for."""
    return _KINDS[type(spec)]


def replicas_of(spec: Spec) -> int:
    """How many workers or servers a spec asks for."""
    return spec.workers if isinstance(spec, TrainSpec) else spec.replicas
