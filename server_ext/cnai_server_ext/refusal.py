"""An error as it crosses the wire: the HTTP status and `{"what", "why", "next_step"}`."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from cnai_sdk.errors import (
    BackendUnavailable,
    CnaiError,
    DoesNotFit,
    InvalidRequest,
    MissingDependency,
    NameInUse,
    NotFound,
    Unsupported,
    WaitTimeout,
)

# The first that fits counts.
STATUS: tuple[tuple[type[CnaiError], HTTPStatus], ...] = (
    (InvalidRequest, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (NameInUse, HTTPStatus.CONFLICT),
    (DoesNotFit, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unsupported, HTTPStatus.NOT_IMPLEMENTED),
    (MissingDependency, HTTPStatus.NOT_IMPLEMENTED),
    (BackendUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (WaitTimeout, HTTPStatus.GATEWAY_TIMEOUT),
)
NEXT_STEP = {
    HTTPStatus.FORBIDDEN: "Sign in to this Jupyter server, or open it with its token.",
    HTTPStatus.NOT_FOUND: "Reload the page; if it stays, `pip install -U cnai-sdk` on the server.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Reload the page.",
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What is answered in place of what was asked for."""

    status: int
    what: str
    why: str = ""
    next_step: str = ""

    def body(self) -> dict[str, str]:
        """The JSON object that is sent.

        >>> Refusal(status=404, what="No job is called 'digits'.").body()
        {'what': "No job is called 'digits'.", 'why': '', 'next_step': ''}
        """
        return {"what": self.what, "why": self.why, "next_step": self.next_step}


def refusal(error: BaseException | None, *, status: int) -> Refusal:
    """What to answer for `error`.

    Only our own errors speak for themselves: another's text may hold paths and values, and stays in
    the server's log.

    Args:
        error: what ended the request, or None when only its status is known.
        status: the HTTP status for errors that are not our own.

    >>> refusal(NotFound("No job is called 'digits'."), status=500).status
    404
    >>> refusal(KeyError("password"), status=500).what
    'The server could not answer: Internal Server Error.'
    """
    if isinstance(error, CnaiError):
        found = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        return Refusal(status=int(found), what=error.what, why=error.why, next_step=error.next_step)
    try:
        known = HTTPStatus(status)
    except ValueError:
        return Refusal(status=status, what=f"The server answered with status {status}.")
    return Refusal(
        status=status,
        what=f"The server could not answer: {known.phrase}.",
        why=known.description,
        next_step=NEXT_STEP.get(known, "Read the log of the Jupyter server."),
    )
