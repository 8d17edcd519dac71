"""What some rows say beyond their pattern: a package's name, a step, the course of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.findings import Finding, last_attempt
from cnai_sdk.explain.wording import clipped, longer_time
from cnai_sdk.model.event import LOG_GAPS
from cnai_sdk.model.metric import Metric, from_wire
from cnai_sdk.model.quantity import show_duration, show_number
from cnai_sdk.text import clean

_OF_THE_END = frozenset({"TimedOut", "Failed"})
_DIVERGES = ("loss", "grad")


def particulars_of(facts: Facts, finding: Finding) -> Mapping[str, str]:
    """More names for the templates of this row; none for most rows."""
    say = _SAY.get(finding.row.id)
    return say(facts, finding) if say else {}


def _module(facts: Facts, finding: Finding) -> dict[str, str]:
    """A package is named only where installed metadata says that it provides the import.

    What a log says is foreign: a command made from it could install anything that somebody has
    published under a name like it.
    """
    name = finding.groups[1].partition(".")[0]
    known = facts.distributions.get(name, ())
    if name in facts.modules:
        return {
            "found": f"{name} stands beside the notebook, and is carried when the function or a "
            "cell that it uses imports it by name. Here nothing that was captured did.",
            "advice": f"Write 'import {name}' in the function, or name the file in data=.",
            "package": "",
        }
    if len(known) == 1:
        asked = any(event.reason == "Installing" for event in facts.events)
        also = " beside those it already names" if asked else ""
        return {
            "found": f"Your own environment has it from the package {known[0]}.",
            "advice": f"Add {known[0]} to packages={also}{':' if not asked else '.'}",
            "package": "" if asked else known[0],
        }
    providers = f" Installed here, {' and '.join(known)} provide it." if known else ""
    return {
        "found": f"It is not among the packages that are installed here.{providers}"
        if not known
        else f"Several packages can provide it.{providers}",
        "advice": "Check the spelling. The name to import is not always the name to install: its "
        "documentation says which package provides it; name that one in packages=.",
        "package": "",
    }


def _deadline(facts: Facts, finding: Finding) -> dict[str, str]:
    workload = facts.workload
    parts, words = [], {}
    progress = workload.progress
    if progress is not None and progress.total:
        unit = clean(progress.unit, colours=False) or "step"
        done, total = show_number(progress.done), show_number(progress.total)
        parts.append(f"It was at {clipped(unit, 20)} {done} of {total}.")
        if workload.timeout and (progress.fraction or 0) >= 0.05:
            needed = workload.timeout / (progress.fraction or 1.0)
            words["longer"] = longer_time(max(1.2 * needed, 1.25 * workload.timeout))
    over = max((e.time for e in last_attempt(facts.events) if e.reason == "TimedOut"), default=0)
    last = max((line.time for line in facts.lines), default=0)
    if over and last and workload.timeout and over - last > 0.5 * workload.timeout:
        parts.append(f"Its last line came {show_duration(over - last)} before that: it may hang.")
    was = "had not started" if workload.started is None else "was still running"
    if workload.started is None:
        parts.append(_before(_held(facts)))
    advice = (
        "Put right what it waited for, ask for less so that it starts sooner, or give it more "
        "time, since that wait counted too; job.events() has all that was said:"
        if workload.started is None
        else "Give it more time at once, or make it end earlier. A rerun begins from the start, "
        "with an empty cnai.checkpoint_dir():"
    )
    return words | {"course": " ".join(parts), "was": was, "advice": advice}


def _late(facts: Facts, finding: Finding) -> dict[str, str]:
    return {"course": _before(_held(facts, of_the_job=False))}


def _before(held: str) -> str:
    return f"Before that the cluster said: {clipped(clean(held, colours=False))}" if held else ""


def _held(facts: Facts, *, of_the_job: bool = True) -> str:
    """What kept the workers from starting, at last: what is said of one tells more."""
    said = [e for e in facts.events if e.warning and e.reason not in _OF_THE_END]
    said = [e for e in said if not e.message.startswith("Error: ")]  # its reason's word again
    of_workers = [each for each in said if each.rank is not None]
    chosen = of_workers or (said if of_the_job else [])
    return chosen[-1].message if chosen else ""


def _file(facts: Facts, finding: Finding) -> dict[str, str]:
    """What a worker sees of the files: not the same on a cluster as on this machine."""
    if _on_cluster(facts):
        return {
            "found": "A worker runs in a container of the cluster. It sees the files of its image "
            "and what data= names, and none of your own machine.",
            "advice": "Put the file where the cluster can read it, and name that in the call: "
            'data=["pvc://CLAIM/folder"], data=["s3://BUCKET/folder"] or '
            'data=["hf://datasets/OWNER/NAME"]. The worker finds it as "folder" or "NAME"; with '
            'another name: data=["train=pvc://CLAIM/folder"].',
        }
    if finding.groups[1].startswith("/"):
        return {
            "found": "A worker sees the absolute paths of this machine, and nothing is there.",
            "advice": "Correct the path. A file beside the notebook can also be named in the call, "
            'such as cnai.train(fn, data=["data"]), and opened by its relative path.',
        }
    return {
        "found": "A worker runs in a folder of its own; it sees the files that data= names, under "
        "the same relative path, and absolute paths.",
        "advice": "Name the file or its folder in the call, such as cnai.train(fn, "
        'data=["data"]), or write its absolute path.',
    }


def _gpu(facts: Facts, finding: Finding) -> dict[str, str]:
    """Why there is none to use: a GPU that was given is not to be asked for again."""
    workload = facts.workload
    granted = workload.granted
    given = granted.gpu > 0 if granted else workload.resources.wants_gpu
    if given and _on_cluster(facts):
        return {
            "found": "The job was given one. Either the torch of its image is a CPU build, or its "
            "node hands no GPU to containers, for want of a driver or of the runtime class for it.",
            "advice": "Use an image= whose torch is built for CUDA; torch.version.cuda is None in "
            "a CPU build. If that is not it, show this to whoever runs the cluster: the node's "
            "driver and runtime class are theirs.",
        }
    if given:
        return {
            "found": "The job was given one. Either the installed torch is a CPU build, or the "
            "GPU's driver does not work.",
            "advice": "Install a torch that is built for CUDA; cnai doctor says which torch and "
            "which driver this machine has.",
        }
    who = "cnai.gpus() lists what the cluster has."
    return {
        "found": "The job did not ask for one, and its workers see none that it did not ask for.",
        "advice": 'Ask for one with gpu=1, or choose the device when it runs: torch.device("cuda" '
        'if torch.cuda.is_available() else "cpu"), and the backend gloo instead of nccl. '
        f"{who if _on_cluster(facts) else 'cnai doctor says what this machine has.'}",
    }


def _on_cluster(facts: Facts) -> bool:
    return facts.workload.backend == "kubernetes"


def _others(facts: Facts, finding: Finding) -> dict[str, str]:
    several = len(facts.workload.replicas) > 1
    return {"others": " The other workers were ended for it." if several else ""}


def _unkept(facts: Facts, finding: Finding) -> dict[str, str]:
    """Whether the bucket was away before the code ran, or when the rest was to be copied.

    A worker that copies says in its log that it could not, before it gives up. One that looks
    before the first run says nothing.
    """
    ran = facts.metrics or facts.workload.metrics or facts.workload.progress
    if any(line.text.startswith("The outputs are not kept") for line in facts.lines):
        return {"course": "Not everything that the workers wrote is kept."}
    if ran or facts.workload.attempt or any(e.reason in LOG_GAPS for e in facts.events):
        return {"course": ""}
    return {"course": "None of your code has run."}


def _divergence(facts: Facts, finding: Finding) -> dict[str, str]:
    found = diverged(facts)
    if found is None:
        return {"metric": finding.groups[1], "value": finding.groups[2], "since": ""}
    name, metric = found
    value = str(metric.values[name])
    since = "" if metric.step is None else f" since step {show_number(metric.step)}"
    return {"metric": clipped(clean(name, colours=False), 40), "value": value, "since": since}


def diverged(facts: Facts) -> tuple[str, Metric] | None:
    """The metric that is not finite and stays so to its end, and where that began.

    Infinity counts for losses and gradients only: a best value often starts there.
    """
    began: dict[tuple[int, str], Metric] = {}
    for metric in facts.metrics:
        for name, wire in metric.values.items():
            value = from_wire(wire)
            bad = math.isnan(value) or (
                math.isinf(value) and any(word in name.lower() for word in _DIVERGES)
            )
            if bad:
                began.setdefault((metric.rank, name), metric)
            else:
                began.pop((metric.rank, name), None)
    first = min(began.items(), key=lambda item: (item[1].seq, item[0]), default=None)
    return (first[0][1], first[1]) if first else None


def _saving(facts: Facts, finding: Finding) -> dict[str, str]:
    torch = "unexpected pos" in "".join(finding.groups[:1]).lower()
    said = "torch.save says 'unexpected pos' then, and not that space is missing."
    return {"saving": said if torch else ""}


def _spent(facts: Facts, finding: Finding) -> dict[str, str]:
    workload = facts.workload
    return {"spent": show_duration((workload.ended or 0) - (workload.started or 0))}


def _early(facts: Facts, finding: Finding) -> dict[str, str]:
    ranks = sorted(finished_early(facts))
    named = ", ".join(str(rank) for rank in ranks[:6])
    return {"Early": f"Worker {named}" if len(ranks) == 1 else f"Workers {named}"}


def finished_early(facts: Facts) -> frozenset[int]:
    """Ranks that ended well while others failed."""
    ended = last_attempt(facts.events)
    return frozenset(
        e.rank
        for e in ended
        if e.reason == "WorkerExited" and e.exit_code == 0 and e.rank is not None
    ) | {r.rank for r in facts.workload.replicas if r.exit_code == 0}


_SAY: Mapping[str, Callable[[Facts, Finding], dict[str, str]]] = MappingProxyType(
    {
        "CUDA_NO_GPU": _gpu,
        "DEADLINE": _deadline,
        "DISK_FULL": _saving,
        "FILE_MISSING": _file,
        "KUEUE_PODSREADY": _late,
        "NAN_LOSS": _divergence,
        "NOOP_SUCCESS": _spent,
        "OUTPUTS_FAILED": _unkept,
        "OUTPUTS_UNREACHABLE": _unkept,
        "POD_DELETED": _others,
        "PY_MODULE_MISSING": _module,
        "UNEVEN_BATCHES": _early,
    }
)
