"""A pod's status, as a kubelet of Kubernetes 1.36.3 makes it from its containers."""

import dataclasses
from typing import Any

from tests.cluster.testnode.client import Object
from tests.cluster.testnode.timing import now

NEVER_RAN = "1970-01-01T00:00:00Z"


def sidecar(container: Object) -> bool:
    """An init container that stays beside the others."""
    return container.get("restartPolicy") == "Always"


@dataclasses.dataclass
class Container:
    """What is known of one container of a pod."""

    spec: Object
    init: bool
    state: Object
    last: Object = dataclasses.field(default_factory=dict)
    restarts: int = 0
    started: bool = False
    ready: bool = False
    id: str = ""

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def exit_code(self) -> int | None:
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def wait_for(self, reason: str, message: str = "") -> None:
        """Not running now; how the last run ended is kept."""
        self._remember()
        self.started = self.ready = False
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    def runs(self, since: str) -> None:
        """Running from now on; how the last run ended is kept."""
        self._remember()
        self.state = {"running": {"startedAt": since}}

    def _remember(self) -> None:
        if "terminated" in self.state:
            self.last = {"terminated": self.state["terminated"]}

    def shown(self) -> Object:
        ready = self.exit_code == 0 if self.init and not sidecar(self.spec) else self.ready
        image = self.spec["image"]
        return {
            "name": self.name,
            "image": image,
            "imageID": f"testnode://{image}" if self.id else "",
            "containerID": f"testnode://{self.id}" if self.id else "",
            "ready": ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last,
            **({"resources": self.spec["resources"]} if self.spec.get("resources") else {}),
        }


def restarts(container: Container, policy: str) -> bool:
    """Whether a container that ended runs again."""
    if sidecar(container.spec):
        return True
    if container.init:
        return policy != "Never" and container.exit_code != 0
    return policy == "Always" or (policy == "OnFailure" and container.exit_code != 0)


def phase(containers: list[Container], policy: str, *, ending: bool) -> str:
    """The phase that follows from the containers."""
    init = [c for c in containers if c.init and not sidecar(c.spec)]
    main = [c for c in containers if not c.init]
    ended = [c for c in main if "terminated" in c.state or "terminated" in c.last]
    if any(c.exit_code not in (0, None) and not restarts(c, policy) for c in init):
        return "Failed"
    stopped = [c for c in main if "terminated" in c.state]
    if len(stopped) == len(main) and (ending or not any(restarts(c, policy) for c in main)):
        return "Succeeded" if all(c.exit_code == 0 for c in main) else "Failed"
    if any(c.running for c in main) and all(c.running or c in ended for c in main):
        return "Running"
    return "Running" if len(ended) == len(main) else "Pending"


def conditions(containers: list[Container], phase: str, *, network: bool) -> list[Object]:
    """The conditions of a pod, without the times of their changes."""
    main = [c for c in containers if not c.init]
    beside = [c for c in containers if c.init and sidecar(c.spec)]
    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase)
    ready: Object = {"status": "True"}
    if ended:
        ready = {"status": "False", "reason": ended}
    elif unready := [c.name for c in [*beside, *main] if not c.ready]:
        ready = {
            "status": "False",
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{' '.join(unready)}]",
        }
    left = [
        c.name
        for c in containers
        if c.init and not (c.started if sidecar(c.spec) else c.exit_code == 0)
    ]
    begun = any(c.running or c.last or "terminated" in c.state for c in main)
    initialized: Object = {"status": "True"}
    if phase == "Succeeded":
        initialized["reason"] = "PodCompleted"
    elif left and not begun:
        initialized = {
            "status": "False",
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: [{' '.join(left)}]",
        }
    return [
        {"type": "PodReadyToStartContainers", "status": "True" if network else "False"},
        {"type": "Initialized", **initialized},
        {"type": "Ready", **ready},
        {"type": "ContainersReady", **ready},
        {"type": "PodScheduled", "status": "True"},
    ]


def timed(fresh: list[Object], before: dict[str, Object]) -> list[Object]:
    """Each condition with the time at which its status changed; `before` is brought up to date."""
    for condition in fresh:
        old = before.get(condition["type"])
        same = old is not None and old["status"] == condition["status"]
        condition["lastTransitionTime"] = old["lastTransitionTime"] if old and same else now()
        condition.setdefault("reason", None)
        condition.setdefault("message", None)
        before[condition["type"]] = condition
    return fresh


def terminated(code: int, reason: str, since: str, message: str, container_id: str) -> Object:
    ended: dict[str, Any] = {"exitCode": code, "reason": reason, "startedAt": since}
    ended |= {"finishedAt": now(), "containerID": f"testnode://{container_id}"}
    return {"terminated": {**ended, **({"message": message} if message else {})}}
