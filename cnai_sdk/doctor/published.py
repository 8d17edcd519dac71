"""What an administrator has published on a cluster, and whether the API server holds the same."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cnai_sdk.config import SHARED
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.doctor.listed import Named
from cnai_sdk.errors import InvalidRequest

if TYPE_CHECKING:
    from cnai_sdk.backends.kubernetes.api import Api
    from cnai_sdk.backends.kubernetes.ceilings import Ceilings

_POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
Data = Mapping[str, Mapping[str, str]]


class _ConfigMap(Named):
    data: dict[str, str] | None = None


async def published(api: Api, shared: str, set_up: str) -> AsyncIterator[Finding]:
    """The ceilings and the GPU profile, as far as this user can see them.

    Args:
        set_up: the command that sets a cluster up.
    """
    from cnai_sdk.backends.kubernetes.api import Refused
    from cnai_sdk.backends.kubernetes.ceilings import NAME, read

    try:
        found = await api.list(f"/api/v1/namespaces/{shared}/configmaps", type=_ConfigMap)
    except Refused:
        found = None
    data = {each.metadata.name: each.data or {} for each in found.items} if found else {}
    known = read(data.get(NAME), where=f"{shared}/{NAME}")
    held = await _held(api)
    if NAME in data:
        for finding in _ceilings(known, shared):
            yield finding
    elif held is None:
        yield Finding(
            check="ceilings",
            state="note",
            what=f"Nothing bounds one job: no {NAME} can be read in the namespace {shared}.",
            fix=f"An administrator sets it up: {set_up}",
        )
    if held is not None and (NAME in data or found is not None):
        for finding in _differing(known, held, data, shared):
            yield finding
    for finding in _profile(data, shared):
        yield finding


async def base_again(api: Api, shared: str) -> str:
    """The command that writes the base anew, with the ceilings that are published now."""
    from cnai_sdk.backends.kubernetes.api import Missing, Refused
    from cnai_sdk.backends.kubernetes.ceilings import NAME, read

    data: Mapping[str, str] = {}
    with contextlib.suppress(Missing, Refused):
        path = f"/api/v1/namespaces/{shared}/configmaps/{NAME}"
        data = (await api.get(path)).get("data") or {}
    if not data:
        named = f" --shared {shared}" if shared != SHARED else ""
        return f"cnai admin manifests --base{named} | kubectl apply -f -"
    known = read(data, where="")
    return _again({name: data[name] for name in known.amounts}, {NAME: data}, shared)


def _ceilings(known: Ceilings, shared: str) -> Iterable[Finding]:
    for sentence in known.ignored:
        yield Finding(
            check="ceilings",
            state="note",
            what=sentence,
            fix="An administrator writes it anew: cnai admin manifests | kubectl apply -f -; or "
            f"corrects it: kubectl -n {shared} edit configmap cnai-ceilings",
        )
    said = ", ".join(f"{name} {amount:g}" for name, amount in known.amounts.items())
    yield Finding(check="ceilings", state="ok", what=f"{said or 'None'}, by {known.where}")


# -- what the API server holds -------------------------------------------------------------


async def _held(api: Api) -> Mapping[str, str] | None:
    """What the policy has for each ceiling, as it is written; None where it cannot be read."""
    from cnai_sdk.admin.manifests import HELD
    from cnai_sdk.backends.kubernetes.api import Missing, Refused
    from cnai_sdk.backends.kubernetes.ceilings import NAME

    try:
        policy: Mapping[str, Any] = await api.get(f"{_POLICIES}/{NAME}")
    except (Missing, Refused):
        return None
    variables = policy.get("spec", {}).get("variables") or ()
    written = {each.get("name", ""): each.get("expression", "") for each in variables}
    return {ceiling: written.get(name, "") for name, ceiling in HELD.items()}


def _differing(
    known: Ceilings, held: Mapping[str, str], data: Data, shared: str
) -> Iterable[Finding]:
    from cnai_sdk.backends.kubernetes.ceilings import NAME

    written = data.get(NAME, {})
    differing = {
        name: f"{name} is {_said(known.of(name))} in {known.where} and {_said(_number(text))} in "
        f"the policy {NAME}"
        for name, text in held.items()
        if known.of(name) != _number(text) and (name in known.amounts or name not in written)
    }
    if not differing:
        return
    meant = {name: written[name] for name in known.amounts}
    for name, text in held.items():
        bound = _number(text)
        if isinstance(bound, float) and name not in meant and (not written or name in written):
            meant[name] = f"{bound:f}".rstrip("0").rstrip(".")  # the ConfigMap does not say it
    said = "ConfigMap" if written else "policy"
    yield Finding(
        check="ceilings",
        state="note",
        what=f"The SDK says other ceilings than the API server holds: "
        f"{'; '.join(differing.values())}.",
        fix=f"An administrator runs, for those of the {said}: {_again(meant, data, shared)}; "
        "or the same with other numbers.",
    )


def _number(written: str) -> float | str | None:
    """A bound of the policy; None for none, and as it is written where it is no number."""
    try:
        return float(written) if float(written) >= 0 else None
    except ValueError:
        return written


def _said(bound: float | str | None) -> str:
    if bound is None:
        return "none"
    return f"{bound:g}" if isinstance(bound, float) else repr(bound)


def _again(meant: Mapping[str, str], data: Data, shared: str) -> str:
    """The command that writes ceilings into both, and keeps the rest."""
    from cnai_sdk.admin.manifests import OPTIONS
    from cnai_sdk.gpu.cluster import profile

    words = [f"{option} {meant.get(name, chr(39) * 2)}" for name, option in OPTIONS.items()]
    if shared != SHARED:
        words.append(f"--shared {shared}")
    before = ""
    if data.get(profile.NAME, {}).get(profile.KEY, "").strip():
        template = f'go-template={{{{index .data "{profile.KEY}"}}}}'
        before = (
            f"kubectl -n {shared} get configmap {profile.NAME} -o '{template}' > {profile.KEY} && "
        )
        words.append(f"--gpu-profile {profile.KEY}")
    return f"{before}cnai admin manifests {' '.join(words)} | kubectl apply -f -"


# -- the GPU profile -----------------------------------------------------------------------


def _profile(data: Data, shared: str) -> Iterable[Finding]:
    from cnai_sdk.gpu.cluster.profile import KEY, NAME, read_profile

    text = data.get(NAME, {}).get(KEY, "")
    if not text.strip():
        return
    try:
        offers = read_profile(text).offer
    except InvalidRequest as error:
        yield Finding(
            check="GPU profile",
            state="note",
            what=f"{shared}/{NAME} cannot be read, so that the cluster is asked instead. "
            f"{error.why}",
            fix="An administrator corrects the file and runs: cnai admin manifests --gpu-profile "
            "FILE | kubectl apply -f -, with the options of the setup",
        )
        return
    kinds = ", ".join(dict.fromkeys(each.key or each.mechanism for each in offers))
    yield Finding(check="GPU profile", state="ok", what=f"{kinds or 'empty'}, by {shared}/{NAME}")
