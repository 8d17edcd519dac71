"""A small real HTTPS server in the API server's place, and the authority that it answers to."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = self._signed(self._name, self._key.public_key(), ca=True, names=())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, common: str, *names: str) -> tuple[bytes, bytes]:
        """A certificate and its key, as PEM; names are DNS names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_named(common), key.public_key(), ca=False, names=names)
        return (
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def _signed(
        self, subject: x509.Name, key: Any, *, ca: bool, names: tuple[str, ...]
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            general: list[x509.GeneralName] = []
            for name in names:
                try:
                    general.append(x509.IPAddress(ipaddress.ip_address(name)))
                except ValueError:
                    general.append(x509.DNSName(name))
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass
class Request:
    """What came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    client: str
    """The common name of the client's certificate, or ''."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What goes back: a body, or pieces as they come."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    cut: bool = False
    """The connection breaks where the answer would begin, or after the pieces."""


def status(code: int, reason: str, message: str = "", **details: Any) -> Reply:
    """A refusal as the API server words it."""
    body = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return Reply(code, {**body, "details": details} if details else body)


Answer = Callable[[Request], Reply]
Connected = Callable[..., Any]
"""Opens a connection as a user of a kubeconfig, in an `async with`."""


def only(token: Callable[[], str]) -> Callable[[Request], Reply]:
    """Lets one token in."""

    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") == f"Bearer {token()}":
            return Reply(200, {"ok": True})
        return status(401, "Unauthorized", "Unauthorized")

    return answer


class Server:
    """Answers what `answer` says, and remembers what was asked."""

    def __init__(self, authority: Authority, folder: Path, *names: str, port: int = 0) -> None:
        self.answer: Answer = lambda request: Reply(200, {})
        self.requests: list[Request] = []
        certificate, key = authority.issue("server", *(names or ("127.0.0.1",)))
        (folder / "server.pem").write_bytes(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        context.load_verify_locations(cadata=authority.pem.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self._http.context = context
        self.port = self._http.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def asked(self, method: str = "GET") -> list[str]:
        """The paths of the requests so far."""
        return [request.path for request in self.requests if request.method == method]

    def cut(self) -> None:
        """Break every connection."""
        for connection in self._http.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self.cut()


class _Http(ThreadingHTTPServer):
    owner: Server
    context: ssl.SSLContext
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *args: Any) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(*args)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        with (
            contextlib.suppress(OSError),
            self.context.wrap_socket(request, server_side=True) as secure,
        ):
            self.connections.append(secure)
            super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body would wait until its head is acknowledged
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _handle(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        certificate: Any = self.connection.getpeercert() or {}
        request = Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            client=dict(pair[0] for pair in certificate.get("subject", ())).get("commonName", ""),
        )
        self.server.owner.requests.append(request)
        reply = self.server.owner.answer(request)
        if reply.cut and reply.pieces is None:
            self._break()
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.pieces is None:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if reply.cut:
            self._break()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _break(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815


def write_kubeconfig(
    path: Path, server: str, *, user: dict[str, Any], cluster: dict[str, Any], namespace: str = ""
) -> Path:
    """A kubeconfig of one context, 'test'."""
    context = {"cluster": "test", "user": "test"} | ({"namespace": namespace} if namespace else {})
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": context}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_program(path: Path, text: str) -> Path:
    """A program that can be run."""
    path.write_text(text)
    path.chmod(0o700)
    return path


@contextlib.contextmanager
def tunnel(*, password: str = "") -> Iterator[tuple[str, list[str]]]:
    """A proxy that takes CONNECT: its address, and the addresses that it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[str] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_tunnelled, args=(client, asked, password), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.close()


def _tunnelled(client: socket.socket, asked: list[str], password: str) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    lines = head.decode().split("\r\n")
    address = lines[0].split()[1]
    asked.append(address)
    wanted = f"Basic {base64_of(password.encode())}"
    if password and not any(line.endswith(wanted) for line in lines):
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        client.close()
        return
    port = int(address.rsplit(":", 1)[1])
    server = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    for one, other in ((client, server), (server, client)):
        threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


def environ(kubeconfig: Path, **more: str) -> dict[str, str]:
    """An environment that names one kubeconfig and no proxy."""
    return {"KUBECONFIG": str(kubeconfig), "PATH": os.environ["PATH"], **more}
