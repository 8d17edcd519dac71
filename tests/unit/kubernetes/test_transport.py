"""The way to a server: TLS, names, proxies, and what is said when there is no way."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cnai_sdk.backends.kubernetes.api import Api, Unreachable, connect
from cnai_sdk.backends.kubernetes.kubeconfig import Cluster, Target, find
from cnai_sdk.backends.kubernetes.transport import client_for, proxy_for
from cnai_sdk.errors import InvalidRequest

from .https import Authority, Reply, Request, Server, base64_of, environ, tunnel, write_kubeconfig


@pytest.fixture
def elsewhere(authority: Authority, tmp_path: Path) -> Iterator[Server]:
    """A server whose certificate names another host than its address."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    server = Server(authority, folder, "kube.example")
    yield server
    server.close()


def target_of(server: str, tmp_path: Path, **cluster: Any) -> Target:
    path = write_kubeconfig(
        tmp_path / "kubeconfig", server, user={"token": "good-token"}, cluster=cluster
    )
    return find(environ=environ(path))


async def ask(target: Target) -> Any:
    api = connect(target)
    try:
        return await api.get("/version")
    finally:
        await api.close()


async def refused(target: Target) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        await ask(target)
    assert target.server in caught.value.what
    assert target.context in caught.value.what
    assert caught.value.why
    assert caught.value.next_step
    assert "good-token" not in str(caught.value)
    return caught.value


async def test_the_authority_may_be_a_file(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    target = target_of(server.url, tmp_path, **{"certificate-authority": "ca.crt"})
    assert await ask(target) == {}


async def test_an_unknown_authority_is_said(server: Server, tmp_path: Path) -> None:
    other = base64_of(Authority("another").pem)
    error = await refused(target_of(server.url, tmp_path, **{"certificate-authority-data": other}))
    assert error.cause == "certificate"
    assert "not trusted" in error.why
    assert not error.sent


async def test_verification_can_be_left_out(server: Server, tmp_path: Path) -> None:
    assert await ask(target_of(server.url, tmp_path, **{"insecure-skip-tls-verify": True})) == {}


async def test_a_certificate_for_another_host_is_said(
    elsewhere: Server, authority: Authority, tmp_path: Path
) -> None:
    data = {"certificate-authority-data": base64_of(authority.pem)}
    error = await refused(target_of(elsewhere.url, tmp_path, **data))
    assert error.cause == "certificate"
    assert "127.0.0.1" in error.why
    assert "tls-server-name" in error.next_step


async def test_tls_server_name_is_what_the_certificate_must_say(
    elsewhere: Server, authority: Authority, tmp_path: Path
) -> None:
    data = {"certificate-authority-data": base64_of(authority.pem)}
    data["tls-server-name"] = "kube.example"
    assert await ask(target_of(elsewhere.url, tmp_path, **data)) == {}


async def test_a_server_under_a_path_is_reached_there(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    data = {"certificate-authority-data": base64_of(authority.pem)}
    await ask(target_of(f"{server.url}/k8s/clusters/c-1", tmp_path, **data))
    assert server.asked() == ["/k8s/clusters/c-1/version"]


async def test_nothing_listening_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens
        port = taken.getsockname()[1]
        error = await refused(target_of(f"https://127.0.0.1:{port}", tmp_path))
    assert error.cause == "connection refused"
    assert not error.sent


async def test_a_name_that_dns_does_not_know_is_said(tmp_path: Path) -> None:
    error = await refused(target_of("https://no-such-cluster.invalid:6443", tmp_path))
    assert error.cause == "no such host"
    assert "VPN" in error.next_step


async def test_a_server_that_speaks_no_tls_is_said(tmp_path: Path) -> None:
    plain = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=plain.handle_request, daemon=True).start()
    error = await refused(target_of(f"https://127.0.0.1:{plain.server_address[1]}", tmp_path))
    plain.server_close()
    assert error.cause == "TLS"
    assert "HTTPS" in error.next_step


async def test_a_server_that_takes_a_request_and_says_nothing_is_told(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    come, end = threading.Event(), threading.Event()

    def answer(request: Request) -> Reply:
        come.set()
        end.wait(60)
        return Reply()

    server.answer = answer
    data = {"certificate-authority-data": base64_of(authority.pem)}
    target = target_of(server.url, tmp_path, **data)
    client = client_for(target)
    client.timeout = httpx2.Timeout(30.0, read=0.2)
    api = Api(target, client)
    with pytest.raises(Unreachable) as caught:
        await api.create("/api/v1/namespaces", {})
    assert await asyncio.to_thread(come.wait, 60)
    end.set()
    await api.close()
    assert caught.value.cause == "no answer"
    assert caught.value.sent
    assert len(server.requests) == 1


async def test_a_server_that_has_answered_is_waited_for_when_it_goes_away(
    server: Server, api: Api, authority: Authority, tmp_path: Path
) -> None:
    await api.get("/version")
    server.close()
    back: list[Server] = []
    again = threading.Timer(0.5, lambda: back.append(Server(authority, tmp_path, port=server.port)))
    again.start()
    await api.create("/api/v1/namespaces", {})
    assert back[0].asked("POST") == ["/api/v1/namespaces"]
    back[0].close()


# -- proxies ------------------------------------------------------------------------------


async def test_proxy_url_leads_through_a_proxy(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    data = {"certificate-authority-data": base64_of(authority.pem)}
    with tunnel() as (address, asked):
        target = target_of(server.url, tmp_path, **data, **{"proxy-url": f"http://{address}"})
        assert await ask(target) == {}
    assert asked == [f"127.0.0.1:{server.port}"]


async def test_a_proxy_may_want_a_password_and_never_shows_it(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    data = {"certificate-authority-data": base64_of(authority.pem)}
    with tunnel(password="me:sesame") as (address, asked):
        good = {**data, "proxy-url": f"http://me:sesame@{address}"}
        assert await ask(target_of(server.url, tmp_path, **good)) == {}
        error = await refused(
            target_of(server.url, tmp_path, **data, **{"proxy-url": f"http://me:wrong@{address}"})
        )
    assert len(asked) == 2, "a wrong password was tried again"
    assert error.cause == "proxy"
    assert "407" in error.why
    assert "wrong" not in str(error)


async def test_tls_server_name_holds_behind_a_proxy(
    elsewhere: Server, authority: Authority, tmp_path: Path
) -> None:
    with tunnel() as (address, _):
        data = {
            "certificate-authority-data": base64_of(authority.pem),
            "tls-server-name": "kube.example",
            "proxy-url": f"http://{address}",
        }
        assert await ask(target_of(elsewhere.url, tmp_path, **data)) == {}


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    target = target_of("https://a:6443", tmp_path, **{"proxy-url": "ftp://me:sesame@proxy:1"})
    with pytest.raises(InvalidRequest, match="proxy") as caught:
        client_for(target)
    assert "proxy:1" in caught.value.why
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("server", "variables", "proxy"),
    [
        ("https://kube.corp:6443", {}, ""),
        ("https://kube.corp:6443", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://kube.corp:6443", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://kube.corp:6443", {"HTTP_PROXY": "http://p:1"}, ""),
        ("http://kube.corp:6443", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("https://localhost:6443", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("https://10.1.2.3:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://10.1.2.3:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3"}, ""),
        (
            "https://11.1.2.3:6443",
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"},
            "http://p:1",
        ),
        ("https://kube.corp:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x, .corp"}, ""),
        ("https://kube.corp:6443", {"HTTPS_PROXY": "http://p:1", "no_proxy": "*.corp"}, ""),
        ("https://kube.corp:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "corp"}, ""),
        ("https://kube.corp:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "kube.corp:6443"}, ""),
        (
            "https://kube.corp:6443",
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "kube.corp:443"},
            "http://p:1",
        ),
        ("https://corp:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".corp"}, "http://p:1"),
        ("https://kube.corp:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ""),
    ],
)
def test_the_environments_proxy_holds_as_it_does_for_kubectl(
    server: str, variables: dict[str, str], proxy: str
) -> None:
    target = Target(context="c", namespace="n", origin="o", cluster=Cluster(server=server))
    assert proxy_for(target, variables) == proxy


async def test_a_proxy_of_the_environment_is_used(
    elsewhere: Server, authority: Authority, tmp_path: Path
) -> None:
    server = f"https://kube.example:{elsewhere.port}"  # known to the proxy, not to this machine
    data = {"certificate-authority-data": base64_of(authority.pem)}
    target = target_of(server, tmp_path, **data)
    with tunnel() as (address, asked):
        client = client_for(target, environ={"HTTPS_PROXY": f"http://{address}"})
        answer = await client.get("/version")
        await client.aclose()
    assert answer.status_code == 200
    assert asked == [f"kube.example:{elsewhere.port}"]
