"""Labels, annotations and names by which a workload is found again, from any kernel."""

from __future__ import annotations

import base64
import os
import re

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "cnai-sdk"

ID = "cnai-sdk/id"
NAME = "cnai-sdk/name"
KIND = "cnai-sdk/kind"
"""Labels of the job and of everything that belongs to it."""

ROLE = "cnai-sdk/role"
"""Label of a pod: WORKER for one that trains, READER for one that reads a claim back."""
WORKER = "worker"
READER = "reader"

SPEC = "cnai-sdk/spec"
BASE = "cnai-sdk/base"
DISPLAY_NAME = "cnai-sdk/display-name"
NOTICES = "cnai-sdk/notices"
GRANTED = "cnai-sdk/granted"
CREATED = "cnai-sdk/created"
STOPPED = "cnai-sdk/stopped"
ATTEMPT = "cnai-sdk/attempt"
OVERDUE = "cnai-sdk/overdue"
"""Annotations of the job."""

QUEUE = "kueue.x-k8s.io/queue-name"
"""Kueue's label of a job."""

SELECTOR = f"{MANAGED_BY}={MANAGER}"
"""What a list is narrowed by to what the SDK made."""

CONTAINER = {"pytorchjob": "pytorch", "trainjob": "node"}
"""The name of the container that trains; each operator insists on its own."""

_ID_BYTES = 10
_STARTS_WITH_A_LETTER = re.compile(r"[a-z]")


def new_id() -> str:
    """An id that no other workload has: 16 characters of base32.

    >>> len(new_id()), new_id() == new_id()
    (16, False)
    """
    return base64.b32encode(os.urandom(_ID_BYTES)).decode().lower()


def labels(id: str, name: str, kind: str) -> dict[str, str]:
    """The labels of a job, its pods, and what is made beside it."""
    return {MANAGED_BY: MANAGER, ID: id, NAME: name, KIND: kind}


def object_name(name: str) -> str:
    """The job object's name. An operator makes services of it, whose names start with a letter.

    >>> object_name("digits"), object_name("3d-net")
    ('digits', 'j-3d-net')
    """
    return name if _STARTS_WITH_A_LETTER.match(name) else f"j-{name}"


def payload_name(id: str) -> str:
    """The ConfigMap of a payload that is too large to travel in the job.

    >>> payload_name("ab12")
    'cnai-payload-ab12'
    """
    return f"cnai-payload-{id}"


def claim_name(id: str) -> str:
    """The template of the claims by which a job's workers get their devices.

    >>> claim_name("ab12")
    'cnai-gpu-ab12'
    """
    return f"cnai-gpu-{id}"


def secret_name(id: str) -> str:
    """The Secret that holds a job's own secret values.

    >>> secret_name("ab12")
    'cnai-secret-ab12'
    """
    return f"cnai-secret-{id}"
