"""The connections to one API server: TLS, proxies, limits.

lightkube's own client knows neither proxy-url nor tls-server-name nor a network in NO_PROXY; what
it knows of TLS and of tokens serves here.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from urllib.parse import quote, urlsplit

import httpx2
from lightkube.config import models
from lightkube.config.client_adapter import BearerAuth, verify_cluster

from cnai_sdk.backends.kubernetes.credentials import auth_for
from cnai_sdk.backends.kubernetes.kubeconfig import Target
from cnai_sdk.errors import InvalidRequest

TIMEOUT = httpx2.Timeout(connect=5.0, read=30.0, write=30.0, pool=None)

_LIMITS = httpx2.Limits(
    max_connections=None,  # each followed log holds one
    max_keepalive_connections=20,
    keepalive_expiry=60.0,
)


def _keepalive() -> list[tuple[int, int, int]]:
    """A peer that went without a word is noticed within a minute or so."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class Connections(httpx2.AsyncBaseTransport):
    """A pool of connections, which can be exchanged for one with another client certificate.

    Args:
        make: a new pool.
        server_name: what the server's certificate must name; the address's own host when ''.
    """

    def __init__(
        self, make: Callable[[], httpx2.AsyncBaseTransport], *, server_name: str = ""
    ) -> None:
        self._make = make
        self._pool = make()
        self._retired: list[httpx2.AsyncBaseTransport] = []
        self._server_name = server_name

    def renew(self) -> None:
        """New requests take new connections; what is under way ends on the old ones."""
        self._retired.append(self._pool)
        self._pool = self._make()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        while len(self._retired) > 1:
            await self._retired.pop(0).aclose()
        if self._server_name:
            request.extensions = {**request.extensions, "sni_hostname": self._server_name}
        return await self._pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in (self._pool, *self._retired):
            await pool.aclose()


def client_for(target: Target, *, environ: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
    """A client of the API server that a target names; nothing is sent yet.

    Raises:
        InvalidRequest: a certificate, a proxy or a credential of the kubeconfig cannot be used.
    """
    environ = os.environ if environ is None else environ
    tls = tls_for(target)
    proxy = proxy_for(target, environ)

    def pool() -> httpx2.AsyncBaseTransport:
        try:
            return httpx2.AsyncHTTPTransport(
                verify=tls, limits=_LIMITS, proxy=proxy or None, socket_options=_keepalive()
            )
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise InvalidRequest(
                "The proxy to the cluster cannot be used.",
                why=f"{_without_password(proxy)} is named by "
                f"{target.origin if target.cluster.proxy_url else 'the environment'}.",
                next_step="Write it as http://host:port. For socks5:// run: pip install socksio",
            ) from error

    connections = Connections(pool, server_name=target.cluster.tls_server_name)

    def renew(pem: bytes) -> None:
        load_certificate(tls, pem)
        connections.renew()

    token = "" if target.user.token_file else target.user.token
    headers = {"User-Agent": f"cnai-sdk/{version('cnai-sdk')}", "Accept": "application/json"}
    if target.cluster.disable_compression:
        headers["Accept-Encoding"] = "identity"
    return httpx2.AsyncClient(
        base_url=target.server,
        transport=connections,
        auth=BearerAuth(token) if token else auth_for(target, renew),
        timeout=TIMEOUT,
        headers=[*headers.items(), *_impersonation(target)],
        follow_redirects=False,
        trust_env=False,
    )


def _impersonation(target: Target) -> list[tuple[str, str]]:
    user = target.user
    pairs = [("Impersonate-User", user.impersonate), ("Impersonate-Uid", user.impersonate_uid)]
    pairs += [("Impersonate-Group", group) for group in user.impersonate_groups]
    for key, values in user.impersonate_extra.items():
        pairs += [(f"Impersonate-Extra-{quote(key, safe='')}", value) for value in values]
    return [(name, value) for name, value in pairs if value]


# -- TLS ----------------------------------------------------------------------------


def tls_for(target: Target) -> ssl.SSLContext:
    """What the server is checked with, and the certificate that is shown to it.

    Raises:
        InvalidRequest: a file or a certificate cannot be used; it names the file.
    """
    cluster, user = target.cluster, target.user
    certificate = user.client_certificate or user.client_certificate_data
    if bool(certificate) != bool(user.client_key or user.client_key_data):
        raise _unusable(target, "The user has a client certificate or a key, and not both")
    for path in (cluster.certificate_authority, user.client_certificate, user.client_key):
        if path and not os.access(path, os.R_OK):
            raise _unusable(target, f"The file {path} cannot be read")
    insecure = cluster.insecure_skip_tls_verify
    try:
        context = verify_cluster(
            models.Cluster(
                server=cluster.server,
                certificate_auth=None if insecure else cluster.certificate_authority or None,
                certificate_auth_data=None
                if insecure
                else cluster.certificate_authority_data or None,
                insecure=insecure,
            ),
            models.User(
                client_cert=user.client_certificate or None,
                client_cert_data=user.client_certificate_data or None,
                client_key=user.client_key or None,
                client_key_data=user.client_key_data or None,
            ),
            lambda path: path,
        )
    except (OSError, ValueError) as error:  # ssl.SSLError among them
        said = getattr(error, "reason", None) or "not PEM in base64"
        raise _unusable(target, f"A certificate or key is not valid: {said}") from None
    # Python 3.13 asks for fields that the authorities of many clusters do not write.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


def _unusable(target: Target, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The certificates of the context {target.context} cannot be used.",
        why=f"{why}; {target.origin} names it.",
        next_step="Write the context anew, as your cluster's provider says.",
    )


def load_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    """Show this certificate to servers; its key follows it in the same text."""
    with tempfile.NamedTemporaryFile() as file:  # readable by its owner, and gone at once
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


# -- proxies ------------------------------------------------------------------------


def proxy_for(target: Target, environ: Mapping[str, str]) -> str:
    """The proxy's address, or '' for none: proxy-url wins over the environment.

    Rules of the environment are Go's, as kubectl has them: NO_PROXY takes names, addresses with a
    port, and networks such as 10.0.0.0/8; this machine is never asked through a proxy.
    """
    if target.cluster.proxy_url:
        return target.cluster.proxy_url
    url = urlsplit(target.server)
    names = (
        ("HTTPS_PROXY", "https_proxy") if url.scheme == "https" else ("HTTP_PROXY", "http_proxy")
    )
    found = next((environ[name] for name in names if environ.get(name)), "")
    if not found or _is_direct(url.hostname or "", url.port or 443, environ):
        return ""
    return found if "://" in found else f"http://{found}"


def _is_direct(host: str, port: int, environ: Mapping[str, str]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    return any(
        _matches(rule.strip().lower(), host, address, port) for rule in exceptions.split(",")
    )


def _matches(
    rule: str,
    host: str,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
    port: int,
) -> bool:
    if rule in ("", "*"):
        return rule == "*"
    if address is not None:
        try:
            return address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return rule in (f"{host}:{port}", f"[{host}]:{port}")
    name, _, only = rule.partition(":")
    if only and only != str(port):
        return False
    bare = name.removeprefix("*").removeprefix(".")
    return host.endswith(f".{bare}") or (host == bare and not name.startswith((".", "*")))


def _without_password(address: str) -> str:
    return address.rsplit("@", 1)[-1] if address else "It"
