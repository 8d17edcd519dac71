"""One pod: its volumes, its containers in their order, its end, and its status all along."""

import asyncio
import contextlib
import logging
from fractions import Fraction
from pathlib import Path

import msgspec

from tests.cluster.testnode import quantity, sandbox, status, volumes
from tests.cluster.testnode.client import UNREACHABLE, Object, RefusedError
from tests.cluster.testnode.config import NodeConfig
from tests.cluster.testnode.keeper import Keeper
from tests.cluster.testnode.network import Link
from tests.cluster.testnode.shared import Shared
from tests.cluster.testnode.timing import now, parse
from tests.cluster.testnode.volumes import MountError, Volumes

log = logging.getLogger(__name__)
REPLACE = {"$patch": "replace"}  # a pod that runs a second time has another address
DEADLINE = "Pod was active on the node longer than the specified deadline"


class Stop(msgspec.Struct, frozen=True):
    """Why a pod is to end, and how long it may take."""

    grace: float
    reason: str = ""
    message: str = ""


class Pod:
    """A pod on a node, from its binding to its removal."""

    def __init__(self, shared: Shared, node: NodeConfig, gateway: str, pod: Object) -> None:
        self.shared, self.node, self.gateway, self.object = shared, node, gateway, pod
        meta = pod["metadata"]
        self.namespace, self.name, self.uid = meta["namespace"], meta["name"], meta["uid"]
        self.folder: Path = shared.config.run / "pods" / self.uid
        self.link: Link | None = None
        self.address = ""
        self.started = now()
        self.silent = False
        self.stopping = asyncio.Event()
        self.stop: Stop | None = None
        self.ended = asyncio.Event()  # nothing of it runs any more
        self.refused = False
        self.volumes: Volumes
        self.facts = {"status.hostIP": gateway, "status.podIP": "", "status.podIPs": ""}
        self.keepers = [
            Keeper(self, spec, init=kind == "initContainers")
            for kind in ("initContainers", "containers")
            for spec in pod["spec"].get(kind) or []
        ]
        self._conditions: dict[str, Object] = {}
        self._writing = asyncio.Lock()
        self._dirty = False

    @property
    def policy(self) -> str:
        return str(self.object["spec"].get("restartPolicy", "Always"))

    @property
    def label(self) -> str:
        """How a kubelet writes a pod in a sentence."""
        return f"{self.name}_{self.namespace}({self.uid})"

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def event(self, kind: str, reason: str, message: str, container: str = "") -> None:
        if not self.silent:
            self.shared.recorder.event(
                {"kind": "Pod", "apiVersion": "v1", **self.object},
                self.node.name, kind, reason, message, container,
            )  # fmt: skip

    # -- its life ---------------------------------------------------------------------

    async def run(self) -> None:
        waiting = [asyncio.create_task(self._deadline())]
        try:
            await self._prepare()
            waiting.append(asyncio.create_task(self._refresh()))
            await self._containers()
        except (OSError, RefusedError, *UNREACHABLE) as error:
            log.exception("%s: %s", self.label, error)
            self.event(
                "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}"
            )
        finally:
            for task in waiting:
                task.cancel()
            await self._release()
            self.ended.set()
            await self.publish()

    async def refuse(self, reason: str, message: str) -> None:
        """The node does not take it, and says so; of its containers a kubelet then says nothing."""
        self.refused = True
        self.stop = Stop(0, reason, message)
        self.ended.set()
        self.event("Warning", reason, message.removeprefix("Pod was rejected: "))
        await self.publish()

    def requested(self, resource: str) -> Fraction:
        """How much of a resource its containers ask for."""
        asked = [
            (each.get("resources") or {}).get("requests", {}).get(resource, "0")
            for each in self.object["spec"]["containers"]
        ]
        return sum((quantity.parse(each) for each in asked), Fraction(0))

    async def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.volumes = Volumes(
            self.object, self.folder, self.shared.client, self.shared.claims, self.facts
        )
        self.volumes.allocatable = self.node.allocatable
        self.volumes.disk = self.shared.disks.get(self.node.name)
        publishing = asyncio.create_task(self.publish())
        self.link = await self.shared.network.attach(self.uid)
        self.address = self.link.address
        self.facts["status.podIP"] = self.facts["status.podIPs"] = self.address
        sandbox.write_etc(self.folder / "etc", self.object, self.address, self.gateway)
        await publishing
        pause, said = 0.5, ""
        while not self.stopping.is_set():
            try:
                await self.volumes.mount(self.object)
                return
            except MountError as missing:
                if str(missing) != said:
                    self.event("Warning", "FailedMount", str(missing))
                    said = str(missing)
                await self.something_changed(pause)
                pause = min(pause * 2, 5)  # a change that came meanwhile was not heard
            except (RefusedError, *UNREACHABLE) as error:
                if isinstance(error, RefusedError) and not error.passing:
                    raise
                log.info("volumes of %s: %s", self.label, error)
                await asyncio.sleep(0.3)

    async def something_changed(self, pause: float) -> None:
        """Until an object that a pod may refer to changed, or it is to stop, or for a while."""
        shared = self.shared
        kinds = (shared.configmaps, shared.secrets, shared.claims)
        waits = [asyncio.create_task(kind.changed()) for kind in kinds]
        waits.append(asyncio.create_task(_until(self.stopping)))
        try:
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _refresh(self) -> None:
        kinds = volumes.CHANGING
        declared = self.object["spec"].get("volumes") or []
        if not any(kind in volume for volume in declared for kind in kinds[:3]):
            return
        written = -1
        while True:
            now = self._changes()
            if now != written:  # also what changed while the last one was written
                with contextlib.suppress(OSError, *UNREACHABLE):
                    await self.volumes.refresh(self.object)
                    written = now
            await self.something_changed(1)

    def _changes(self) -> int:
        return self.shared.configmaps.changes + self.shared.secrets.changes

    async def changed(self, pod: Object) -> None:
        """The object is another one now: labels that volumes show, a readiness that was taken."""
        self.object = pod
        if self._unreadied(pod) and not self.stopping.is_set():
            await self.publish()
        if "volumes" in vars(self) and not self.ended.is_set():
            await self.volumes.refresh(pod)

    def _unreadied(self, pod: Object) -> bool:
        """Whether the control plane took the pod for lost with its node, which only stalled."""
        shown = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions") or ()}
        ours = self._conditions.get("Ready", {}).get("status")
        return (ours, shown.get("Ready"), shown.get("ContainersReady")) == ("True", "False", "True")

    async def _containers(self) -> None:
        beside: list[tuple[Keeper, asyncio.Task[None]]] = []
        try:
            for keeper in [k for k in self.keepers if k.container.init]:
                if self.stopping.is_set():
                    return
                task = asyncio.create_task(keeper.run())
                if status.sidecar(keeper.container.spec):
                    beside.append((keeper, task))
                    await keeper.has_started()
                    continue
                await task
                if keeper.container.exit_code != 0:
                    return
            main = [keeper for keeper in self.keepers if not keeper.container.init]
            if not self.stopping.is_set():
                await asyncio.gather(*(keeper.run() for keeper in main))
        finally:
            for keeper, task in reversed(beside):
                await keeper.end(self.grace)
                await task

    @property
    def grace(self) -> float:
        if self.stop is not None:
            return self.stop.grace
        return float(self.object["spec"].get("terminationGracePeriodSeconds", 30))

    async def _deadline(self) -> None:
        """activeDeadlineSeconds, which may be set later too."""
        while not self.stopping.is_set():
            limit = self.object["spec"].get("activeDeadlineSeconds")
            left = 1.0
            if limit is not None:
                spent = (parse(now()) - parse(self.started)) / 10**9
                left = limit - spent
                if left <= 0:
                    self.event("Normal", "DeadlineExceeded", DEADLINE)
                    await self.halt(Stop(self.grace, "DeadlineExceeded", DEADLINE))
                    return
            await asyncio.sleep(min(1.0, max(0.01, left)))

    async def halt(self, stop: Stop) -> None:
        """End what runs: SIGTERM, and SIGKILL when the grace is over. Returns when it ended."""
        if not self.stopping.is_set():
            self.stop = stop
            self.stopping.set()
            main = [keeper for keeper in self.keepers if not status.sidecar(keeper.container.spec)]
            await asyncio.gather(*(keeper.end(stop.grace) for keeper in main))
        elif self.stop is not None and stop.grace < self.stop.grace:
            self.stop = stop
            await asyncio.gather(*(keeper.end(stop.grace) for keeper in self.keepers))

    async def _release(self) -> None:
        if "volumes" in vars(self):
            self.volumes.unmount()
        if self.link is not None:
            link, self.link = self.link, None
            await self.shared.network.detach(link)

    def forget(self) -> None:
        """Its object is gone: nothing of it stays here."""
        self.shared.recorder.forget(self.uid)
        volumes.remove(self.folder)

    # -- its status -------------------------------------------------------------------

    @property
    def phase(self) -> str:
        if self.stop is not None and self.stop.reason:
            return "Failed"
        containers = [keeper.container for keeper in self.keepers]
        return status.phase(containers, self.policy, ending=self.ended.is_set())

    def status(self) -> Object:
        containers = [keeper.container for keeper in self.keepers if not self.refused]
        phase = self.phase if self.ended.is_set() or self.phase == "Pending" else "Running"
        fresh = status.conditions(containers, phase, network=self.link is not None)
        shown: Object = {
            "phase": phase,
            "startTime": self.started,
            "hostIP": self.gateway,
            "hostIPs": [{"ip": self.gateway}],
            "conditions": status.timed(fresh, self._conditions),
            "containerStatuses": [c.shown() for c in containers if not c.init],
        }
        if init := [c.shown() for c in containers if c.init]:
            shown["initContainerStatuses"] = init
        if self.address:
            shown |= {"podIP": self.address, "podIPs": [{"ip": self.address}, REPLACE]}
        if self.stop is not None and self.stop.reason:
            shown |= {"reason": self.stop.reason, "message": self.stop.message}
        if self.stop is not None and self.stop.reason == "Evicted":
            disruption = {"type": "DisruptionTarget", "status": "True"}
            disruption |= {"reason": "TerminationByKubelet", "message": self.stop.message}
            shown["conditions"] += status.timed([disruption], self._conditions)
        return shown

    async def publish(self) -> None:
        """Write the status; of many changes that come together the last one is written."""
        self._dirty = True
        async with self._writing:
            while self._dirty and not self.silent:
                self._dirty = False
                body = {"metadata": {"uid": self.uid}, "status": self.status()}
                try:
                    await self.shared.client.patch(f"{self.path}/status", body)
                except (RefusedError, *UNREACHABLE) as error:
                    log.info("status of %s: %s", self.label, error)
                    if not isinstance(error, RefusedError) or error.passing:
                        self._dirty = True
                        await asyncio.sleep(0.3)


async def _until(event: asyncio.Event) -> None:
    await event.wait()
