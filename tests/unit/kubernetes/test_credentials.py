"""How a client proves who asks, by what a kubeconfig holds or names: against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.errors import BackendUnavailable, InvalidRequest

from .https import Authority, Connected, Server, base64_of, only


async def test_a_token_is_sent(server: Server, connected: Connected) -> None:
    server.answer = only(lambda: "abc")
    async with connected({"token": "abc"}) as api:
        assert await api.get("/version") == {"ok": True}


async def test_a_name_and_a_password_are_sent(server: Server, connected: Connected) -> None:
    async with connected({"username": "ann", "password": "pw"}) as api:
        await api.get("/version")
    assert server.requests[0].headers["authorization"] == f"Basic {base64_of(b'ann:pw')}"


async def test_somebody_else_can_be_spoken_for(server: Server, connected: Connected) -> None:
    user = {"token": "abc", "as": "bob", "as-groups": ["dev"], "as-user-extra": {"why": ["x"]}}
    async with connected(user) as api:
        await api.get("/version")
    headers = server.requests[0].headers
    assert headers["impersonate-user"] == "bob"
    assert headers["impersonate-group"] == "dev"
    assert headers["impersonate-extra-why"] == "x"


async def test_a_file_of_a_token_is_read_again_when_its_token_is_refused(
    server: Server, connected: Connected, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    valid = "old"
    server.answer = only(lambda: valid)
    async with connected({"tokenFile": str(file)}) as api:
        await api.get("/version")
        valid = "new"
        file.write_text("new\n")
        await api.get("/version")
        await api.get("/version")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]


async def test_a_file_of_a_token_that_is_gone_is_named(connected: Connected) -> None:
    async with connected({"tokenFile": "/nowhere/token"}) as api:
        with pytest.raises(BackendUnavailable, match="/nowhere/token cannot be read"):
            await api.get("/version")


async def test_a_client_certificate_in_the_file_is_shown(
    server: Server, connected: Connected, authority: Authority
) -> None:
    certificate, key = authority.issue("ann")
    user = {
        "client-certificate-data": base64_of(certificate),
        "client-key-data": base64_of(key),
    }
    async with connected(user) as api:
        await api.get("/version")
    assert server.requests[0].client == "ann"


async def test_a_client_certificate_beside_the_file_is_shown(
    server: Server, connected: Connected, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("ann")
    (tmp_path / "ann.crt").write_bytes(certificate)
    (tmp_path / "ann.key").write_bytes(key)
    async with connected({"client-certificate": "ann.crt", "client-key": "ann.key"}) as api:
        await api.get("/version")
    assert server.requests[0].client == "ann"


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"client-certificate": "gone.crt", "client-key": "gone.key"}, "gone.crt cannot be read"),
        ({"client-certificate-data": base64_of(b"-"), "client-key-data": "AA=="}, "is not valid"),
        ({"client-certificate-data": "%", "client-key-data": "%"}, "is not valid"),
        ({"client-certificate-data": base64_of(b"-")}, "and not both"),
    ],
)
async def test_a_certificate_that_cannot_be_used_is_refused_before_anything_is_sent(
    server: Server, connected: Connected, user: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        async with connected(user):
            pass
    assert said in caught.value.why
    assert "kubeconfig" in caught.value.why
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "way"),
    [("gcp", "gke-gcloud-auth-plugin"), ("oidc", "kubelogin"), ("own", "Write the context anew")],
)
async def test_an_auth_provider_is_refused_with_the_way_out(
    connected: Connected, name: str, way: str
) -> None:
    with pytest.raises(InvalidRequest, match="auth-provider") as caught:
        async with connected({"auth-provider": {"name": name}}):
            pass
    assert way in caught.value.next_step
