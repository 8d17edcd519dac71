"""What a verb's arguments are called: here, in Kubernetes, and in what people come from.

A name is compared without case, "_" and "-". Never here: what an argument may be.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnai_sdk.capture import check_secret
from cnai_sdk.errors import InvalidRequest, SecretRefused
from cnai_sdk.model.quantity import show_given

_PLACED = (
    "Where a worker runs is the scheduler's choice, by what it asks for.",
    'Name a GPU with gpu_model="A100", or a queue with queue=; nodes are the administrator\'s.',
)
_MOUNTED = (
    "A worker sees nothing of its node; what it mounts is a claim of the namespace.",
    'Write data=["pvc://CLAIM/folder"] to read one, and outputs="pvc://CLAIM/folder" to write.',
)
_RAISED = (
    'Workers keep the Pod Security Standard "restricted": an ordinary user, without privileges.',
    "Build what needs root into the image, and name it with image=.",
)
_ACCOUNT = (
    "Workers have no account of the cluster: no token is mounted.",
    "Leave it out; secrets= hands a worker the credentials of something else.",
)
_WRITTEN = (
    "The pods of a job are written by the SDK, so that a namespace with strict rules takes them.",
    "Ask for what the worker needs: cpu=, memory=, gpu=, env=, secrets=, data=, image=.",
)
_ELSEWHERE = (
    "A job runs in the namespace that was chosen with the cluster.",
    'Choose it first: cnai.use("kubernetes", namespace="…").',
)
_OF_A_POD = {
    **dict.fromkeys(("namespace", "context", "cluster"), _ELSEWHERE),
    **dict.fromkeys(
        ("node", "nodename", "nodeselector", "affinity", "nodeaffinity", "tolerations"), _PLACED
    ),
    **dict.fromkeys(("hostpath", "volume", "volumes", "volumemounts", "mounts"), _MOUNTED),
    **dict.fromkeys(
        (
            "privileged",
            "securitycontext",
            "capabilities",
            "runasuser",
            "hostnetwork",
            "hostpid",
            "hostipc",
        ),
        _RAISED,
    ),
    **dict.fromkeys(("serviceaccount", "serviceaccountname"), _ACCOUNT),
    **dict.fromkeys(
        (
            "podspec",
            "podtemplate",
            "podtemplateoverrides",
            "podspecoverrides",
            "runtimepatches",
            "annotations",
            "labels",
            "initcontainers",
            "runtimeclassname",
            "schedulername",
        ),
        _WRITTEN,
    ),
}

_CALLED = {
    "args": (
        "funcargs",
        "functionargs",
        "parameters",
        "params",
        "kwargs",
        "hyperparameters",
        "trainloopconfig",
    ),
    "workers": (
        "numworkers",
        "numnodes",
        "nnodes",
        "nodes",
        "replicas",
        "worldsize",
        "numprocesses",
        "instancecount",
    ),
    "cpu": ("numcpus", "cpuspertask", "cpulimit", "cpurequest", "cores"),
    "memory": ("mem", "ram", "memorylimit", "memoryrequest", "mempercpu"),
    "gpu": ("numgpus", "gpuspernode", "gpusperworker", "gpuspertask"),
    "gpu_memory": ("gpumem", "vram"),
    "gpu_model": ("gputype", "accelerator", "acceleratortype"),
    "packages": ("packagestoinstall", "pippackages", "pip", "requirements", "dependencies"),
    "env": ("envvars", "environment", "environmentvariables"),
    "image": ("baseimage", "containerimage", "dockerimage"),
    "retries": ("maxretries", "maxrestarts", "backofflimit", "retrylimit"),
    "timeout": ("timelimit", "maxruntime", "activedeadlineseconds"),
    "shm": ("shmsize", "sharedmemory"),
    "queue": ("queuename", "localqueue"),
    "priority": ("priorityclass", "priorityclassname"),
    "name": ("jobname", "runname"),
}
"""What an argument is called by Kubeflow, Ray, torchrun, Slurm and Kubernetes."""

_HERE = {there: here for here, names in _CALLED.items() for there in names}
_RESOURCES = ("resources", "resourcespernode", "resourcesperworker", "requests", "limits")
_PROCESSES = ("nprocpernode", "numprocsperworker", "numprocspernode", "nproc", "nprocs")
_WAITING = ("wait", "block", "blocking", "follow", "sync", "detach", "background")
_NEAR = 0.65
"""How like a name must be to one that is known, so that it is taken for that, mistyped."""


def refuse_unknown(
    given: Mapping[str, Any], known: Sequence[str], verb: str, fn: object = None
) -> None:
    """Refuse an argument that a verb does not have, with what it is called here.

    Args:
        given: the arguments, by their names.
        known: those that the verb has.
        fn: the function that it was called with, whose own arguments are told apart.

    Raises:
        InvalidRequest: there is one.

    >>> refuse_unknown({"num_gpus": 2}, ("gpu",), "train")
    Traceback (most recent call last):
    cnai_sdk.errors.InvalidRequest: train() has no argument num_gpus.
    What to do: Did you mean gpu=2?
    >>> refuse_unknown({"nodeSelector": {}}, ("gpu",), "train")
    Traceback (most recent call last):
    cnai_sdk.errors.InvalidRequest: train() takes no nodeSelector.
    Why: Where a worker runs is the scheduler's choice, by what it asks for.
    What to do: Name a GPU with gpu_model="A100", or a queue with queue=; nodes are the \
administrator's.
    """
    for name, value in ((n, v) for n, v in given.items() if n not in known):
        if callable(fn) and name in _parameters(fn):
            step = (
                f"{name} belongs to the function: write args={{{name!r}: {_shown(name, value)}}}."
            )
            raise InvalidRequest(f"{verb}() has no argument {name}.", next_step=step)
        plain = name.lower().replace("_", "").replace("-", "")
        if plain in _OF_A_POD:
            why, step = _OF_A_POD[plain]
            raise InvalidRequest(f"{verb}() takes no {name}.", why=why, next_step=step)
        why, step = _called_here(name, plain, value, known, verb)
        raise InvalidRequest(f"{verb}() has no argument {name}.", why=why, next_step=step)


def _called_here(
    name: str, plain: str, value: object, known: Sequence[str], verb: str
) -> tuple[str, str]:
    """Why there is none of that name, and what to write."""
    if plain in _RESOURCES and "cpu" in known:
        return (
            "What each worker gets is written one by one.",
            'Write cpu=4, memory="8Gi" and gpu=1, as far as you need them.',
        )
    if plain in _PROCESSES and "workers" in known:
        return (
            "Each worker is one process.",
            "Write workers= for as many processes as there shall be; cpu=, memory= and gpu= are "
            "for each of them.",
        )
    if plain in _WAITING and "workers" in known:
        return (
            "The job is handed back as soon as it is submitted.",
            "Leave it out; job.wait() waits for its end, and job.logs(follow=True) shows what it "
            "prints.",
        )
    here = _HERE.get(plain, "")
    near = [here] if here in known else difflib.get_close_matches(name, known, 1, _NEAR)
    if near:
        return "", f"Did you mean {near[0]}={_shown(name, value)}?"
    return "", f"{verb}() takes {', '.join(known)}."


def _shown(name: str, value: object) -> str:
    """A value as it was written; never one that looks like a secret."""
    try:
        check_secret(name, value, where=name)
    except SecretRefused:
        return "…"
    return show_given(value)


def _parameters(fn: Callable[..., Any]) -> Sequence[str]:
    try:
        return list(inspect.signature(fn).parameters)
    except (TypeError, ValueError):
        return []
