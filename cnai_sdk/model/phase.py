"""How a workload stands, in words that are the same on every backend."""

from __future__ import annotations

from enum import StrEnum


class _Open(StrEnum):
    """An enumeration that keeps a word it does not know instead of refusing it.

    A newer writer may use a phase or kind that this reader has never heard of. It decodes to a
    member that is not `known` and still carries the foreign word, so that a screen can show it.
    """

    @classmethod
    def _missing_(cls, value: object) -> _Open | None:
        if not isinstance(value, str):
            return None
        foreign = str.__new__(cls, value)
        foreign._name_ = "UNKNOWN"
        foreign._value_ = value
        return foreign

    def __repr__(self) -> str:
        return repr(self.value)

    @property
    def known(self) -> bool:
        """True when this version of the SDK knows the word."""
        return self._name_ != "UNKNOWN"

    @property
    def label(self) -> str:
        """The word to show: the member's own, or 'unknown'."""
        return self.value if self.known else "unknown"


class Phase(_Open):
    """Queued, Starting, Running, then Succeeded, Failed or Stopped; Ready for endpoints.

    >>> Phase("Running").ended, Phase("Failed").ended
    (False, True)
    >>> Phase("Hibernating").label, Phase("Hibernating").value
    ('unknown', 'Hibernating')
    """

    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"
    READY = "Ready"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def ended(self) -> bool:
        """True when the workload will not change its phase any more."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED)


class Kind(_Open):
    """What sort of workload it is."""

    TRAIN = "train"
    TUNE = "tune"
    SERVE = "serve"
    PIPELINE = "pipeline"
