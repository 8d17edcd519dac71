"""Every error the SDK raises on purpose.

Belongs here: exception classes. Never here: I/O, backends, formatting for a screen.

CnaiError
├── InvalidRequest (ValueError)      the call cannot be carried out as written; nothing was created
│   ├── CaptureError                 a name the function needs cannot travel
│   └── SecretRefused                a secret would have been written down
├── NameInUse                        a running workload has that name
├── DoesNotFit                       larger than what the backend can ever give
├── NotFound (KeyError)              no such workload, output or secret
├── Unsupported                      the chosen backend declares that it cannot do this
├── MissingDependency (ImportError)  an optional package is needed for this verb
├── BackendUnavailable               the machine, store or cluster cannot be used now
│   └── StoreVersion                 the store was written by another major version
├── JobFailed                        raised by wait() and result(); carries the verdict
└── WaitTimeout (TimeoutError)       the wait ended, the job goes on
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnai_sdk.model.diagnosis import Diagnosis


class CnaiError(Exception):
    """What happened, why, and what to do next.

    Args:
        what: one sentence that says what is so.
        why: the reason, when it is not already in `what`.
        next_step: a change that can be made, with its code where there is one.
    """

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        self.what = what
        self.why = why
        self.next_step = next_step
        super().__init__(what)  # all that __init__ needs to be called again, by pickle

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"Why: {self.why}")
        if self.next_step:
            lines.append(f"What to do: {self.next_step}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """In a notebook: what is said above, without the frames of this package."""
        return [f"{type(self).__name__}: {self}"]


class InvalidRequest(CnaiError, ValueError):
    """The call cannot be carried out as written; nothing was created."""


class CaptureError(InvalidRequest):
    """A name that the function needs cannot travel to a worker.

    Args:
        name: the name as the code spells it.
        cell: where it is defined, such as 'cell [3]', or '' when that is not known.
    """

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", name: str = "", cell: str = ""
    ) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.name = name
        self.cell = cell


class SecretRefused(InvalidRequest):
    """A secret would have been written into a script, a payload or the store."""


class NameInUse(CnaiError):
    """A running workload already has that name."""


class DoesNotFit(CnaiError):
    """The request is larger than what the backend can ever give."""


class NotFound(CnaiError, KeyError):
    """No such workload, output or secret."""


class Unsupported(CnaiError):
    """The chosen backend declares that it cannot do this."""


class MissingDependency(CnaiError, ImportError):
    """An optional package is needed for this verb."""


class BackendUnavailable(CnaiError):
    """The machine, the store or the cluster cannot be used now."""


class StoreVersion(BackendUnavailable):
    """The store was written by another major version of the SDK."""


class JobFailed(CnaiError):
    """The workload failed; `diagnosis` holds the verdict and its evidence."""

    def __init__(self, name: str, diagnosis: Diagnosis, text: str) -> None:
        super().__init__(diagnosis.happened, why=diagnosis.why, next_step=diagnosis.fix)
        self.name = name
        self.diagnosis = diagnosis
        self._text = text

    def __str__(self) -> str:
        return self._text

    def _render_traceback_(self) -> list[str]:
        return [self._text]

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.name, self.diagnosis, self._text))


class WaitTimeout(CnaiError, TimeoutError):
    """The wait ended before the workload did; the workload goes on."""
