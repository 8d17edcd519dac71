"""The protocol between the SDK and whatever runs the work.

One async protocol serves every kind of workload on every backend. `tests/contract` is its
executable form: a new backend passes that suite unchanged. What a backend cannot do it declares in
its `Capabilities`; a caller reads those and never asks what class the backend is.

Rules that every backend keeps:

- `submit` is all or nothing. When it raises, nothing was created.
- A phase is never a guess. What is not known is said in `message`.
- `watch` first yields a `Snapshot`, then `Change`s in order. A `Change` with another epoch never
  comes without a new `Snapshot` before it.
- `logs(follow=True)` ends when the workload has ended and its last line was given, never earlier.
- `stop` on an ended workload and `delete` on a missing one change nothing and do not raise.
- Every other call on an id that does not exist raises `NotFound`.
- Errors are `CnaiError`s; a vendor's exception stays as `__cause__`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec

from cnai_sdk.model.event import Event, LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Kind
from cnai_sdk.model.quota import Device, Fit, Quota
from cnai_sdk.model.spec import Spec
from cnai_sdk.model.stream import Update
from cnai_sdk.model.workload import Workload


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend can do.

    Attributes:
        kinds: the kinds that `submit` takes.
        suspend: `suspend` and `resume` work.
        outputs_as_folder: `outputs` gives a local path as well as `read`.
        outputs_at_hand: listing them costs next to nothing, so that a view may do it by itself.
        environment_inherited: workers begin with the environment of the process that submits.
        place: where it runs, for a person ('this machine').
    """

    kinds: frozenset[Kind]
    suspend: bool = False
    outputs_as_folder: bool = False
    outputs_at_hand: bool = True
    environment_inherited: bool = False
    place: str = ""


class Backend(Protocol):
    """Runs workloads. Every method may be called from the one event loop of a process."""

    name: str

    async def capabilities(self) -> Capabilities:
        """What this backend can do here and now."""

    async def check_place(self) -> None:
        """Raise what is wrong with the place, as far as one may look; it costs a request at most.

        Raises:
            InvalidRequest: there is no such place.
            BackendUnavailable: it does not answer.
        """

    async def submit(self, spec: Spec, *, secrets: Mapping[str, str]) -> Workload:
        """Create the workload and return at once; it may be queued.

        Args:
            spec: what is wanted. Its name may get a number when an ended workload has it.
            secrets: the values of `spec.secrets`; they are handed on, never written down.

        Raises:
            NameInUse: a running workload has the name that the caller chose.
            DoesNotFit: larger than this backend can ever give.
            Unsupported: not a kind that it runs.
        """

    async def fits(self, spec: Spec, *, count: int = 1) -> Fit:
        """Whether so many of the spec would run now, later or never; creates nothing."""

    async def get(self, id: str) -> Workload:
        """How one workload stands."""

    async def list(self) -> Sequence[Workload]:
        """All workloads, newest first.

        Raises:
            BackendUnavailable: nobody can say whether there are any.
        """

    async def spec(self, id: str) -> Spec:
        """What was asked for, with its payload."""

    def watch(self) -> AsyncIterator[Update]:
        """A snapshot, then changes as they happen, until the iterator is closed."""

    def logs(
        self,
        id: str,
        *,
        rank: int | None = None,
        after: int = 0,
        before: int | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[Sequence[LogLine]]:
        """Lines in batches, in order of arrival over all ranks.

        Args:
            rank: only this worker's lines.
            after: only lines with a greater number.
            before: only lines with a smaller number; not together with `follow`.
            tail: only the last so many of those that exist now; costs what they cost to read,
                however long the log is.
            follow: go on until the workload has ended.
        """

    async def metrics(self, id: str, *, since: int = 0) -> Sequence[Metric]:
        """Reports with `seq > since`, in order, of all ranks."""

    async def events(self, id: str) -> Sequence[Event]:
        """What happened, oldest first."""

    async def result(self, id: str) -> bytes | None:
        """The JSON text that rank 0 returned, or None when there is none.

        Raises:
            NotFound: there was one, or may have been, and it is not to be had.
        """

    async def outputs(self, id: str) -> Sequence[OutputFile]:
        """The files that the workload wrote."""

    async def read(self, id: str, path: str) -> bytes:
        """One output. A path that leaves the outputs is refused."""

    async def folder(self, id: str) -> str | None:
        """A local path of the outputs, where the backend declares `outputs_as_folder`."""

    async def suspend(self, id: str) -> None:
        """Pause, keeping what was done.

        Raises:
            Unsupported: it is not declared.
            InvalidRequest: it has ended.
        """

    async def resume(self, id: str) -> None:
        """Go on after `suspend`; raises what that raises."""

    async def stop(self, id: str) -> None:
        """Ask it to end, then end it; returns when the request is on its way."""

    async def delete(self, id: str) -> None:
        """Stop it if need be and remove everything that belongs to it."""

    async def quota(self) -> Quota:
        """What may be used here, what is used, and by whom."""

    async def quota_stirs(self) -> None:
        """Return when the quota may be another than before, beside what `watch` tells; never, where
        only looking shows it."""

    async def devices(self) -> Sequence[Device]:
        """The GPUs and slices that are on offer."""

    async def address(self, id: str) -> str:
        """The base URL of an endpoint. Raises Unsupported for other kinds."""

    async def close(self) -> None:
        """Give back what the backend holds in this process; workloads go on."""
