"""Keeps one container of a pod as its pod asks: pulled, configured, run, restarted, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.testnode import environment, memory, process, quantity, sandbox, status
from tests.cluster.testnode.attendance import Attendance
from tests.cluster.testnode.client import UNREACHABLE, Object, RefusedError
from tests.cluster.testnode.environment import ConfigError, Lookup, expand
from tests.cluster.testnode.images import ImageError, tagged
from tests.cluster.testnode.logs import Log
from tests.cluster.testnode.network import Link
from tests.cluster.testnode.process import Process, StartError
from tests.cluster.testnode.status import NEVER_RAN, Container
from tests.cluster.testnode.timing import duration, now

if TYPE_CHECKING:
    from tests.cluster.testnode.pod import Pod

log = logging.getLogger(__name__)
MESSAGE = 4096  # bytes of a termination message
FALLBACK = (80, 2048)  # lines and bytes of a log that stands for one

Configured = tuple[list[str], dict[str, str], list[tuple[Path, str, bool]], sandbox.Identity]


class Keeper:
    """One container of one pod."""

    def __init__(self, pod: Pod, spec: Object, *, init: bool) -> None:
        first = "ContainerCreating"
        if not init and pod.object["spec"].get("initContainers"):
            first = "PodInitializing"
        self.pod, self.spec = pod, spec
        self.container = Container(spec, init, {"waiting": {"reason": first}})
        self.process: Process | None = None
        self.logs: list[Log] = []
        self._ended = False
        self._grace = asyncio.Event()
        self._started = asyncio.Event()

    @property
    def name(self) -> str:
        return self.container.name

    def event(self, kind: str, reason: str, message: str) -> None:
        field = "initContainers" if self.container.init else "containers"
        self.pod.event(kind, reason, message, f"spec.{field}{{{self.name}}}")

    @property
    def stopping(self) -> bool:
        return self._ended or (
            self.pod.stopping.is_set() and not status.sidecar(self.container.spec)
        )

    async def has_started(self) -> None:
        await self._started.wait()

    async def run(self) -> None:
        """Return when it will not run again."""
        try:
            await self._run()
        finally:
            self._started.set()

    async def _run(self) -> None:
        config = self.pod.shared.config
        backoff = 0.0
        while True:
            entry = await self._pulled()
            if entry is None:
                return
            if not await self._once(entry):
                return
            if self.stopping or not status.restarts(self.container, self.pod.policy):
                await self.pod.publish()
                return
            await self.pod.publish()
            if backoff and not await self._back_off(backoff):
                return
            backoff = min(backoff * 2 or config.restart_backoff, config.restart_backoff_max)
            self.container.restarts += 1

    async def _back_off(self, seconds: float) -> bool:
        """Wait before the next run; False where it is to stop instead."""
        message = (
            f"back-off {duration(seconds)} restarting failed container={self.name} "
            f"pod={self.pod.label}"
        )
        self.container.wait_for("CrashLoopBackOff", message)
        self.event(
            "Warning",
            "BackOff",
            f"Back-off restarting failed container {self.name} in pod {self.pod.label}",
        )
        await self.pod.publish()
        await self._pause(seconds)
        return not self.stopping

    async def _pause(self, seconds: float) -> None:
        waits = [asyncio.create_task(e.wait()) for e in (self.pod.stopping, self._grace)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    # -- image ------------------------------------------------------------------------

    async def _pulled(self) -> list[str] | None:
        images, image = self.pod.shared.images, str(self.spec["image"])
        backoff = self.pod.shared.config.pull_backoff
        while not self.stopping:
            try:
                tag = tagged(image)
                if images.present(image, self.spec.get("imagePullPolicy", "IfNotPresent")):
                    entry = images.pull(image)
                    there = "already present on machine and can be accessed by the pod"
                    self.event("Normal", "Pulled", f'Container image "{image}" {there}')
                    return entry
                self.event("Normal", "Pulling", f'Pulling image "{tag}"')
                entry = images.pull(image)
            except ImageError as error:
                await self._not_pulled(error, image, backoff)
                backoff = min(backoff * 2, 300.0)
                continue
            self.event(
                "Normal",
                "Pulled",
                f'Successfully pulled image "{tag}" in 1ms (1ms including waiting). '
                "Image size: 0 bytes.",
            )
            return entry
        return None

    async def _not_pulled(self, error: ImageError, image: str, backoff: float) -> None:
        if error.reason == "InvalidImageName":
            self.event("Warning", "InspectFailed", error.message)
        elif error.reason == "ErrImageNeverPull":
            self.event("Warning", "ErrImageNeverPull", error.message)
        else:
            failed = f'Failed to pull image "{tagged(image)}": {error.message}'
            self.event("Warning", "Failed", failed)
        self.event("Warning", "Failed", f"Error: {error.reason}")
        self.container.wait_for(error.reason, error.message)
        await self.pod.publish()
        if error.reason == "ErrImagePull":
            await self._pause(min(1.0, backoff / 4))
            message = f'Back-off pulling image "{tagged(image)}"'
            self.event("Normal", "BackOff", message)
            self.event("Warning", "Failed", "Error: ImagePullBackOff")
            whole = f"{message}: {error.reason}: {error.message}"
            self.container.wait_for("ImagePullBackOff", whole)
            await self.pod.publish()
        await self._pause(backoff)

    # -- one run ----------------------------------------------------------------------

    async def _once(self, entry: list[str]) -> bool:
        """Run it to its end; False where it is to stop before it could start."""
        configured = await self._configured(entry)
        if configured is None:
            return False
        argv, env, mounts, identity = configured
        number = self.container.restarts
        self.container.id = uuid.uuid4().hex * 2
        folder = self.pod.folder / "containers" / self.name
        run_log = Log(folder / f"{number}.log")
        for old in folder.glob("*"):
            if old.stem.isdigit() and int(old.stem) < number - 1:
                old.unlink()
        message = folder / f"{number}.message"
        message.touch()
        message.chmod(0o666)
        self.event("Normal", "Created", "Container created")
        since = now()
        try:
            started = await process.start(
                lambda fd: sandbox.command(
                    self.pod.shared.machine, identity, self.pod.object, self.spec,
                    etc=self.pod.folder / "etc", message=message, mounts=mounts, status_fd=fd,
                ),
                argv,
                env=env,
                namespace=self._link().namespace,
                log=run_log,
            )  # fmt: skip
        except StartError as error:
            run_log.end()
            self.logs = [*self.logs[-1:], run_log]
            await self._not_started(str(error))
            return True
        # Together: until then the newest log is that of the run before.
        self.process, self.logs = started, [*self.logs[-1:], run_log]
        await self._attended(started, since, message)
        return True

    async def _attended(self, running: Process, since: str, message: Path) -> None:
        self.container.runs(since)
        attendance = Attendance(self, running)
        self.container.started = not self.spec.get("startupProbe")
        self.container.ready = self.container.started and not self.spec.get("readinessProbe")
        if self.container.started:
            self._started.set()
        if self.stopping:
            running.kill()
        limit = (self.spec.get("resources") or {}).get("limits", {}).get("memory")
        watch = self.pod.shared.memory
        if limit:
            watch.limit(running, int(quantity.parse(limit)))
        self.event("Normal", "Started", "Container started")
        publishing = asyncio.create_task(self.pod.publish())
        tasks = attendance.start()
        ended = await running.wait()
        watch.forget(running)
        for task in tasks:
            task.cancel()
        self.container.started = self.container.ready = False
        text = self._message(message, running.log, ended.code)
        self.container.state = status.terminated(
            ended.code, ended.reason, since, text, self.container.id
        )
        self.process = None
        await publishing

    def memory_used(self) -> str:
        """As a quantity."""
        return quantity.binary(memory.used(self.process.pid)) if self.process else "0"

    def started(self) -> None:
        """A startup probe succeeded."""
        self.container.started = True
        self.container.ready = not self.spec.get("readinessProbe")
        self._started.set()

    def _link(self) -> Link:
        assert self.pod.link is not None
        return self.pod.link

    async def _not_started(self, message: str) -> None:
        self.event("Warning", "Failed", f"Error: {message}")
        ended = status.terminated(128, "StartError", NEVER_RAN, message, self.container.id)
        self.container.state = ended
        if status.restarts(self.container, self.pod.policy):
            self.container.wait_for("RunContainerError", message)
            await self.pod.publish()

    def _message(self, path: Path, run_log: Log, code: int) -> str:
        """What the container left to be said of its end."""
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - MESSAGE))
                text = file.read(MESSAGE).decode(errors="replace")
        except OSError:
            text = ""
        policy = self.spec.get("terminationMessagePolicy")
        if not text and code and policy == "FallbackToLogsOnError":
            return run_log.last(*FALLBACK)
        return text

    # -- configuration ----------------------------------------------------------------

    async def _configured(self, entry: list[str]) -> Configured | None:
        said = ""
        while not self.stopping:
            try:
                user = sandbox.NONROOT if entry else None
                identity = sandbox.Identity(self.pod.object, self.spec, user)
                env = await self._environment(identity)
                return self._command(entry, env), env, self._mounts(env), identity
            except ConfigError as error:
                if str(error) != said:
                    said = str(error)
                    self.event("Warning", "Failed", f"Error: {said}")
                self.container.wait_for("CreateContainerConfigError", said)
                await self.pod.publish()
                await self.pod.something_changed(10)
            except (RefusedError, *UNREACHABLE) as error:
                log.info("%s: %s", self.pod.label, error)
                await asyncio.sleep(0.5)
        return None

    async def _environment(self, identity: sandbox.Identity) -> dict[str, str]:
        pod, shared = self.pod, self.pod.shared
        host, _, port = shared.config.server.rpartition("//")[2].partition(":")
        links = pod.object["spec"].get("enableServiceLinks", True)
        found = list(shared.services.objects.values())
        around = {
            **environment.services(found, pod.namespace, links=links),
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port or "443",
            "KUBERNETES_SERVICE_PORT_HTTPS": port or "443",
            "KUBERNETES_PORT": f"tcp://{host}:{port or 443}",
        }
        own = await environment.declared(
            self.spec, pod.object, Lookup(shared.client),
            around=around, facts=pod.facts, allocatable=pod.node.allocatable,
        )  # fmt: skip
        base = {"PATH": shared.machine.path, "HOME": identity.home}
        return {**base, "HOSTNAME": sandbox.hostname(pod.object), **around, **own}

    def _command(self, entry: list[str], env: dict[str, str]) -> list[str]:
        """An image with an entrypoint runs that, whatever path the pod has for it."""
        command = [expand(one, env) for one in self.spec.get("command") or []]
        arguments = [expand(one, env) for one in self.spec.get("args") or []]
        if entry:
            whole = entry if len(entry) > 1 else [*entry, *command[1:], *arguments]
            return list(whole)
        return [*command, *arguments] or ["sleep", "infinity"]

    def _mounts(self, env: dict[str, str]) -> list[tuple[Path, str, bool]]:
        mounts = []
        paths = self.pod.volumes.paths
        for mount in self.spec.get("volumeMounts") or []:
            if mount["name"] not in paths:
                raise ConfigError(f'cannot find volume "{mount["name"]}" to mount into container')
            source = paths[mount["name"]]
            below = mount.get("subPath") or expand(mount.get("subPathExpr", ""), env)
            if below:
                source = source / below
                if not source.exists():
                    source.mkdir(parents=True)
            mounts.append((source, str(mount["mountPath"]), bool(mount.get("readOnly"))))
        return mounts

    # -- its end ----------------------------------------------------------------------

    async def end(self, grace: float, *, message: str = "", final: bool = True) -> None:
        """SIGTERM, and SIGKILL when the grace is over; `final`: it does not run again."""
        if final:
            self._ended = True
            self._grace.set()
        running = self.process
        if running is None:
            return
        self.event("Normal", "Killing", message or f"Stopping container {self.name}")
        hook = (self.spec.get("lifecycle") or {}).get("preStop") or {}
        if "exec" in hook and grace > 0:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await Attendance(self, running).execute(hook["exec"].get("command") or [], grace)
        running.send(signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(running.gone.wait(), max(grace, 0.01) if grace else 0.05)
        if not running.gone.is_set():
            running.kill()
            await running.gone.wait()
