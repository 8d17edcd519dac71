"""Why something waits, in plain words: what the scheduler, a node or a queue says.

A `Wait` carries one reason word, by which a verdict is found, and a sentence for a person. The
cluster's own words stay in the events.
"""

from __future__ import annotations

import re

import msgspec

from cnai_sdk.backends.kubernetes.objects import condition, holds
from cnai_sdk.backends.kubernetes.queue_objects import QueueWorkload
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.model.quantity import show_number

_LONGEST = 300


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What it waits for.

    Attributes:
        reason: one word, the same on every cluster ('Unschedulable', 'CreateDenied').
        sentence: without a full stop, to stand alone or after 'worker 1: '.
        stuck: whether it will not go on by itself.
    """

    reason: str
    sentence: str
    stuck: bool = False


def clip(text: str) -> str:
    """Foreign text in one bounded line."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


# -- the scheduler -----------------------------------------------------------------

_AVAILABLE = re.compile(r"\d+/(\d+) nodes? (?:is|are) available:?\s*(.*?)(?:\. |\.$|$)", re.DOTALL)
_NODES: tuple[tuple[str, str], ...] = (
    (r"Insufficient cpu", "has too few free cores"),
    (r"Insufficient memory", "has too little free memory"),
    (r"Insufficient ephemeral-storage", "has too little free disk"),
    (r"Insufficient (?:nvidia\.com|amd\.com)/\S+", "has too few free GPUs"),
    (r"Insufficient (\S+)", "has too little free {1}"),
    (r"Too many pods", "has as many pods as it may"),
    (r"untolerated taint|had taints that the pod didn't tolerate", "is reserved for other work"),
    (
        r"didn't match Pod's node affinity|didn't match node selector",
        "is not of the kind asked for",
    ),
    (r"were unschedulable", "is closed for new work"),
    (
        r"PersistentVolume's node affinity|volume node affinity|no available volume zone",
        "is out of reach of its volume",
    ),
    (r"cannot allocate all claims", "has no free device"),
)
_VERBS = {"has": "have", "is": "are"}
_PODS: tuple[tuple[str, str], ...] = (
    (r'persistentvolumeclaim "([^"]+)" not found', "There is no volume {1}"),
    (r"unbound immediate PersistentVolumeClaims|available persistent volumes to bind",
     "Its volume is not ready"),
    (r"no nodes available", "The cluster has no node"),
    (r"schedul\w+ gate|SchedulingGated", "It is held back until something else allows it"),
)  # fmt: skip


_GANG = re.compile("waiting for minCount pods|pod group|PodGroup")
_GAP = re.compile(r"resource gap: map\[([^\s:\]]+):")


def scheduling(message: str, *, alone: bool = False) -> Wait:
    """What the scheduler waits for.

    Args:
        alone: it is the only worker, so that a scheduler of gangs waits for no other.

    >>> scheduling(
    ...     "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated "
    ...     "taint(s). preemption: 0/3 nodes are available"
    ... ).sentence
    'No node has room: of 3 nodes, 1 has too little free memory, 2 are reserved for other work'
    """
    if not message:
        return Wait(reason="Scheduling", sentence="Waits for a node")
    for pattern, sentence in _PODS:
        if match := re.search(pattern, message):
            return Wait(reason="Unschedulable", sentence=_filled(sentence, match), stuck=True)
    if not alone and _GANG.search(message):
        sentence = "Waits until there is room for all workers at once"
        return Wait(reason="Unschedulable", sentence=sentence, stuck=True)
    if gap := _GAP.search(message):
        sentence = f"No node has room: the cluster {_node_words(f'Insufficient {gap[1]}')}"
        return Wait(reason="Unschedulable", sentence=sentence, stuck=True)
    found = _AVAILABLE.search(message)
    parts = _per_node(found[2]) if found else []
    if found is None or not parts:
        return Wait(reason="Unschedulable", sentence=clip(message), stuck=True)
    which = f"of {found[1]} nodes, " if found[1] != "1" else ""
    if not which:
        parts = [f"the only one{part[1:]}" for part in parts]
    sentence = f"No node has room: {which}{', '.join(parts)}"
    return Wait(reason="Unschedulable", sentence=sentence, stuck=True)


def _per_node(text: str) -> list[str]:
    counts: dict[str, int] = {}
    for number, what in re.findall(r"(\d+) ((?:[^,{]|\{[^}]*\})+)", text):
        words = _node_words(what)
        counts[words] = counts.get(words, 0) + int(number)
    return [f"{count} {_plural(words) if count > 1 else words}" for words, count in counts.items()]


def _plural(words: str) -> str:
    verb, _, rest = words.partition(" ")
    return f"{_VERBS.get(verb, verb)} {rest}".replace("it may", "they may")


def _node_words(what: str) -> str:
    for pattern, words in _NODES:
        if match := re.search(pattern, what):
            return _filled(words, match)
    return clip(what.replace("node(s) ", ""))


def _filled(template: str, match: re.Match[str]) -> str:
    return template.format(match[0], *(group or "" for group in match.groups()))


# -- a node ------------------------------------------------------------------------

_IMAGE = frozenset(
    {
        *("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"),
        *("ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"),
    }
)
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_START = frozenset({"RunContainerError", "StartError", "ContainerCannotRun"})
_STEPS = {"init-pytorch": "Waits for worker 0"}


_TOO_OFTEN = 3
"""Restarts after which a container that ends each time will not come to run by itself."""


def starting(
    why: str,
    said: str,
    *,
    container: str = "",
    mount: str = "",
    pulling: str = "",
    restarts: int = 0,
) -> Wait:
    """What a worker that has a node waits for.

    Args:
        why, said: the node's own word and sentence.
        container: which container it is about, when it is not the worker's own.
        mount: what an event said of its volumes, if anything.
        pulling: what an event said of an image that is being pulled, if anything.
        restarts: how often it was started again.
    """
    if why in _IMAGE:
        return Wait(reason="ImagePull", sentence=_image(why, said), stuck=True)
    if why in _CONFIG:
        return Wait(reason="ConfigMissing", sentence=_config(said or why), stuck=True)
    if why in _START:
        return Wait(reason="StartFailed", sentence=_start(said or why), stuck=True)
    if why == "CrashLoopBackOff":
        again = "It ended and is started again after a pause"
        return Wait(reason="CrashLoop", sentence=again, stuck=restarts >= _TOO_OFTEN)
    if mount:
        reason = "ConfigMissing" if "not found" in mount else "MountFailed"
        return Wait(reason=reason, sentence=_mount(mount), stuck=True)
    if why == "Initializing":
        return Wait(reason="Starting", sentence=_STEPS.get(container, f"Runs its step {container}"))
    if pulling:
        return Wait(reason="Starting", sentence=clip(pulling))
    return Wait(reason="Starting", sentence=clip(f"{why}: {said}") if why else "")


def _image(why: str, said: str) -> str:
    name = re.search(r'image (?:tag |name )?"?([^\s":]+(?::\d+/[^\s":]+)?(?::[\w.-]+)?)"?', said)
    image = f" {name[1]}" if name else ""
    if why == "InvalidImageName":
        return f"The image name{image} is not valid"
    return f"The image{image} cannot be pulled"


def _config(said: str) -> str:
    if match := re.search(r'(secret|configmap) "([^"]+)" not found', said):
        kind = "secret" if match[1] == "secret" else "ConfigMap"
        return f"There is no {kind} {match[2]}"
    if match := re.search(r"couldn't find key (\S+) in (Secret|ConfigMap) \S*?([^/\s]+)$", said):
        return (
            f"The {'secret' if match[2] == 'Secret' else 'ConfigMap'} {match[3]} has no {match[1]}"
        )
    if "runAsNonRoot" in said:
        return "The image runs as root, and this cluster does not allow that"
    return f"The worker's container cannot be made: {clip(said)}"


def _start(said: str) -> str:
    if match := re.search(
        r'exec: "([^"]+)": (?:executable file not found|stat|no such file)', said
    ):
        return f"The image has no {match[1]}"
    if "exec format error" in said:
        return "The image is built for another kind of processor"
    return f"The worker's program cannot be started: {clip(said)}"


def _mount(said: str) -> str:
    if match := re.search(r'(secret|configmap|persistentvolumeclaim) "([^"]+)" not found', said):
        kind = {"secret": "secret", "configmap": "ConfigMap"}.get(match[1], "volume")
        return f"There is no {kind} {match[2]}"
    if "Multi-Attach" in said:
        return "Its volume is used by another node"
    return f"Its volumes cannot be mounted: {clip(said)}"


# -- a queue -------------------------------------------------------------------------

_LATE = "its workers did not all start in time"


def queue_wait(queue: QueueWorkload) -> Wait:
    """What a job waits for in its queue."""
    name = queue.spec.queue_name
    reserved = condition(queue.status.conditions, "QuotaReserved")
    said = reserved.message if reserved and not reserved.true else ""
    evicted = holds(queue.status.conditions, "Evicted")
    if queue.spec.active is False:
        return _deactivated(
            name, evicted.reason if evicted else "", evicted.message if evicted else ""
        )
    checks = [c for c in queue.status.admission_checks or () if c.state not in ("Ready", "")]
    if evicted is not None and evicted.reason == "PodsReadyTimeout" and "PodsReady" in said:
        sentence = f"The queue {name} took it back: {_LATE}; it tries again by itself"
        return Wait(reason="QueueGaveUp", sentence=sentence, stuck=True)
    if reserved is not None and reserved.true:
        waits = f"the check {checks[0].name}" if checks else "its last checks"
        return Wait(reason="QueuePending", sentence=f"Has its quota, waits for {waits}")
    return _pending(name, said)


def _pending(name: str, said: str) -> Wait:
    if match := re.search(
        r"insufficient unused quota for (\S+) in flavor (\S+?),.*?(\d\S*) more needed", said
    ):
        amount = quantity(match[3]) if match[3].endswith("m") else None
        count = match[3] if amount is None else show_number(amount)
        more = f"{count} more {resource_named(match[1])}"
        return Wait(reason="QueuePending", sentence=f"{more} to become free in the queue {name}")
    if match := re.search(
        r"insufficient quota for (\S+) in flavor (\S+?),.*maximum capacity \((\S+)\)", said
    ):
        has = f"{match[3]} {resource_named(match[1])} in all"
        sentence = f"The queue {name} has {has}, fewer than asked for"
        return Wait(reason="QueueTooSmall", sentence=sentence, stuck=True)
    if match := re.search(r"resource (\S+) unavailable in ClusterQueue", said):
        sentence = f"The queue {name} has no {resource_named(match[1])}"
        return Wait(reason="QueueLacks", sentence=sentence, stuck=True)
    if re.search(r"doesn't match node affinity|untolerated taint .* in flavor", said):
        return Wait(reason="QueueLacks", sentence=f"The queue {name} has no such nodes", stuck=True)
    if match := re.search(
        r"(LocalQueue|ClusterQueue) (\S+) (?:doesn't exist|not found|is terminating or missing)",
        said,
    ):
        what = "There is no queue" if match[1] == "LocalQueue" else "The cluster has no queue"
        return Wait(reason="QueueMissing", sentence=f"{what} {match[2]}", stuck=True)
    if "doesn't match ClusterQueue selector" in said:
        sentence = f"The queue {name} is not open to this namespace"
        return Wait(reason="QueueMissing", sentence=sentence, stuck=True)
    if match := re.search(r"(?:LocalQueue|ClusterQueue) (\S+) is (?:inactive|stopped)", said):
        return Wait(reason="QueueStopped", sentence=f"The queue {match[1]} is paused", stuck=True)
    if "to be in PodsReady condition" in said:
        sentence = f"all workers of the job before it in the queue {name} to start"
        return Wait(reason="QueuePending", sentence=sentence)
    if "topology" in said:
        sentence = f"Enough room close together in the queue {name}"
        return Wait(reason="QueuePending", sentence=sentence)
    return Wait(reason="QueuePending", sentence=clip(said) or f"its turn in the queue {name}")


def _deactivated(name: str, reason: str, said: str) -> Wait:
    if "MaximumExecutionTime" in reason:
        return Wait(
            reason="QueueTimeLimit",
            sentence=f"The queue {name} ended it: the time that it gives a job was over",
            stuck=True,
        )
    if "RequeuingLimit" in reason or "PodsReady" in reason:
        return Wait(
            reason="QueueGaveUp",
            sentence=f"The queue {name} gave up: {_LATE}",
            stuck=True,
        )
    if match := re.search(r'in Rejected state: "([^"]+)"(?: \((.+?)\))?', said):
        because = f": {clip(match[2])}" if match[2] else ""
        sentence = f"The check {match[1]} of the queue {name} refused it{because}"
        return Wait(reason="QueueGaveUp", sentence=sentence, stuck=True)
    if reason.startswith("DeactivatedDueTo"):
        return Wait(reason="QueueGaveUp", sentence=clip(said) or "Its queue gave up", stuck=True)
    return Wait(reason="Suspended", sentence="Suspended")


def resource_named(name: str) -> str:
    """A resource's name for a person.

    >>> resource_named("nvidia.com/gpu"), resource_named("cpu"), resource_named("memory")
    ('GPU', 'CPU', 'memory')
    """
    if name.endswith("/gpu"):
        return "GPU"
    return {"cpu": "CPU"}.get(name, name)
