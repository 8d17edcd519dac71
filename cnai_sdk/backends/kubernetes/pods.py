"""The pod of one worker, and what lies beside it; both operators' jobs are made of these parts.

Every pod passes the Pod Security Standard "restricted".
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cnai_sdk.backends.kubernetes import naming, payload
from cnai_sdk.backends.kubernetes.plan import (
    CLAIM_OF_OUTPUTS,
    CLAIMS_OF_DATA,
    Plan,
    claim_of_outputs,
    claims_of_data,
)
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.gpu.cluster import kai, volcano
from cnai_sdk.gpu.cluster.offer import Place, PodAsk
from cnai_sdk.gpu.cluster.places import is_plain
from cnai_sdk.gpu.cluster.seen import GPU
from cnai_sdk.gpu.fraction import beside
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.spec import TrainSpec

COMMAND = ("python3", "-c", payload.LOADER)

USER = 1000
POD_SECURITY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}

_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
CLAIM = "gpu"
"""The name of the claim in a pod; its template is beside the job."""

_NOTHING = PodAsk(mechanism="", isolation="none")
_BORNE = {"operator": "Exists", "effect": "NoSchedule"}
_MAKERS = ("nvidia.com/", "amd.com/", "gpu.intel.com/")
_OBJECT = 1_400 * 2**10
_ANNOTATIONS = 256 * 2**10


def worker_pod(spec: TrainSpec, plan: Plan, *, secured: bool = True) -> dict[str, Any]:
    """One worker as a pod by itself: what a server refuses in it, it would refuse in the job's.

    Args:
        secured: whether the job's pods get a security context; an older TrainJob cannot say one.
    """
    pod = pod_spec(spec, plan, secured=secured)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{plan.object_name}-check-",
            "namespace": plan.namespace,
            **pod_metadata(plan, role=False),
        },
        "spec": pod | {"restartPolicy": "Never"},
    }


def pod_spec(spec: TrainSpec, plan: Plan, *, secured: bool = True) -> dict[str, Any]:
    """A worker's pod, without what only one of the operators wants."""
    container = {
        "name": naming.CONTAINER[plan.kind],
        "image": plan.image,
        "command": list(COMMAND),
        "env": environment(spec, plan),
        "resources": resources(spec, plan),
        "volumeMounts": mounts(spec, plan),
    }
    pod: dict[str, Any] = {"containers": [container], "volumes": volumes(spec, plan)}
    if secured:
        container["securityContext"] = dict(CONTAINER_SECURITY)
        pod["securityContext"] = dict(POD_SECURITY)
    pod["automountServiceAccountToken"] = False
    pod["enableServiceLinks"] = False
    if spec.priority and plan.kind != "trainjob":  # whose priority is a class of Kueue's
        pod["priorityClassName"] = spec.priority
    return pod | _placed(plan)


def pod_metadata(plan: Plan, *, role: bool = True) -> dict[str, Any]:
    """The metadata of a worker's pod.

    Args:
        role: whether it is a worker, and not a pod that is only tried.
    """
    ask = plan.ask or _NOTHING
    labels = plan.labels | ({naming.ROLE: naming.WORKER} if role else {}) | _labels(plan)
    annotations = dict(ask.annotations)
    if plan.queue and not plan.served.kueue and _scheduler(plan) == volcano.SCHEDULER:
        annotations[volcano.QUEUE] = plan.queue
    return {"labels": labels} | ({"annotations": annotations} if annotations else {})


def _scheduler(plan: Plan) -> str:
    """Who places the pod: what its GPU needs, else whose queue is named; '' for kube-scheduler."""
    if plan.ask is not None and plan.ask.scheduler:
        return plan.ask.scheduler
    by_webhook = plan.ask is not None and plan.ask.mechanism == "hami"
    if not plan.queue or plan.served.kueue or by_webhook:
        return ""
    return volcano.SCHEDULER if plan.served.volcano else kai.SCHEDULER


def _labels(plan: Plan) -> dict[str, str]:
    """Labels of the pod and of its job that schedulers read."""
    known = {kai.QUEUE: plan.queue} if _scheduler(plan) == kai.SCHEDULER else {}
    return known | (plan.ask or _NOTHING).labels


def _placed(plan: Plan) -> dict[str, Any]:
    """Where a pod goes, and by whom it is put there."""
    scheduler = _scheduler(plan)
    by: dict[str, Any] = {"schedulerName": scheduler} if scheduler else {}
    ask = plan.ask
    if ask is None:
        return by
    placed: dict[str, Any] = by | {"tolerations": borne(ask.limits)}
    placed |= _kept(ask.places)
    if ask.claim:
        claim = {"name": CLAIM, "resourceClaimTemplateName": plan.claim_template}
        placed["resourceClaims"] = [claim]
    return placed


def _kept(places: Sequence[Place]) -> dict[str, Any]:
    """What keeps a pod on nodes that are like one of these."""
    if not places:
        return {}
    if is_plain(places):
        return {"nodeSelector": {label: values[0] for label, values in places[0].items()}}
    terms = [
        {"matchExpressions": [_expression(label, values) for label, values in place.items()]}
        for place in places
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"affinity": {"nodeAffinity": required}}


def _expression(label: str, values: Sequence[str]) -> dict[str, Any]:
    if values == ("",):
        return {"key": label, "operator": "DoesNotExist"}
    return {"key": label, "operator": "In", "values": list(values)}


def borne(keys: Iterable[str]) -> list[dict[str, str]]:
    """What a pod that asks for these keys bears: the taints by which administrators keep other
    pods off nodes with GPUs."""
    taints = dict.fromkeys([GPU, *(key for key in keys if key.startswith(_MAKERS))])
    return [{"key": key, **_BORNE} for key in taints]


def metadata(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """The metadata of the job object.

    Raises:
        InvalidRequest: what describes the job is larger than its annotations may be.
    """
    labels = plan.labels | _labels(plan)
    if plan.queue and plan.served.kueue:
        labels[naming.QUEUE] = plan.queue
    bare = msgspec.structs.replace(spec, payload=msgspec.structs.replace(spec.payload, files={}))
    annotations = {
        naming.SPEC: msgspec.json.encode(bare).decode(),
        naming.BASE: plan.base,
        naming.CREATED: f"{plan.created:.3f}",
        naming.GRANTED: msgspec.json.encode(plan.granted).decode(),
    }
    if spec.display_name:
        annotations[naming.DISPLAY_NAME] = spec.display_name
    if plan.notices:
        annotations[naming.NOTICES] = json.dumps(plan.notices, ensure_ascii=False)
    size = sum(len(name) + len(value.encode()) for name, value in annotations.items())
    if size > _ANNOTATIONS:
        raise InvalidRequest(
            f"What describes this job is {show_bytes(size)}, and a cluster's object holds "
            f"{show_bytes(_ANNOTATIONS)} of it.",
            why="Its environment, arguments and labels are a part of it.",
            next_step="Make large env values or arguments a value that the function uses; then "
            "they travel with the code.",
        )
    return {
        "name": plan.object_name,
        "namespace": plan.namespace,
        "labels": labels,
        "annotations": annotations,
    }


def environment(spec: TrainSpec, plan: Plan) -> list[dict[str, Any]]:
    """What the container is told; a secret by reference only."""
    plain = {
        "HOME": "/tmp",
        "CNAI_JOB_ID": plan.id,
        payload.DIGEST: plan.packed.digest,
    }
    if plan.packed.inline:
        plain[payload.ENV] = plan.packed.text
    if plan.ask is None:
        plain["NVIDIA_VISIBLE_DEVICES"] = "void"  # else images of CUDA see all of the node's
    found: list[dict[str, Any]] = [
        {"name": name, "value": literal(value)}
        for name, value in (plain | _capped(plan, spec.env)).items()
    ]
    return found + [secret_variable(secret, plan.id) for secret in spec.secrets]


def _capped(plan: Plan, env: Mapping[str, str]) -> dict[str, str]:
    """What the job's writer set, with torch's cap beside settings of torch's allocator."""
    told = (plan.ask or _NOTHING).environment
    return dict(env) | beside(env, told)


def literal(value: str) -> str:
    """A value that a cluster leaves as it is: it would replace `$(NAME)` by another variable.

    >>> literal("a$(HOME)$b")
    'a$$(HOME)$$b'
    >>> literal("5$")
    '5$'
    """
    return value.replace("$", "$$") if "$(" in value or "$$" in value else value


def secret_variable(secret: str, id: str) -> dict[str, Any]:
    """'my-secret/KEY' is in the namespace already; 'KEY' comes with the job of that id."""
    owner, _, key = secret.rpartition("/")
    reference = {"name": owner or naming.secret_name(id), "key": key}
    return {"name": key, "valueFrom": {"secretKeyRef": reference}}


def own_secrets(spec: TrainSpec) -> tuple[str, ...]:
    """The secrets whose values come with the job."""
    return tuple(secret for secret in spec.secrets if "/" not in secret)


def resources(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """Requests and limits, which are the same: what is promised is what is given."""
    wished = spec.resources
    amounts: dict[str, str] = {}
    if wished.cpu is not None:
        amounts["cpu"] = f"{math.ceil(wished.cpu * 1000 - 1e-6)}m"
    if wished.memory is not None:
        amounts["memory"] = str(wished.memory)
    ask = plan.ask or _NOTHING
    amounts |= ask.limits
    found: dict[str, Any] = {}
    if amounts:
        found = {"requests": dict(amounts), "limits": dict(amounts)}
    return found | ({"claims": [{"name": CLAIM}]} if ask.claim else {})


def volumes(spec: TrainSpec, plan: Plan) -> list[dict[str, Any]]:
    """The volumes of a worker's pod."""
    memory = {"medium": "Memory"} | _shared_memory(spec)
    found: list[dict[str, Any]] = [
        {"name": "cnai-work", "emptyDir": {}},
        {"name": "cnai-tmp", "emptyDir": {}},
        {"name": "cnai-shm", "emptyDir": memory},
    ]
    if plan.config_map:
        found.append({"name": "cnai-code", "configMap": {"name": plan.config_map}})
    if plan.kind == "trainjob":
        found.append({"name": "cnai-no-token", "emptyDir": {}})
    for claim in _claims(spec):
        claimed = {"claimName": claim}
        found.append({"name": _volume(claim), "persistentVolumeClaim": claimed})
    return found


def _shared_memory(spec: TrainSpec) -> dict[str, str]:
    """What is written there counts as the worker's memory; so by default it may be half of it."""
    size = spec.shm
    if size is None and spec.resources.memory is not None:
        size = spec.resources.memory // 2
    return {} if size is None else {"sizeLimit": str(size)}


def mounts(spec: TrainSpec, plan: Plan) -> list[dict[str, Any]]:
    """Where the worker's container finds the volumes."""
    found: list[dict[str, Any]] = [
        {"name": "cnai-work", "mountPath": payload.HOME},
        {"name": "cnai-tmp", "mountPath": "/tmp"},
        {"name": "cnai-shm", "mountPath": "/dev/shm"},
    ]
    if plan.config_map:
        found.append({"name": "cnai-code", "mountPath": payload.MOUNTED, "readOnly": True})
    if plan.kind == "trainjob":  # a TrainJob cannot say that no token is wanted
        found.append({"name": "cnai-no-token", "mountPath": _TOKEN, "readOnly": True})
    if claim := claim_of_outputs(spec):
        found.append({"name": _volume(claim), "mountPath": CLAIM_OF_OUTPUTS})
    for claim in claims_of_data(spec):
        place = {"mountPath": f"{CLAIMS_OF_DATA}/{claim}", "readOnly": True}
        found.append({"name": _volume(claim)} | place)
    return found


def _claims(spec: TrainSpec) -> Iterable[str]:
    outputs = claim_of_outputs(spec)
    return dict.fromkeys([*([outputs] if outputs else []), *claims_of_data(spec)])


def _volume(claim: str) -> str:
    """A volume's name is a label of at most 63 characters; a claim's may be longer, with dots."""
    plain = f"claim-{claim.replace('.', '-')}"
    if len(plain) <= 63 and "." not in claim:
        return plain
    mark = base64.b32encode(claim.encode()).decode().lower().strip("=")[-8:]
    return f"{plain[:54].rstrip('-')}-{mark}"


def config_map(plan: Plan) -> dict[str, Any]:
    """The ConfigMap of code that is too large for the job object; made before the job."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _beside(plan, naming.payload_name(plan.id)),
        "binaryData": {payload.KEY: plan.packed.text},
        "immutable": True,
    }


def claim_template(plan: Plan) -> dict[str, Any]:
    """The template of the claims by which workers get their devices; made before the job."""
    assert plan.ask is not None
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": _beside(plan, plan.claim_template),
        "spec": {"spec": plan.ask.claim},
    }


def secret(plan: Plan, values: Mapping[str, str]) -> dict[str, Any]:
    """The Secret of a job's own secret values; made before the job."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _beside(plan, naming.secret_name(plan.id)),
        "type": "Opaque",
        "data": {name: base64.b64encode(v.encode()).decode() for name, v in values.items()},
        "immutable": True,
    }


def _beside(plan: Plan, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": plan.namespace, "labels": plan.labels}


def owned_by(job: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that lets an object beside the job go with it.

    Args:
        job: as the server answered to its creation.
    """
    owner = {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
    }
    return {"metadata": {"ownerReferences": [owner]}}


def check_size(manifest: Mapping[str, Any]) -> None:
    """Refuse an object that the cluster's store would refuse.

    Raises:
        InvalidRequest: with what can be made smaller.
    """
    size = len(msgspec.json.encode(manifest))
    if size > _OBJECT:
        raise InvalidRequest(
            f"This job's object is {show_bytes(size)}, and a cluster stores {show_bytes(_OBJECT)}.",
            why="Its env values are most of it.",
            next_step="Make large env values a value that the function uses.",
        )
