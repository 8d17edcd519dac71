"""Which devices each worker gets, by the best mechanism that this place has.

A share is made by the first of `MECHANISMS` that has a device for it: hardware before a daemon
before an allocator. Among the devices that fit, the one with the least room left over is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu import slices, whole
from cnai_sdk.gpu.fraction import Fraction
from cnai_sdk.gpu.grant import GpuGrant, Mechanism, Wish
from cnai_sdk.gpu.mig import Mig
from cnai_sdk.gpu.mps import Mps
from cnai_sdk.gpu.wish import ISOLATIONS, Isolation, check_contradiction, code, meant
from cnai_sdk.model.quantity import show_bytes
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Resources

MECHANISMS: tuple[Mechanism, ...] = (Mig(), Mps(), Fraction())
_TINY = 1e-9


def isolation_of(mechanism: str) -> Isolation:
    """What holds between those who share a device, by the mechanism's name.

    >>> isolation_of("mps"), isolation_of("whole")
    ('memory', 'hardware')
    """
    return next((m.isolation for m in MECHANISMS if m.name == mechanism), "hardware")


def check_devices(
    resources: Resources, workers: int, devices: Sequence[Device], looked: str
) -> tuple[str, ...]:
    """Refuse what these devices can never give; returns notices.

    Args:
        looked: how the devices were looked for, a sentence.

    Raises:
        DoesNotFit: with what was seen, and the choices.
        InvalidRequest: `gpu` and `gpu_memory` contradict each other.
    """
    if not devices:
        raise DoesNotFit(
            f"There is no GPU here for {code(resources)}.",
            why=looked,
            next_step=f"Leave {_arguments(resources)} out to train on the CPU (workers "
            "and cpu say on how much of it), or use a machine that has one.",
        )
    matching = _of_model(resources, devices)
    if not matching:
        raise DoesNotFit(
            f"There is no {resources.gpu_model} here.",
            why=_seen(devices),
            next_step=f"Leave gpu_model out, or write gpu_model={_cards(devices)[0].model!r}.",
        )
    if resources.gpu >= 1:
        return _check_whole(resources, workers, matching)
    return _check_share(resources, matching)


def assign(
    resources: Resources,
    workers: int,
    devices: Sequence[Device],
    *,
    granted: Iterable[GpuGrant] = (),
    surroundings: Mapping[str, str] | None = None,
) -> tuple[GpuGrant, ...] | str:
    """What each worker gets now, or what they wait for.

    Args:
        granted: what runs now holds.
        surroundings: what the machine says about itself, such as the folder of MPS's pipes.
    """
    free = free_shares(devices, granted)
    matching = _of_model(resources, devices)
    if resources.gpu >= 1:
        return _assign_whole(resources, workers, matching, free)
    wish = _wish(resources)
    for mechanism in _isolating(resources):
        offers = [
            (free[device.id] - offer.share, device.memory, device.index, offer)
            for device, offer in _offers(mechanism, wish, matching, surroundings or {})
            if isinstance(offer, GpuGrant) and offer.share <= free[device.id] + _TINY
        ]
        if offers:
            return (min(offers, key=lambda entry: entry[:3])[3],)
    return f"a free share of a GPU ({wish})"


def free_shares(devices: Sequence[Device], granted: Iterable[GpuGrant]) -> dict[str, float]:
    """How much of each device is not granted.

    >>> card = Device(id="GPU-0", model="NVIDIA L4", memory=24 * 2**30)
    >>> free_shares([card], [GpuGrant(devices=("GPU-0",), mechanism="fraction", share=0.25)])
    {'GPU-0': 0.75}
    """
    free = {device.id: device.free for device in devices}
    for grant in granted:
        for id in grant.devices:
            if id in free:
                free[id] = max(0.0, round(free[id] - grant.share, 6))
    return free


def _wish(resources: Resources) -> Wish:
    return Wish(share=resources.gpu, memory=resources.gpu_memory or 0)


def _of_model(resources: Resources, devices: Sequence[Device]) -> list[Device]:
    models = meant(resources.gpu_model, (device.model for device in devices))
    return [device for device in devices if device.model in models]


def _cards(devices: Sequence[Device]) -> list[Device]:
    """Devices that can be given whole: neither slices nor cards on which MIG is on."""
    return [d for d in devices if not d.parent and d.mechanism != "mig"] or list(devices)


def _wholes(resources: Resources, devices: Sequence[Device]) -> list[Device]:
    least = resources.gpu_memory or 0
    return [d for d in devices if not d.parent and d.mechanism != "mig" and d.memory >= least]


def _check_whole(resources: Resources, workers: int, devices: Sequence[Device]) -> tuple[str, ...]:
    count, have = workers * int(resources.gpu), _wholes(resources, devices)
    if count > len(have):
        sliced = any(d.parent or d.mechanism == "mig" for d in devices)
        each = (
            f"{workers} workers with gpu={resources.gpu:g} need {count}"
            if workers > 1
            else (f"gpu={resources.gpu:g} needs {count}")
        )
        least = f" with {show_bytes(resources.gpu_memory)}" if resources.gpu_memory else ""
        raise DoesNotFit(
            f"{each} whole GPUs{least}, and there are {len(have)} here.",
            why=_seen(devices),
            next_step=_whole_choices(len(have), workers, sliced=sliced),
        )
    return tuple(
        f"{d.model} has {show_bytes(d.memory_used)} in use already."
        for d in have
        if d.memory_used > 0.1 * d.memory
    )


def _whole_choices(have: int, workers: int, *, sliced: bool) -> str:
    if have and workers > 1:
        return f"Write workers={have}, gpu=1."
    if have:
        return f"Write gpu={have}."
    return "Write workers=1, gpu=0.25 for a slice." if sliced else "Leave gpu_memory out."


def _check_share(resources: Resources, devices: Sequence[Device]) -> tuple[str, ...]:
    wish = _wish(resources)
    check_contradiction(resources, max((d.memory for d in devices if not d.parent), default=0))
    best = assign(resources, 1, devices)
    if not isinstance(best, str):
        return (best[0].notice,) if best[0].notice else ()
    short = [o for m in MECHANISMS for o in _short(m, resources, wish, devices)]
    reasons = "; ".join(dict.fromkeys(short))
    raise DoesNotFit(
        f"No GPU here can give {wish}.",
        why=f"{_seen(devices)} {reasons}." if reasons else _seen(devices),
        next_step=_share_choices(devices) if _isolating(resources) == MECHANISMS else _HELD,
    )


def _isolating(resources: Resources) -> tuple[Mechanism, ...]:
    """The mechanisms that hold what has to hold between those who share a device."""
    least = ISOLATIONS.index(resources.isolation)
    return tuple(m for m in MECHANISMS if ISOLATIONS.index(m.isolation) <= least)


_HELD = 'Write isolation="memory", which is the default, or gpu=1 for a whole device.'


def _short(
    mechanism: Mechanism, resources: Resources, wish: Wish, devices: Sequence[Device]
) -> list[str]:
    """Why the devices of a mechanism fall short."""
    if mechanism not in _isolating(resources):
        there = any(mechanism.serves(device) for device in devices)
        return [f"{mechanism.name} is not isolated by the hardware"] if there else []
    answers = (offer for _, offer in _offers(mechanism, wish, devices, {}))
    return [offer for offer in answers if isinstance(offer, str)]


def _share_choices(devices: Sequence[Device]) -> str:
    givers = [d for d in devices if any(m.serves(d) for m in MECHANISMS)]
    if not givers:
        cut = slices.to_be_cut(1, 0.0, devices[0].memory, devices[0].model)
        how = f"nvidia-smi mig -cgi {cut} -C" if cut else "nvidia-smi mig -lgip lists what there is"
        return (
            f"MIG is on and no slice was made. An administrator makes one: {how}; or turns MIG off."
        )
    largest = max(givers, key=lambda d: d.memory)
    gibs = max(1, int(largest.memory / 2**30))
    rest = "" if largest.parent else ", or gpu=1 for a whole device"
    return f'Write gpu_memory="{gibs}Gi" or less{rest}.'


def _assign_whole(
    resources: Resources, workers: int, devices: Sequence[Device], free: Mapping[str, float]
) -> tuple[GpuGrant, ...] | str:
    each = int(resources.gpu)
    candidates = [d for d in _wholes(resources, devices) if free[d.id] > 1 - _TINY]
    missing = workers * each - len(candidates)
    if missing > 0:
        return f"{missing} more whole {'GPU' if missing == 1 else 'GPUs'}"
    quiet = sorted(candidates, key=lambda d: (d.memory_used > 0.1 * d.memory, d.index))
    chosen = sorted(quiet[: workers * each], key=lambda d: d.index)
    return tuple(whole.grant(chosen[n * each : (n + 1) * each]) for n in range(workers))


def _offers(
    mechanism: Mechanism,
    wish: Wish,
    devices: Sequence[Device],
    surroundings: Mapping[str, str],
) -> list[tuple[Device, GpuGrant | str]]:
    by_id = {device.id: device for device in devices}
    return [
        (
            d,
            mechanism.offer(wish, d, whole=by_id.get(d.parent, d), surroundings=surroundings),
        )
        for d in devices
        if mechanism.serves(d)
    ]


def _seen(devices: Sequence[Device]) -> str:
    words = [
        f"{d.model}{' ' + d.profile if d.profile else ''} ({show_bytes(d.memory)})" for d in devices
    ]
    counted = [f"{words.count(w)} × {w}" if words.count(w) > 1 else w for w in dict.fromkeys(words)]
    return f"Seen: {', '.join(counted)}."


def _arguments(resources: Resources) -> str:
    given = [n for n in ("gpu", "gpu_memory", "gpu_model") if getattr(resources, n)]
    return " and ".join(given)
