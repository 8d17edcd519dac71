"""What a cluster answers instead of what was asked for, and what keeps it from answering.

Belongs here: the errors of `api`, and reading them from an answer or from a broken connection.
Never here: a request, a retry.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx2
import msgspec

from cnai_sdk.errors import BackendUnavailable, CnaiError


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One detail of a refusal, such as a field that is not valid."""

    reason: str = ""
    message: str = ""
    field: str = ""


class _Details(msgspec.Struct, kw_only=True, rename="camel"):
    causes: list[Cause] | None = None
    retry_after_seconds: float | None = None


class Status(msgspec.Struct, kw_only=True, rename="camel"):
    """The API's own word on a request."""

    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


class Refused(CnaiError):
    """The cluster answered, and did not do it.

    Attributes:
        status: the HTTP status, such as 403.
        reason: the API's word for it, such as 'Forbidden', or ''.
        message: what the server says.
        causes: the fields that it names.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        next_step: str = "",
        status: int = 0,
        reason: str = "",
        message: str = "",
        causes: tuple[Cause, ...] = (),
    ) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes


class Missing(Refused):
    """There is no such object, or the cluster does not serve its kind."""


class Exists(Refused):
    """There is an object of that name already."""


class Conflict(Refused):
    """The object is not what the request takes it for: somebody else changed it."""


class Unreadable(CnaiError):
    """The server's answer is not what its API promises."""


class Unreachable(BackendUnavailable):
    """Nothing answered.

    Attributes:
        sent: the request may have been carried out; look before it is made again.
        cause: a word or two, such as 'connection refused' or 'certificate'.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        next_step: str = "",
        sent: bool = False,
        cause: str = "",
    ) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.sent = sent
        self.cause = cause


_NEXT = {
    401: "Log in to the cluster again, as `kubectl get pods` would have you do, and check the "
    "user of this context in the kubeconfig.",
    403: "Ask the cluster's administrator for that right, or use a namespace in which you have "
    "it: cnai.use('kubernetes', namespace='…'). `cnai doctor` lists what is missing.",
    429: "Try again in a while: the cluster has more requests than it can answer.",
}
_VERBS = {"GET": "read", "POST": "create in", "PATCH": "change", "DELETE": "delete"}


def refusal(status: int, body: bytes, *, method: str, path: str) -> Refused:
    """The error that an answer stands for."""
    told = _status(body)
    message = told.message or _plain(body) or f"HTTP status {status}"
    kind: type[Refused] = Refused
    if status == 404:
        kind = Missing
    elif status == 409:
        kind = Exists if told.reason == "AlreadyExists" else Conflict
    next_step = _NEXT.get(status, "")
    if status >= 500:
        next_step = "Try again; if it stays so, show this to the cluster's administrator."
    what = f"The cluster refused to {_VERBS.get(method, method)} {path}."
    return kind(
        f"The cluster has nothing at {path}." if status == 404 else what,
        why=message,
        next_step=next_step,
        status=status,
        reason=told.reason,
        message=message,
        causes=tuple(told.details.causes or ()) if told.details else (),
    )


def _status(body: bytes) -> Status:
    try:
        found = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        return Status()
    return found if found.kind == "Status" else Status()


def _plain(body: bytes) -> str:
    text = body[:400].decode(errors="replace").strip()
    return "" if text.startswith(("{", "<")) else text


def seconds_asked(header: str | None, body: bytes) -> float | None:
    """How long the server wants to be left alone, or None when it does not say."""
    if header and header.strip().isdigit():
        return float(header)
    details = _status(body).details
    return details.retry_after_seconds if details else None


# -- nothing answered ---------------------------------------------------------------


def unreachable(error: Exception, *, server: str, context: str, sent: bool) -> Unreachable:
    """The error that a broken connection stands for."""
    cause, why, next_step = _explained(error)
    return Unreachable(
        f"The cluster of the context {context} cannot be reached at {server}.",
        why=why,
        next_step=next_step,
        sent=sent,
        cause=cause,
    )


_BY_SYSTEM: tuple[tuple[type[BaseException], str, str, str], ...] = (
    (
        socket.gaierror,
        "no such host",
        "Its name cannot be found in DNS.",
        "Check the address in the kubeconfig, and whether a VPN has to be on.",
    ),
    (
        ConnectionRefusedError,
        "connection refused",
        "The connection was refused: nothing listens there now.",
        "Start the cluster, or choose another context: cnai.use('kubernetes', context='…').",
    ),
)

_BY_CLIENT: tuple[tuple[type[BaseException], str, str, str], ...] = (
    (
        httpx2.ConnectTimeout,
        "no connection",
        "No connection came about within 5 seconds.",
        "Check whether a VPN or a proxy has to be on, and the address in the kubeconfig.",
    ),
    (
        httpx2.ReadTimeout,
        "no answer",
        "It took the request and did not answer in time.",
        "Try again; the cluster may be overloaded.",
    ),
    (
        httpx2.ProxyError,
        "proxy",
        "The proxy does not let it through: {}",
        "Check proxy-url in the kubeconfig, or HTTPS_PROXY and NO_PROXY.",
    ),
    (
        BaseException,
        "connection lost",
        "The connection broke: {}.",
        "Try again; if it stays so, check the network on the way to it.",
    ),
)


def _explained(error: Exception) -> tuple[str, str, str]:
    # Behind a timeout stands what was waited for, which is no error of its own.
    chain = () if isinstance(error, httpx2.TimeoutException) else _chain(error)
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return (
                "certificate",
                f"Its certificate is not trusted: {each.verify_message or each}.",
                "Correct certificate-authority-data (or tls-server-name) of this cluster in the "
                "kubeconfig; a fresh one comes from whoever runs the cluster.",
            )
        if isinstance(each, ssl.SSLError):
            return (
                "TLS",
                f"TLS failed: {(each.reason or str(each)).replace('_', ' ').lower()}.",
                "Check that the server's address and port in the kubeconfig speak HTTPS, and "
                "that the client certificate is still valid.",
            )
        for kind, cause, why, next_step in _BY_SYSTEM:
            if isinstance(each, kind):
                return cause, why, next_step
    said = str(error).rstrip(".") or type(error).__name__
    return next(
        (cause, why.format(said), next_step)
        for kind, cause, why, next_step in _BY_CLIENT
        if isinstance(error, kind)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
