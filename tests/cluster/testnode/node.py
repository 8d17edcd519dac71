"""One node: how it registers, shows that it lives, and what pods it has."""

import asyncio
import logging
import platform
from typing import Any

from tests.cluster.testnode import quantity
from tests.cluster.testnode.client import UNREACHABLE, Object, RefusedError
from tests.cluster.testnode.config import NodeConfig
from tests.cluster.testnode.pod import Pod, Stop
from tests.cluster.testnode.shared import Shared
from tests.cluster.testnode.timing import now, now_micro

log = logging.getLogger(__name__)
VERSION = "v1.36.3"
ATTACHED_FOR_IT = "volumes.kubernetes.io/controller-managed-attach-detach"
"""What a kubelet says that leaves the attaching of volumes to the control plane, as all do."""
HEALTHY = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory",
                       "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
}  # fmt: skip


class Node:
    """A node and its pods."""

    def __init__(self, shared: Shared, config: NodeConfig) -> None:
        self.shared, self.config, self.name = shared, config, config.name
        self.gateway = shared.config.gateway
        self.pods: dict[str, Pod] = {}
        self.silent = False
        self.port = config.port
        self._conditions = {kind: self._condition(kind, *told) for kind, told in HEALTHY.items()}
        self._tasks: set[asyncio.Task[Any]] = set()

    def _condition(self, kind: str, status: str, reason: str, message: str) -> Object:
        return {
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": now(),
        }  # fmt: skip

    # -- what the cluster sees of it --------------------------------------------------

    async def register(self) -> None:
        config = self.config
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(
                platform.machine(), platform.machine()
            ),
            "kubernetes.io/os": "linux",
            **config.labels,
        }
        annotations = {ATTACHED_FOR_IT: "true", **config.annotations}
        meta = {"name": self.name, "labels": labels, "annotations": annotations}
        node: Object = {"apiVersion": "v1", "kind": "Node", "metadata": meta}
        node["spec"] = {"taints": config.taints} if config.taints else {}
        try:
            await self.shared.client.create("/api/v1/nodes", node)
        except RefusedError as refused:
            if refused.reason != "AlreadyExists":
                raise
            await self.shared.client.patch(f"/api/v1/nodes/{self.name}", node)
        await self.post()
        for number, spec in enumerate(config.resource_slices):
            await self._slice(number, spec)
        self.shared.recorder.event(
            {"kind": "Node", "apiVersion": "v1", "metadata": {"name": self.name, "uid": self.name}},
            self.name, "Normal", "Starting", "Starting kubelet.",
        )  # fmt: skip

    async def post(self) -> None:
        """The node's status."""
        beat = now()
        capacity = self.config.capacity or self.config.allocatable
        unknown = ("machineID", "systemUUID", "bootID", "kubeProxyVersion")
        info = {
            **dict.fromkeys(unknown, ""),
            "kubeletVersion": VERSION,
            "kernelVersion": platform.release(),
            "osImage": "testnode",
            "containerRuntimeVersion": "testnode://bubblewrap",
            "operatingSystem": "linux",
            "architecture": "amd64",
        }
        status: Object = {
            "capacity": capacity,
            "allocatable": self.config.allocatable,
            "addresses": [
                {"type": "InternalIP", "address": self.gateway},
                {"type": "Hostname", "address": self.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
            "nodeInfo": info,
            "conditions": [
                {**condition, "lastHeartbeatTime": beat} for condition in self._conditions.values()
            ],
        }
        path = f"/api/v1/nodes/{self.name}/status"
        await self.shared.client.patch(path, {"status": status})

    async def _slice(self, number: int, spec: Object) -> None:
        path = "/apis/resource.k8s.io/v1/resourceslices"
        name = f"{self.name}-{spec['driver']}-{number}"
        body = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            "metadata": {"name": name},
            "spec": {"nodeName": self.name, **spec},
        }
        await self.shared.client.patch(f"{path}/{name}", body, kind="apply")

    async def beat(self) -> None:
        """Renew the node's Lease, and its status now and then, as long as it is not silent."""
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        turn = 0
        while True:
            try:
                if not self.silent:
                    await self._renew(path)
                    if turn % 30 == 0:
                        await self.post()
                turn += 1
            except (RefusedError, *UNREACHABLE) as error:
                log.info("lease of %s: %s", self.name, error)
            await asyncio.sleep(self.shared.config.heartbeat)

    async def _renew(self, path: str) -> None:
        spec = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": 40,
            "renewTime": now_micro(),
        }
        try:
            await self.shared.client.patch(f"{path}/{self.name}", {"spec": spec}, kind="merge")
        except RefusedError as refused:
            if refused.status != 404:
                raise
            body = {"metadata": {"name": self.name, "namespace": "kube-node-lease"}, "spec": spec}
            await self.shared.client.create(path, body)

    async def condition(self, kind: str, status: str, reason: str, message: str) -> None:
        self._conditions[kind] = self._condition(kind, status, reason, message)
        await self.post()

    # -- its pods ---------------------------------------------------------------------

    def seen(self, verb: str, pod: Object) -> None:
        """A pod of this node, as the API server has it now."""
        if self.silent:
            return
        uid = pod["metadata"]["uid"]
        known = self.pods.get(uid)
        leaving = verb == "DELETED" or "deletionTimestamp" in pod["metadata"]
        if known is None:
            if verb != "DELETED":
                self._adopt(pod, leaving=leaving)
            return
        if verb == "DELETED":
            self._start(self._gone(known))
        elif leaving:
            known.object = pod
            self._start(self._delete(known))
        else:
            self._start(known.changed(pod))

    def _adopt(self, pod: Object, *, leaving: bool) -> None:
        known = Pod(self.shared, self.config, self.gateway, pod)
        over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        lacks = self._lacks(known)
        self.pods[known.uid] = known
        if lacks and not (leaving or over):
            self._start(known.refuse(*lacks))
        elif leaving or over:
            known.silent = True  # it ran under an earlier process: its status stands
            known.ended.set()
            if leaving:
                self._start(self._delete(known))
        else:
            self._start(known.run())

    def _lacks(self, pod: Pod) -> tuple[str, str] | None:
        """Why the node does not take a pod that was sent to it: a word, and a message."""
        if (refused := self._too_many(pod)) is not None:
            return refused
        for name, unit in (("cpu", 1000), ("memory", 1)):
            there = quantity.parse(self.config.allocatable.get(name, "0")) * unit
            asked = pod.requested(name) * unit
            here = [each for each in self.pods.values() if not each.ended.is_set()]
            used = sum(each.requested(name) for each in here) * unit
            if asked and there and used + asked > there:
                return f"OutOf{name}", (
                    f"Pod was rejected: Node didn't have enough resource: {name}, requested: "
                    f"{int(asked)}, used: {int(used)}, capacity: {int(there)}"
                )
        return None

    def _too_many(self, pod: Pod) -> tuple[str, str] | None:
        """What NVIDIA's device plugin says to more than one part of shared devices."""
        for container in pod.keepers:
            limits = (container.spec.get("resources") or {}).get("limits") or {}
            for name in self.config.one_each:
                if (count := int(quantity.parse(limits.get(name, "0")))) > 1:
                    return "UnexpectedAdmissionError", (
                        "Pod was rejected: Allocate failed due to rpc error: code = Unknown desc = "
                        f'invalid allocation request for "{name}": invalid request: maximum '
                        f"request size for shared resources is 1; found {count}, which is "
                        "unexpected"
                    )
        return None

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: %r", self.name, error, exc_info=error)

    async def _delete(self, pod: Pod) -> None:
        """Stop it, show how it ended, and let the API server forget it."""
        grace = float(pod.object["metadata"].get("deletionGracePeriodSeconds") or 0)
        first = not pod.stopping.is_set()
        await pod.halt(Stop(grace))
        if not first and pod.stop is not None and not pod.stop.reason and not pod.ended.is_set():
            return
        await pod.ended.wait()
        await pod.publish()
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
        while not self.silent:
            try:
                await self.shared.client.delete(pod.path, body)
            except (RefusedError, *UNREACHABLE) as error:
                if not isinstance(error, RefusedError) or error.passing:
                    await asyncio.sleep(0.3)
                    continue
                if error.status not in (404, 409):
                    log.warning("delete %s: %s", pod.label, error)
            return

    async def _gone(self, pod: Pod) -> None:
        pod.silent = True
        await pod.halt(Stop(0))
        await pod.ended.wait()
        self.pods.pop(pod.uid, None)
        pod.forget()

    async def stop(self) -> None:
        """End everything that runs here; statuses stay as they are."""
        for pod in self.pods.values():
            pod.silent = True
        await asyncio.gather(*(pod.halt(Stop(0)) for pod in self.pods.values()))
        await asyncio.gather(*(pod.ended.wait() for pod in self.pods.values()))

    # -- on demand --------------------------------------------------------------------

    async def evict(self, pod: Pod, resource: str, message: str = "") -> None:
        """Killed at once, its status saying why: as under node pressure, or in the given words."""
        keepers = [] if message else pod.keepers
        message = message or f"The node was low on resource: {resource}. "
        for keeper in keepers:
            requests = (keeper.spec.get("resources") or {}).get("requests", {})
            if keeper.process is not None:
                used = await asyncio.to_thread(keeper.memory_used)
                message += (
                    f"Container {keeper.name} was using {used}, request is "
                    f"{requests.get(resource, '0')}, has larger consumption of {resource}. "
                )
        pod.event("Warning", "Evicted", message)
        await pod.halt(Stop(1, "Evicted", message))
        await pod.ended.wait()

    async def lose(self) -> None:
        """Fall silent, and cut the pods' links."""
        self.silent = True
        for pod in self.pods.values():
            pod.silent = True
            if pod.link is not None:
                await self.shared.network.cut(pod.link, cut=True)

    async def back(self, pods: dict[str, Object]) -> None:
        """Speak again: `pods` is what the API server has of this node's now."""
        self.silent = False
        for pod in list(self.pods.values()):
            if pod.link is not None:
                await self.shared.network.cut(pod.link, cut=False)
            if pod.uid not in pods:
                await self._gone(pod)
                continue
            pod.silent = False
            await pod.publish()
        for one in pods.values():
            self.seen("MODIFIED", one)
        await self._renew("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        await self.post()
