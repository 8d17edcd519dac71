"""How much there is, how much of it is used, and what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cnai_sdk.backends.memory.shelf import Record
from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.quantity import show_number
from cnai_sdk.model.quota import Device, Fit, Holder, QuotaItem
from cnai_sdk.model.spec import Spec, replicas_of
from cnai_sdk.model.workload import Granted, Queued


@dataclass(frozen=True)
class Room:
    """Cores and GPUs; a worker takes the cpu that it asks for, or one core.

    Nothing is enforced, since nothing runs.
    """

    cores: float
    gpus: Sequence[Device] = ()

    def refuse(self, spec: Spec) -> None:
        """Refuse what can never run here.

        Raises:
            DoesNotFit: more than there is.
            InvalidRequest: several workers on a share of a GPU.
        """
        share = self._share(spec)
        if 0 < share < 1 and replicas_of(spec) > 1:
            raise InvalidRequest(
                f"{replicas_of(spec)} workers cannot have {show_number(share)} of a GPU each.",
                why="Workers of one job must not share a device.",
                next_step="Ask for workers=1, or for gpu=1 per worker.",
            )
        for what, unit, need, most in (
            ("cpu", "cores", self.need_cores(spec), self.cores),
            ("gpu", "GPUs", self.need_gpus(spec), len(self.gpus)),
        ):
            if need > most:
                raise DoesNotFit(
                    f"{show_number(need)} {unit} are asked for; there are {show_number(most)}.",
                    next_step=f"Ask for fewer workers, or for a smaller {what}=.",
                )

    def lacks(self, spec: Spec, others: Sequence[Record]) -> str:
        """What a spec waits for, or '' when it can start."""
        for unit, need, most in (
            ("cores", self.need_cores, self.cores),
            ("GPUs", self.need_gpus, len(self.gpus)),
        ):
            free = most - self.used(need, others)
            if need(spec) > free:
                return f"{show_number(need(spec))} {unit}; {show_number(free)} are free"
        return ""

    def granted(self, spec: Spec) -> Granted:
        """What each worker gets."""
        wish = spec.resources
        words = [f"{show_number(wish.cpu or 1)} cores"]
        if wish.wants_gpu:
            words.append(f"{show_number(self._share(spec))} GPU")
        return Granted(
            asked=f"{replicas_of(spec)} x {', '.join(words)}",
            cpu=wish.cpu or 1,
            memory=wish.memory,
            gpu=self._share(spec),
            gpu_memory=wish.gpu_memory,
            how=("Nothing is enforced: this backend runs nothing.",),
        )

    def place(self, spec: Spec, ahead: Sequence[Record], others: Sequence[Record]) -> Queued:
        """The place in line behind those that are ahead."""
        waits_for = self.lacks(spec, others)
        if ahead and not waits_for:
            waits_for = f"{ahead[-1].workload.name}, which is ahead"
        return Queued(position=len(ahead) + 1, waits_for=waits_for)

    def fit(self, spec: Spec, ahead: Sequence[Record], others: Sequence[Record], count: int) -> Fit:
        """How many of a spec would start now; nothing here has a deadline."""
        place = self.place(spec, ahead, others)
        free = [
            (most - self.used(need, others)) / need(spec)
            for need, most in ((self.need_cores, self.cores), (self.need_gpus, len(self.gpus)))
            if need(spec)
        ]
        now = 0 if ahead else min(int(min(free) + 1e-9), count)
        if now == count:
            return Fit(answer="now", count=count, now=now)
        why = f"it needs {place.waits_for}" if place.waits_for else "the others need as much again"
        return Fit(answer="waits", why=why, position=place.position, count=count, now=now)

    def quota(self, records: Sequence[Record]) -> tuple[QuotaItem, ...]:
        """What there is, what is used, and by whom."""
        items = [self._item("cpu", "cores", self.cores, self.need_cores, records)]
        if self.gpus:
            items.append(self._item("gpu", "GPU", len(self.gpus), self.need_gpus, records))
        return tuple(items)

    def devices(self, records: Sequence[Record]) -> list[Device]:
        """The GPUs, with what of each is free; filled from the first."""
        used = self.used(self.need_gpus, records)
        free = [1 - min(max(used - index, 0.0), 1.0) for index in range(len(self.gpus))]
        return [replace(gpu, free=f) for gpu, f in zip(self.gpus, free, strict=True)]

    def need_cores(self, spec: Spec) -> float:
        """Cores for all workers of a spec."""
        return (spec.resources.cpu or 1) * replicas_of(spec)

    def need_gpus(self, spec: Spec) -> float:
        """GPUs for all workers of a spec, shares included."""
        return self._share(spec) * replicas_of(spec)

    def used(self, need: Callable[[Spec], float], records: Iterable[Record]) -> float:
        """How much the started workloads hold."""
        return sum(need(record.spec) for record in records if holds(record))

    def _share(self, spec: Spec) -> float:
        wish = spec.resources
        if wish.gpu or wish.gpu_memory is None:
            return wish.gpu
        return wish.gpu_memory / self.gpus[0].memory if self.gpus else 1.0

    def _item(
        self,
        resource: str,
        label: str,
        limit: float,
        need: Callable[[Spec], float],
        records: Sequence[Record],
    ) -> QuotaItem:
        used = self.used(need, records)
        holders = [Holder(name=r.workload.name, amount=need(r.spec)) for r in records if holds(r)]
        return QuotaItem(
            resource=resource,
            label=label,
            limit=limit,
            used=used,
            mine=used,
            queued=sum(need(r.spec) for r in records if r.workload.phase is Phase.QUEUED),
            holders=tuple(holder for holder in holders if holder.amount),
        )


def holds(record: Record) -> bool:
    """True when a workload has been admitted and has not ended."""
    return record.workload.phase in (Phase.STARTING, Phase.RUNNING, Phase.READY)
