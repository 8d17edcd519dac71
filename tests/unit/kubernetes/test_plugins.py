"""Programs that hand out credentials: real ones, against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.api import Refused
from cnai_sdk.errors import BackendUnavailable, CnaiError, InvalidRequest

from .https import Authority, Connected, Server, base64_of, only, write_program

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


class Plugin:
    """A program that hands out credentials, and counts how often it ran."""

    def __init__(self, folder: Path, *, version: str = V1, lines: str = "", **more: Any) -> None:
        self._folder = folder
        self._runs = folder / "runs"
        self._status = folder / "status.json"
        self.seen = folder / "seen.json"
        program = (
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys, time\n"
            f"folder = pathlib.Path({str(folder)!r})\n"
            "(folder / 'runs').open('a').write('x')\n"
            "(folder / 'seen.json').write_text(json.dumps({\n"
            "    'info': os.environ['KUBERNETES_EXEC_INFO'], 'stage': os.environ.get('STAGE'),\n"
            "    'words': sys.argv[1:], 'asks': sys.stdin.read()}))\n"
            f"{lines}\n"
            f"print(json.dumps({{'apiVersion': {version!r}, 'kind': 'ExecCredential',\n"
            "    'status': json.loads((folder / 'status.json').read_text())}))\n"
        )
        command = write_program(folder / "login", program)
        self.user = {"exec": {"apiVersion": version, "command": str(command), **more}}

    @property
    def runs(self) -> int:
        return len(self._runs.read_text()) if self._runs.exists() else 0

    def give(self, *, lasts: float | None = None, **status: Any) -> None:
        if lasts is not None:
            moment = datetime.fromtimestamp(time.time() + lasts, UTC)
            status["expirationTimestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._status.write_text(json.dumps(status))


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_a_plugin_gives_a_token(
    server: Server, connected: Connected, tmp_path: Path, version: str
) -> None:
    plugin = Plugin(
        tmp_path,
        version=version,
        args=["get-token", "--x"],
        env=[{"name": "STAGE", "value": "dev"}],
        interactiveMode="IfAvailable",
    )
    plugin.give(token="from-plugin")
    server.answer = only(lambda: "from-plugin")
    async with connected(plugin.user) as api:
        await api.get("/version")
        await api.get("/version")
    assert plugin.runs == 1
    seen = json.loads(plugin.seen.read_text())
    assert seen["words"] == ["get-token", "--x"]
    assert seen["stage"] == "dev"
    assert seen["asks"] == ""
    info = json.loads(seen["info"])
    assert info == {
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


async def test_a_plugin_is_told_of_the_cluster_when_it_wants_to_know(
    server: Server, connected: Connected, authority: Authority, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path, provideClusterInfo=True)
    plugin.give(token="t")
    name = "client.authentication.k8s.io/exec"
    extensions = [{"name": name, "extension": {"audience": "a"}}]
    async with connected(plugin.user, extensions=extensions) as api:
        await api.get("/version")
    told = json.loads(json.loads(plugin.seen.read_text())["info"])["spec"]["cluster"]
    assert told == {
        "server": server.url,
        "certificate-authority-data": base64_of(authority.pem),
        "config": {"audience": "a"},
    }


async def test_requests_that_wait_share_one_run(
    server: Server, connected: Connected, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.give(token="t")
    async with connected(plugin.user) as api:
        await asyncio.gather(*(api.get("/version") for _ in range(12)))
    assert plugin.runs == 1
    assert len(server.requests) == 12


async def test_the_loop_goes_on_while_a_plugin_runs(connected: Connected, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    plugin = Plugin(tmp_path, lines=f"open({str(gate)!r}).read()")
    plugin.give(token="t")
    async with connected(plugin.user) as api:
        asked = asyncio.create_task(api.get("/version"))
        while not plugin.seen.exists():
            assert not asked.done()
            await asyncio.sleep(0.01)
        await asyncio.to_thread(gate.write_text, "go")
        assert await asked == {}


async def test_a_credential_is_renewed_before_it_expires(
    server: Server, connected: Connected, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.give(token="first", lasts=5)  # within the margin: old as soon as it is there
    async with connected(plugin.user) as api:
        await api.get("/version")
        plugin.give(token="second", lasts=3600)
        await api.get("/version")
        await api.get("/version")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second", "Bearer second"]
    assert plugin.runs == 2


async def test_a_refused_credential_is_renewed_once_for_all_who_wait(
    server: Server, connected: Connected, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.give(token="old")
    valid = "old"
    server.answer = only(lambda: valid)
    async with connected(plugin.user) as api:
        await api.get("/version")
        valid = "new"
        plugin.give(token="new")
        assert await asyncio.gather(*(api.get("/version") for _ in range(8))) == [{"ok": True}] * 8
    assert plugin.runs == 2


async def test_a_credential_that_stays_refused_is_not_asked_for_without_end(
    server: Server, connected: Connected, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.give(token="never-good")
    server.answer = only(lambda: "other")
    async with connected(plugin.user) as api:
        with pytest.raises(Refused) as caught:
            await api.get("/version")
    assert caught.value.status == 401
    assert "Log in" in caught.value.next_step
    assert plugin.runs == 2


async def test_a_plugin_may_give_a_certificate_and_exchange_it(
    server: Server, connected: Connected, authority: Authority, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    for name in ("ann", "ann-again"):
        certificate, key = (part.decode() for part in authority.issue(name))
        plugin.give(clientCertificateData=certificate, clientKeyData=key, lasts=5)
        async with connected(plugin.user) as api:
            await api.get("/version")
            assert server.requests[-1].client == name
            renewed, key = (part.decode() for part in authority.issue(f"{name}-2"))
            plugin.give(clientCertificateData=renewed, clientKeyData=key, lasts=3600)
            await api.get("/version")
            assert server.requests[-1].client == f"{name}-2"


async def test_a_missing_plugin_says_how_it_is_installed(connected: Connected) -> None:
    user = {"exec": {"apiVersion": V1, "command": "no-such-login", "installHint": "Run: get login"}}
    async with connected(user) as api:
        with pytest.raises(BackendUnavailable) as caught:
            await api.get("/version")
    assert "no-such-login" in caught.value.what
    assert "context test" in caught.value.what
    assert "kubeconfig" in caught.value.why
    assert caught.value.next_step == "Run: get login"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("sys.stderr.write('please log in'); sys.exit(3)", "ended with 3: please log in"),
        ("print('sesame'); sys.exit(0)", "no ExecCredential"),
        ("print('{}'); sys.exit(0)", "answered in no version"),
        (f'print(\'{{"apiVersion": "{V1BETA1}"}}\'); sys.exit(0)', f"answered in {V1BETA1}"),
        (f'print(\'{{"apiVersion": "{V1}"}}\'); sys.exit(0)', "neither a token"),
    ],
)
async def test_a_plugin_that_fails_is_told_with_what_it_said(
    connected: Connected, tmp_path: Path, lines: str, said: str
) -> None:
    plugin = Plugin(tmp_path, lines=lines)
    async with connected(plugin.user) as api:
        with pytest.raises(BackendUnavailable) as caught:
            await asyncio.gather(*(api.get("/version") for _ in range(4)))
    assert said in caught.value.why
    assert "sesame" not in str(caught.value)
    assert caught.value.next_step


async def test_a_credential_in_a_plugins_complaint_is_not_passed_on(
    connected: Connected, tmp_path: Path
) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
    lines = f"sys.exit('refused: {token} of ' + os.environ['CLIENT'])"
    env = [{"name": "CLIENT", "value": "open-sesame"}]
    plugin = Plugin(tmp_path, lines=lines, env=env)
    async with connected(plugin.user) as api:
        with pytest.raises(BackendUnavailable) as caught:
            await api.get("/version")
    assert "refused: … of …" in caught.value.why
    assert token not in str(caught.value)


async def test_half_a_certificate_is_refused(connected: Connected, tmp_path: Path) -> None:
    plugin = Plugin(tmp_path)
    plugin.give(clientCertificateData="x")
    async with connected(plugin.user) as api:
        with pytest.raises(BackendUnavailable, match="not both"):
            await api.get("/version")


async def test_a_plugin_that_must_ask_questions_is_not_run(
    connected: Connected, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path, interactiveMode="Always")
    async with connected(plugin.user) as api:
        with pytest.raises(BackendUnavailable, match="cannot answer"):
            await api.get("/version")
    assert plugin.runs == 0


async def test_a_plugin_of_a_version_that_is_gone_is_refused(connected: Connected) -> None:
    version = "client.authentication.k8s.io/v1alpha1"
    with pytest.raises(InvalidRequest, match="v1alpha1"):
        async with connected({"exec": {"apiVersion": version, "command": "login"}}):
            pass


async def test_a_failed_plugin_is_run_again_for_the_next_request(
    server: Server, connected: Connected, tmp_path: Path
) -> None:
    switch = tmp_path / "broken"
    switch.write_text("")
    plugin = Plugin(tmp_path, lines=f"if pathlib.Path({str(switch)!r}).exists(): sys.exit(1)")
    plugin.give(token="t")
    async with connected(plugin.user) as api:
        with pytest.raises(CnaiError):
            await api.get("/version")
        switch.unlink()
        await api.get("/version")
    assert plugin.runs == 2
