"""What proves to the API server who asks: tokens, files of tokens, and programs that hand them out.

Belongs here: adding credentials to a request, and renewing them before they expire and when the
server refuses them. Never here: where a kubeconfig names them.

lightkube runs plugins of v1beta1 only, once for each request that waits, and tells them nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from cnai_sdk.backends.kubernetes.kubeconfig import Exec, Target
from cnai_sdk.errors import BackendUnavailable, InvalidRequest

_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_EARLY = 10.0
"""Seconds before a credential expires at which a new one is asked for."""

_LONGEST = 60.0
"""Seconds that a plugin may take."""

_SHOWN = 500
_TELLING = 8
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.+=-]{40,}")
_AGAIN = 60.0
"""Seconds after which a file of a token is read again."""


def auth_for(target: Target, certificate: Callable[[bytes], None]) -> httpx2.Auth | None:
    """What signs the requests and may have to be renewed, or None.

    Args:
        certificate: told the certificate and key that a plugin hands out, as one PEM.

    Raises:
        InvalidRequest: a kind of credentials that nobody speaks any more.
    """
    user = target.user
    if user.token_file:
        return TokenFileAuth(Path(user.token_file), origin=target.origin)
    if user.exec is not None and not (user.client_certificate or user.client_certificate_data):
        return PluginAuth(user.exec, target=target, certificate=certificate)
    if user.username:
        return httpx2.BasicAuth(user.username, user.password)
    if user.auth_provider is not None:
        name = str(user.auth_provider.get("name", ""))
        raise InvalidRequest(
            f"The context {target.context} logs in by the auth-provider {name!r}, which "
            "Kubernetes gave up in 1.26.",
            why=f"It stands in {target.origin}.",
            next_step=_PROVIDERS.get(name, _ANEW),
        )
    return None


_ANEW = "Write the context anew, as your cluster's provider says; it then names a plugin to run."
_PROVIDERS = {
    "gcp": "Install gke-gcloud-auth-plugin, then run: gcloud container clusters get-credentials …",
    "azure": "Install kubelogin, then run: kubelogin convert-kubeconfig",
    "oidc": "Install kubelogin (int128/kubelogin), and write the user as its README says.",
}


class TokenFileAuth(httpx2.Auth):
    """A token that somebody else keeps fresh in a file, as a kubelet does for a pod.

    Args:
        origin: what names the file, for messages.
    """

    def __init__(self, path: Path, *, origin: str) -> None:
        self._path = path
        self._origin = origin
        self._token = ""
        self._read_at = -_AGAIN

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the token; read it anew when it is refused."""
        used = self._fresh()
        request.headers["Authorization"] = f"Bearer {used}"
        answer = yield request
        if answer.status_code == 401 and self._fresh(again=True) != used:
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _fresh(self, *, again: bool = False) -> str:
        if again or time.monotonic() - self._read_at >= _AGAIN:
            try:
                self._token = self._path.read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise BackendUnavailable(
                    f"The token in {self._path} cannot be read.",
                    why=f"{getattr(error, 'strerror', 'it is not text')}; {self._origin} names it.",
                    next_step="Log in again, so that it is written anew.",
                ) from None
            self._read_at = time.monotonic()
        return self._token


class _Credential(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    token: str | None = None
    expiration_timestamp: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str = ""
    status: _Credential | None = None


class PluginAuth(httpx2.Auth):
    """Runs a plugin when it is needed: at first, before its credential expires, and after a 401.

    However many requests wait for it, it runs once for all of them.
    """

    def __init__(
        self, plugin: Exec, *, target: Target, certificate: Callable[[bytes], None]
    ) -> None:
        if plugin.api_version not in _VERSIONS:
            raise InvalidRequest(
                f"The plugin {plugin.command} of the context {target.context} speaks "
                f"{plugin.api_version or 'no version'}, which Kubernetes gave up.",
                why=f"It stands in {target.origin}; {' and '.join(_VERSIONS)} are spoken.",
                next_step=plugin.install_hint or _ANEW,
            )
        self._plugin = plugin
        self._target = target
        self._certificate = certificate
        self._held: _Credential | None = None
        self._expires = 0.0
        self._running: asyncio.Task[_Credential] | None = None

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token; ask for a new one when it is refused."""
        used = await self._fresh()
        _sign(request, used)
        answer = yield request
        if answer.status_code == 401:
            renewed = await self._fresh(refused=used)
            if renewed != used:
                _sign(request, renewed)
                yield request

    async def _fresh(self, *, refused: _Credential | None = None) -> _Credential:
        held = self._held
        expired = bool(self._expires) and time.time() > self._expires - _EARLY
        if held is not None and not expired and held is not refused:
            return held
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._renew())
            self._running.add_done_callback(self._ran)
        return await asyncio.shield(self._running)

    def _ran(self, task: asyncio.Task[_Credential]) -> None:
        self._running = None
        if not task.cancelled():
            task.exception()  # those who waited have it

    async def _renew(self) -> _Credential:
        found = self._read(await self._run())
        expires = _seconds(found.expiration_timestamp)
        certificate, key = found.client_certificate_data, found.client_key_data
        if bool(certificate) != bool(key):
            raise self._failed("it gave a certificate or a key, and not both")
        if certificate and key and (self._held is None or self._held != found):
            try:
                self._certificate(f"{certificate}\n{key}".encode())
            except (OSError, ValueError):
                raise self._failed("its certificate and key do not fit together") from None
        self._held, self._expires = found, expires
        return found

    async def _run(self) -> bytes:
        plugin = self._plugin
        if plugin.interactive_mode == "Always":
            raise self._failed("it wants to ask questions, and a notebook cannot answer them")
        try:
            process = await asyncio.create_subprocess_exec(
                plugin.command,
                *(plugin.args or ()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment(),
            )
        except OSError as error:
            raise self._failed(f"it cannot be run: {error.strerror}", missing=True) from error
        try:
            async with asyncio.timeout(_LONGEST):
                out, err = await process.communicate()
        except TimeoutError:
            raise self._failed(f"it did not answer within {_LONGEST:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if process.returncode != 0:
            said = self._safe(err.decode("utf-8", "replace").strip())[-_SHOWN:]
            raise self._failed(f"it ended with {process.returncode}: {said or 'no word'}")
        return out

    def _safe(self, said: str) -> str:
        """What a plugin prints when it fails, without what looks like a credential."""
        for variable in self._plugin.env or ():
            if len(variable.value) >= _TELLING:
                said = said.replace(variable.value, "…")
        return _CREDENTIAL.sub("…", said)

    def _environment(self) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": False}
        if self._plugin.provide_cluster_info:
            spec["cluster"] = _cluster_info(self._target)
        info = {"apiVersion": self._plugin.api_version, "kind": "ExecCredential", "spec": spec}
        own = {variable.name: variable.value for variable in self._plugin.env or ()}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    def _read(self, out: bytes) -> _Credential:
        try:
            answer = msgspec.json.decode(out, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # What was printed may hold a token: not a word of it is told.
            raise self._failed("what it printed is no ExecCredential") from None
        if answer.api_version != self._plugin.api_version:
            raise self._failed(
                f"it answered in {answer.api_version or 'no version'}, and "
                f"{self._plugin.api_version} was asked for"
            )
        found = answer.status
        if found is None or not (found.token or found.client_certificate_data):
            raise self._failed("it gave neither a token nor a certificate")
        return found

    def _failed(self, why: str, *, missing: bool = False) -> BackendUnavailable:
        again = "Log in again in a terminal, so that `kubectl get pods` works there."
        return BackendUnavailable(
            f"The plugin {self._plugin.command} gave no credentials for the context "
            f"{self._target.context}.",
            why=f"{why[:1].upper()}{why[1:]}. It is named in {self._target.origin}.",
            next_step=(missing and self._plugin.install_hint)
            or ("Install it, or correct its path." if missing else again),
        )


def _sign(request: httpx2.Request, credential: _Credential) -> None:
    if credential.token:
        request.headers["Authorization"] = f"Bearer {credential.token}"


def _seconds(time: str | None) -> float:
    try:
        return datetime.fromisoformat(time).timestamp() if time else 0.0
    except ValueError:
        return 0.0


def _cluster_info(target: Target) -> dict[str, Any]:
    cluster = target.cluster
    data = cluster.certificate_authority_data
    if not data and cluster.certificate_authority:
        with contextlib.suppress(OSError):
            data = base64.b64encode(Path(cluster.certificate_authority).read_bytes()).decode()
    info: dict[str, Any] = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": data,
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
    }
    for extension in cluster.extensions or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return {key: value for key, value in info.items() if value}
