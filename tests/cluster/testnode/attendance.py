"""What a running container gets besides running: probes, and commands in its namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.testnode import probes
from tests.cluster.testnode.client import Object
from tests.cluster.testnode.process import Process

if TYPE_CHECKING:
    from tests.cluster.testnode.keeper import Keeper


def inside(pid: int, argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command line and environment that run a command in a container's namespaces."""
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="surrogateescape")
    env = dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)
    theirs, ours = Path(f"/proc/{pid}/ns/user"), Path("/proc/self/ns/user")
    enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "--ipc", "--uts"]
    enter += ["--user", "--preserve-credentials"] if theirs.readlink() != ours.readlink() else []
    enter += [f"--root=/proc/{pid}/root", f"--wd=/proc/{pid}/cwd", "--", *argv]
    return [shutil.which("nsenter") or "nsenter", *enter[1:]], env


class Attendance:
    """Beside one run of a container."""

    def __init__(self, keeper: Keeper, process: Process) -> None:
        self._keeper, self._process = keeper, process

    def start(self) -> list[asyncio.Task[None]]:
        return [
            asyncio.create_task(self._probes()),
            asyncio.create_task(self._after_start()),
        ]

    async def execute(self, argv: list[str], timeout: float) -> tuple[int, str]:
        """Run a command in the container: its exit code and output."""
        command, env = inside(self._process.pid, argv)
        ran = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env=env,
        )
        try:
            output, _ = await asyncio.wait_for(ran.communicate(), timeout)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ran.pid, signal.SIGKILL)
            return 1, f"command timed out: {' '.join(argv)!r} timed out after {timeout:g}s"
        return ran.returncode or 0, output[:10240].decode(errors="replace")

    async def _after_start(self) -> None:
        hook = (self._keeper.spec.get("lifecycle") or {}).get("postStart") or {}
        if "exec" not in hook:
            return
        code, _ = await self.execute(hook["exec"].get("command") or [], 3600)
        if code != 0:
            self._keeper.event("Warning", "FailedPostStartHook", "PostStartHook failed")
            await self._keeper.end(
                self._keeper.pod.grace, message="FailedPostStartHook", final=False
            )

    async def _probes(self) -> None:
        spec = self._keeper.spec
        if startup := spec.get("startupProbe"):
            await self._watch(startup, "Startup")
        watched = [
            self._watch(spec[key], title)
            for key, title in (("readinessProbe", "Readiness"), ("livenessProbe", "Liveness"))
            if key in spec
        ]
        await asyncio.gather(*watched)

    async def _attempt(self, probe: Object) -> str | None:
        keeper = self._keeper
        return await probes.once(probe, keeper.spec, keeper.pod.address, self.execute)

    async def _watch(self, probe: Object, title: str) -> None:
        keeper = self._keeper

        async def passed() -> bool:
            if title == "Startup":
                keeper.started()
                await keeper.pod.publish()
                return True
            if title == "Readiness" and not keeper.container.ready:
                keeper.container.ready = True
                await keeper.pod.publish()
            return False

        async def failed() -> bool:
            if title == "Readiness":
                if keeper.container.ready:
                    keeper.container.ready = False
                    await keeper.pod.publish()
                return False
            message = f"Container {keeper.name} failed {title.lower()} probe"
            if keeper.pod.policy != "Never":
                message += ", will be restarted"
            grace = probe.get("terminationGracePeriodSeconds", keeper.pod.grace)
            await keeper.end(float(grace), message=message, final=False)
            return True

        def said(output: str) -> None:
            keeper.event("Warning", "Unhealthy", f"{title} probe failed: {output}")

        eager = title != "Liveness"
        await probes.watch(
            probe, self._attempt, eager=eager, said=said, passed=passed, failed=failed
        )
