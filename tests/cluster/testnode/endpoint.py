"""The kubelet's HTTPS endpoint: logs, exec, and what else the API server asks a node."""

import contextlib
import datetime
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.testnode import timing
from tests.cluster.testnode.execute import execute
from tests.cluster.testnode.keeper import Keeper
from tests.cluster.testnode.logs import Log, Options
from tests.cluster.testnode.node import Node

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A certificate of its own making: the API server asks a kubelet for none better."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    file = folder / "kubelet.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    file.chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class Endpoint:
    """The endpoint of one node."""

    def __init__(self, node: Node, context: ssl.SSLContext) -> None:
        self._node, self._context = node, context
        app = web.Application(middlewares=[self._reachable])
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/containerLogs/{namespace}/{pod}/{container}", self._logs),
                web.route("*", "/exec/{namespace}/{pod}/{container}", self._exec),
                web.route("*", "/exec/{namespace}/{pod}/{uid}/{container}", self._exec),
                web.route("*", "/portForward/{namespace}/{pod}", self._forward),
                web.route("*", "/portForward/{namespace}/{pod}/{uid}", self._forward),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._node.gateway, self._node.port, ssl_context=self._context
        )
        await site.start()
        self._node.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _reachable(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._node.silent and request.transport is not None:
            request.transport.abort()
        return await handler(request)

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    def _keeper(self, request: web.Request) -> Keeper:
        where = (request.match_info["namespace"], request.match_info["pod"])
        name = request.match_info["container"]
        for pod in list(self._node.pods.values())[::-1]:
            if (pod.namespace, pod.name) == where:
                for keeper in pod.keepers:
                    if keeper.name == name:
                        return keeper
                full = f"{pod.name}_{pod.namespace}"
                raise web.HTTPBadRequest(text=f'container "{name}" not found in pod "{full}"')
        raise web.HTTPNotFound(text=f'pod "{where[1]}" does not exist')

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        keeper = self._keeper(request)
        found = self._log(keeper, previous=request.query.get("previous") == "true")
        reply = web.StreamResponse(headers={"Content-Type": "text/plain"})
        reply.enable_chunked_encoding()
        await reply.prepare(request)
        options = _options(request)
        with contextlib.suppress(ConnectionError):  # readers go when they like
            async for data in found.read(options):
                await reply.write(data)
            await reply.write_eof()
        return reply

    def _log(self, keeper: Keeper, *, previous: bool) -> Log:
        where = f'container "{keeper.name}" in pod "{keeper.pod.name}"'
        if previous:
            if keeper.container.last and len(keeper.logs) > 1 - (keeper.process is None):
                return keeper.logs[-2 if keeper.process is not None else -1]
            raise web.HTTPBadRequest(text=f"previous terminated {where} not found")
        if keeper.logs:
            return keeper.logs[-1]
        waiting = keeper.container.state.get("waiting", {})
        reason = waiting.get("reason", "ContainerCreating")
        pull = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
        if reason in pull:
            text = f"{where} is waiting to start: image can't be pulled"
            if reason != "ErrImagePull":
                text = f"{where} is waiting to start: trying and failing to pull image"
            raise web.HTTPBadRequest(text=text)
        raise web.HTTPBadRequest(text=f"{where} is waiting to start: {reason}")

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        keeper = self._keeper(request)
        if keeper.process is None:
            raise web.HTTPInternalServerError(text=f"container not found ({keeper.name!r})")
        return await execute(request, keeper.process.pid)

    async def _forward(self, _: web.Request) -> web.Response:
        raise web.HTTPNotImplemented(text="port-forward is not imitated by the test node")


def _options(request: web.Request) -> Options:
    query = request.query
    since = timing.parse(query["sinceTime"]) if "sinceTime" in query else 0
    if "sinceSeconds" in query:
        since = time.time_ns() - int(query["sinceSeconds"]) * 10**9
    return Options(
        follow=query.get("follow") == "true",
        timestamps=query.get("timestamps") == "true",
        tail=int(query["tailLines"]) if "tailLines" in query else None,
        since=since,
        limit=int(query["limitBytes"]) if "limitBytes" in query else None,
        stream={"Stdout": "stdout", "Stderr": "stderr"}.get(query.get("stream", ""), ""),
    )
