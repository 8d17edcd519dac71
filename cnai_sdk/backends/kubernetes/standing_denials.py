"""What an admission of the cluster has against a job or its workers, in plain words."""

from __future__ import annotations

import re

from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.backends.kubernetes.standing_words import Wait, clip, resource_named

_CREATING = re.compile(r"^(?:Error creating: |TrainJob resources reconciliation failed: )*")
_OWNERLESS = re.compile(
    r"denied the request: (?:JobSet|Job|TrainJob|PyTorchJob|jobsets|jobs)\.\S+ \"[^\"]*\" not found"
)


def ownerless(message: str) -> bool:
    """Whether a worker was refused because what it belongs to has just been made, or removed.

    That settles by itself: the operator asks again, or its job is gone.
    """
    return _OWNERLESS.search(message) is not None


def denied(message: str) -> Wait:
    """Why the cluster refuses to make the workers."""
    said = _CREATING.sub("", message)
    sentence = plain_denial(said) or f"The cluster refused to make the workers: {clip(said)}"
    return Wait(reason="CreateDenied", sentence=sentence, stuck=True)


def plain_denial(said: str) -> str:
    """What an admission of the cluster has against something, or '' where its words are not known.

    >>> plain_denial("status unknown for quota: team-a, resources: count/pods")
    'What the quota team-a of this namespace bounds has not been counted yet'
    """
    quota = re.search(
        r"exceeded quota: (\S+), requested: (.+?), used: (.+?), limited: (.+)", said, re.DOTALL
    )
    if quota:
        return _over_quota(*quota.groups())
    if match := re.search(r"status unknown for quota: ([^\s,]+)", said):
        return f"What the quota {match[1]} of this namespace bounds has not been counted yet"
    if match := re.search(r"failed quota: (\S+): must specify (\S+)", said):
        return f"The quota {match[1]} of this namespace wants {match[2]} to be stated"
    if match := re.search(
        r"(maximum|minimum) (\S+) usage per (\w+) is (\S+?)[,.](?: but \w+ is (\S+?)\.?$)?", said
    ):
        most = "most" if match[1] == "maximum" else "least"
        asked = f", and a worker asks for {match[5]}" if match[5] else ""
        return f"This namespace allows at {most} {match[4]} of {match[2]} a worker{asked}"
    if match := re.search(r'violates PodSecurity "([^"]+)"', said):
        return f"The namespace's security level {match[1].partition(':')[0]} does not allow it"
    if match := re.search(r'failed calling webhook "([^"]+)"', said):
        return f"The check {match[1]} of this cluster does not answer"
    if match := re.search(r'admission webhook "([^"]+)" denied the request:?\s*(.*)', said, re.S):
        return f"The check {match[1]} of this cluster refused it: {clip(match[2])}"
    return ""


def _over_quota(name: str, requested: str, used: str, limited: str) -> str:
    asks, has, may = amounts_by_key(requested), amounts_by_key(used), amounts_by_key(limited)
    over = [each for each in asks if _exceeds(asks[each], has.get(each), may.get(each))]
    which = (over or list(asks))[0]
    short = which.removeprefix("requests.").removeprefix("limits.").removeprefix("count/")
    counted = short == "pods" or which.startswith("count/")
    what = short.partition(".")[0] if counted else f"of {resource_named(short)}"
    more = f"{asks[which]} more would be made" if counted else f"a worker asks for {asks[which]}"
    return (
        f"The quota {name} of this namespace is used up: it allows {may.get(which, '?')} {what}, "
        f"{has.get(which, '?')} is in use, and {more}"
    )


def amounts_by_key(text: str) -> dict[str, str]:
    """The amounts that a quota's refusal names.

    >>> amounts_by_key("requests.cpu=1, requests.memory=2Gi")
    {'requests.cpu': '1', 'requests.memory': '2Gi'}
    """
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {name: value for name, _, value in pairs}


def _exceeds(asks: str, has: str | None, may: str | None) -> bool:
    amounts = [quantity(each) if each else None for each in (asks, has, may)]
    wanted, used, allowed = amounts
    return None not in amounts and wanted + used > allowed  # type: ignore[operator]
