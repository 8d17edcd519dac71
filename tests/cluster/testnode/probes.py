"""Startup, readiness and liveness probes."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from tests.cluster.testnode.client import Object

Execute = Callable[[list[str], float], Awaitable[tuple[int, str]]]


async def once(probe: Object, container: Object, address: str, execute: Execute) -> str | None:
    """One try: None where it succeeded, else what a kubelet says of it."""
    timeout = float(probe.get("timeoutSeconds", 1))
    if "exec" in probe:
        code, output = await execute(probe["exec"].get("command") or [], timeout)
        return None if code == 0 else output
    if "tcpSocket" in probe:
        return await _tcp(probe["tcpSocket"], container, address, timeout)
    if "httpGet" in probe:
        return await _http(probe["httpGet"], container, address, timeout)
    return "probes of this kind are not imitated by the test node"


def port(wanted: int | str, container: Object) -> int:
    """A port's number, also where the probe has its name."""
    if isinstance(wanted, int) or wanted.isdigit():
        return int(wanted)
    ports = container.get("ports") or []
    return next((int(p["containerPort"]) for p in ports if p.get("name") == wanted), 0)


async def _tcp(action: Object, container: Object, address: str, timeout: float) -> str | None:
    host, number = action.get("host") or address, port(action["port"], container)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, number), timeout)
        writer.close()
    except TimeoutError:
        return f"dial tcp {host}:{number}: i/o timeout"
    except OSError:
        return f"dial tcp {host}:{number}: connect: connection refused"
    return None


async def _http(action: Object, container: Object, address: str, timeout: float) -> str | None:
    host, number = action.get("host") or address, port(action["port"], container)
    path = "/" + action.get("path", "/").lstrip("/")
    url = f"{action.get('scheme', 'HTTP').lower()}://{host}:{number}{path}"
    headers = {"User-Agent": "kube-probe/1.36"}
    headers |= {one["name"]: one["value"] for one in action.get("httpHeaders") or []}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(timeout)) as session,
            session.get(url, headers=headers, ssl=False) as reply,
        ):
            failed = f"HTTP probe failed with statuscode: {reply.status}"
            return None if 200 <= reply.status < 400 else failed
    except TimeoutError:
        return (
            f'Get "{url}": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)"
        )
    except (aiohttp.ClientError, OSError):
        return f'Get "{url}": dial tcp {host}:{number}: connect: connection refused'


EAGER = 0.2  # seconds between tries before the first success: what is ready shows at once


async def watch(
    probe: Object,
    attempt: Callable[[Object], Awaitable[str | None]],
    *,
    eager: bool,
    said: Callable[[str], None],
    passed: Callable[[], Awaitable[bool]],
    failed: Callable[[], Awaitable[bool]],
) -> None:
    """Probe until `passed` or `failed`, called at their thresholds, say that it is enough.

    An `eager` one also tries between its turns until it first succeeds; failures count in turn.
    """
    period = float(probe.get("periodSeconds", 10))
    clock = asyncio.get_running_loop().time
    turn = clock() + float(probe.get("initialDelaySeconds", 0))
    good = bad = 0
    while True:
        if not (eager and good == 0):
            await asyncio.sleep(max(0.0, turn - clock()))
        wrong = await attempt(probe)
        if wrong is None:
            good, bad = good + 1, 0
            if good >= probe.get("successThreshold", 1) and await passed():
                return
            turn = clock() + period
            continue
        good = 0
        if clock() < turn:
            await asyncio.sleep(EAGER)
            continue
        turn, bad = clock() + period, bad + 1
        said(wrong)
        if bad >= probe.get("failureThreshold", 3) and await failed():
            return
