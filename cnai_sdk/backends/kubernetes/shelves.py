"""Where a workload's files are kept: a folder of a claim or of a bucket, and how a pod reads it."""

from __future__ import annotations

import base64
import functools
import json
import posixpath
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnai_sdk.arguments import parse_outputs
from cnai_sdk.backends.kubernetes import browse, pods
from cnai_sdk.backends.kubernetes.plan import bucket_folder, claim_of
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import TrainSpec
from cnai_sdk.remote import scheme_of

_MOUNT = "/claim"
_HOME = "/tmp"
_SOURCE = Path(browse.__file__).read_text(encoding="utf-8")
_CODE = "CNAI_CODE"
_OF_THE_WORKER = ("bucket", "installing", "masking")
_LOADER = f"""\
import base64, json, os, pathlib, sys, zlib
folder = pathlib.Path.home() / "cnai" / "cnai_sdk"
folder.mkdir(parents=True, exist_ok=True)
code = json.loads(zlib.decompress(base64.b64decode(os.environ["{_CODE}"])))
for name, text in code.items():
    (folder / name).write_text(text, encoding="utf-8")
sys.path.insert(0, str(folder.parent))
from cnai_sdk import browse
browse.run(*sys.argv[1:])
"""
_READS = ("AWS_", "PIP_")
"""What the names of the secrets start with that a pod gets which only reads a bucket."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A folder in a PersistentVolumeClaim; '' is the whole claim."""

    claim: str
    path: str

    memory = "128Mi"
    advice = "Files are read as the user 1000: the job may have written them as another."
    later = (
        "A claim that one node may mount is read on that node only: try again when the job's pods "
        "are gone, or use a claim with ReadWriteMany."
    )

    @staticmethod
    def parse(outputs: str) -> Claim:
        """What a spec's `outputs` means.

        Raises:
            InvalidRequest: it is not a claim and a folder in it.

        >>> Claim.parse("pvc://scratch/runs/a")
        Claim(claim='scratch', path='runs/a')
        """
        address = parse_outputs(outputs)
        if scheme_of(address) != "pvc":
            raise InvalidRequest(
                f"outputs={outputs!r} is no claim.", next_step='Write outputs="pvc://CLAIM/runs".'
            )
        return Claim(*claim_of(address))

    def of(self, id: str) -> Claim:
        """The folder in it that one workload writes to."""
        return Claim(self.claim, posixpath.join(self.path, id))

    def __str__(self) -> str:
        return f"the claim {self.claim}"

    @property
    def address(self) -> str:
        """As data= names it."""
        return f"pvc://{self.claim}/{self.path}"

    def command(self, do: str, *words: str) -> list[str]:
        """What a container runs that does one thing."""
        return ["python3", "-c", _SOURCE, _MOUNT, do, self.path, *words]

    def environment(self) -> list[dict[str, Any]]:
        """What it is told."""
        return []

    def volume(self) -> dict[str, Any]:
        """The pod's one volume."""
        return {"persistentVolumeClaim": {"claimName": self.claim}}

    def mount(self) -> dict[str, Any]:
        """Where it is; read-only, since the volume may be in use."""
        return {"mountPath": _MOUNT, "readOnly": True}


@dataclass(frozen=True)
class Bucket:
    """A folder in a bucket, and what opens it.

    Attributes:
        address: the workload's own folder.
        told: the environment of a container that reads it.
    """

    address: str
    told: Sequence[dict[str, Any]] = ()

    memory = "512Mi"
    advice = "The credentials are those that the job got: see secrets= and env= of cnai.train."
    later = "Try again; `cnai doctor` says what the cluster lacks."

    @staticmethod
    def of(spec: TrainSpec, id: str) -> Bucket:
        """That of one workload, with the credentials that it was given."""
        plain = [{"name": name, "value": pods.literal(value)} for name, value in spec.env.items()]
        needed = [s for s in spec.secrets if s.rpartition("/")[2].startswith(_READS)]
        hidden = [pods.secret_variable(secret, id) for secret in needed]
        return Bucket(bucket_folder(spec, id), [*plain, *hidden])

    def __str__(self) -> str:
        return self.address

    def command(self, do: str, *words: str) -> list[str]:
        """What a container runs that does one thing."""
        return ["python3", "-c", _LOADER, self.address, do, "", *words]

    def environment(self) -> list[dict[str, Any]]:
        """What it is told, and the code that speaks with buckets."""
        own = {"HOME": _HOME, _CODE: _package()}
        return [*self.told, *({"name": name, "value": value} for name, value in own.items())]

    def volume(self) -> dict[str, Any]:
        """The pod's one volume: what one container installs, the next one finds."""
        return {"emptyDir": {}}

    def mount(self) -> dict[str, Any]:
        """Where it is."""
        return {"mountPath": _HOME}


Shelf = Claim | Bucket


def shelf_of(spec: TrainSpec, id: str) -> Shelf | None:
    """Where a workload writes, or None when its files go with its workers."""
    scheme = scheme_of(spec.outputs)
    if scheme == "s3":
        return Bucket.of(spec, id)
    return Claim.parse(spec.outputs).of(id) if scheme == "pvc" else None


@functools.cache
def _package() -> str:
    worker = Path(browse.__file__).parents[2] / "worker"
    files = {f"{name}.py": (worker / f"{name}.py") for name in _OF_THE_WORKER}
    code = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    code |= {"__init__.py": "", "browse.py": _SOURCE}
    return base64.b64encode(zlib.compress(json.dumps(code).encode(), 9)).decode()
