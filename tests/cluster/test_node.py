"""The test node: what a pod's owner sees of a kubelet, on the real API server and scheduler."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.testbed import fixtures
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.processes import until
from tests.cluster.testnode.controls import Controls

Document = dict[str, Any]
SHELL = "import sys, time, os, pathlib, signal\n"


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A control plane and two nodes, without operators."""
    cluster = fixtures.own_cluster_or_skip(operators=())
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def room(bare: Cluster) -> Iterator[Room]:
    name = bare.namespace()
    yield Room(bare, name)
    bare.delete_namespace(name)


class Room:
    """A namespace, and short ways to its pods."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self._path = f"/api/v1/namespaces/{namespace}"

    def make(self, kind: str, name: str, **fields: Any) -> Document:
        meta = {"name": name, "namespace": self.namespace}
        return self.cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": meta, **fields})

    def pod(
        self, code: str | None, name: str = "p", *, pod: Document | None = None, **container: Any
    ) -> None:
        """A pod of one container that runs Python code, or what `container` says."""
        command = {"command": ["python", "-uc", SHELL + code]} if code is not None else {}
        main = {"name": "main", "image": "python:3", **command, **container}
        self.make("Pod", name, spec={"restartPolicy": "Never", **(pod or {}), "containers": [main]})

    def get(self, name: str = "p", kind: str = "pods") -> Document:
        found: Document = self.cluster.http.get(f"{self._path}/{kind}/{name}").json()
        return found

    def main(self, name: str = "p") -> Document:
        """The status of a pod's first container."""
        statuses = self.get(name).get("status", {}).get("containerStatuses") or [{}]
        return {"state": {}, "lastState": {}, **statuses[0]}

    def ended(self, name: str = "p") -> Document:
        until(f"{name} has ended", lambda: "terminated" in self.main(name)["state"])
        over = self.main(name)["state"]["terminated"]
        assert isinstance(over, dict)
        return over

    def waits(self, reason: str, name: str = "p") -> str:
        """Until a container waits for that reason: its message."""
        seen: list[str] = []

        def so() -> bool:
            waiting = self.main(name)["state"].get("waiting", {})
            seen.append(waiting.get("message", ""))
            return bool(waiting.get("reason") == reason)

        until(f"{name} waits: {reason}", so)
        return seen[-1]

    def phase(self, phase: str, name: str = "p") -> Document:
        until(f"{name} is {phase}", lambda: self.get(name).get("status", {}).get("phase") == phase)
        return self.get(name)

    def ready(self, name: str = "p") -> None:
        until(f"{name} is ready", lambda: self.main(name).get("ready"))

    def pod_ready(self, name: str = "p") -> str:
        """What the pod's condition says, 'True' or 'False'."""
        conditions = self.get(name)["status"]["conditions"]
        return str(next(c["status"] for c in conditions if c["type"] == "Ready"))

    def log(self, name: str = "p", **params: Any) -> str:
        answer = self.cluster.http.get(f"{self._path}/pods/{name}/log", params=params)
        return answer.text

    def says(self, text: str, name: str = "p") -> None:
        until(f"{name} says {text}", lambda: text in self.log(name))

    def event(self, reason: str, text: str = "", name: str = "p") -> Document:
        """The first event of a pod for that reason, when it is there."""
        found: list[Document] = []

        def so() -> bool:
            params = {"fieldSelector": f"involvedObject.name={name},reason={reason}"}
            items = self.cluster.http.get(f"{self._path}/events", params=params).json()["items"]
            found[:] = [item for item in items if text in item["message"]]
            return bool(found)

        until(f"{name} has the event {reason}", so)
        return found[0]


def test_a_pod_that_fails_shows_its_exit_code_and_its_last_message(room: Room) -> None:
    room.pod("pathlib.Path('/dev/termination-log').write_text('so it ended'); sys.exit(3)")
    over = room.ended()
    assert (over["exitCode"], over["reason"], over["message"]) == (3, "Error", "so it ended")
    assert room.phase("Failed")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_pod_that_succeeds_is_completed_and_not_ready(room: Room) -> None:
    room.pod("print('done')")
    assert room.ended()["reason"] == "Completed"
    conditions = {c["type"]: c for c in room.phase("Succeeded")["status"]["conditions"]}
    assert conditions["Ready"]["reason"] == "PodCompleted"
    assert conditions["Initialized"]["status"] == "True"


def test_without_a_message_the_log_stands_for_it_where_the_policy_says_so(room: Room) -> None:
    room.pod(
        "print('the last words'); sys.exit(1)", terminationMessagePolicy="FallbackToLogsOnError"
    )
    assert room.ended()["message"] == "the last words\n"


def test_the_events_of_a_start_are_told_in_order(room: Room) -> None:
    room.pod("time.sleep(600)", pod={"terminationGracePeriodSeconds": 0})
    room.ready()
    room.event("Started")  # what was told before it is there as well
    events = f"/api/v1/namespaces/{room.namespace}/events"
    pulling = {"fieldSelector": "reason=Pulling"}  # the first time that a node has this image
    told = [
        room.event("Pulling", 'Pulling image "python:3"')
        if room.cluster.http.get(events, params=pulling).json()["items"]
        else room.event("Pulled", "already present on machine"),
        room.event("Created", "Container created"),
        room.event("Started", "Container started"),
    ]
    assert [e["involvedObject"]["fieldPath"] for e in told] == ["spec.containers{main}"] * 3
    assert {e["source"]["component"] for e in told} == {"kubelet"}


def test_a_log_has_the_times_of_writing_and_is_cut_as_asked(room: Room) -> None:
    room.pod("for n in range(50): print('line', n)\nprint('an error', file=sys.stderr)")
    room.ended()
    lines = room.log().splitlines()
    assert len(lines) == 51 and set(lines) >= {"line 0", "line 49", "an error"}
    stamped = room.log(timestamps="true").splitlines()
    times = [line.split(" ")[0] for line in stamped]
    assert times == sorted(set(times)), "each line has a time of its own, in order"
    assert len(times[0]) == len("2026-01-01T00:00:00.000000000Z")
    assert room.log(tailLines=2).splitlines() == lines[-2:]
    assert room.log(limitBytes=10) == room.log()[:10]
    since = times[40]
    assert set(room.log(sinceTime=since).splitlines()) <= set(lines)


def test_a_log_that_is_followed_ends_with_its_container(room: Room) -> None:
    room.pod("print('one'); time.sleep(1); print('two')")
    room.says("one")
    assert room.log(follow="true") == "one\ntwo\n"


def test_a_container_that_crashes_again_and_again_backs_off(room: Room) -> None:
    room.pod("print('run', os.getpid()); sys.exit(2)", pod={"restartPolicy": "Always"})
    message = room.waits("CrashLoopBackOff")
    uid = room.get()["metadata"]["uid"]
    assert message.startswith("back-off ")
    assert message.endswith(f" restarting failed container=main pod=p_{room.namespace}({uid})")
    main = room.main()
    assert main["lastState"]["terminated"]["exitCode"] == 2
    assert main["restartCount"] >= 1
    room.event("BackOff", "Back-off restarting failed container main in pod p_")
    assert room.log(previous="true") == "run 1\n"


def test_on_failure_a_container_runs_again_until_it_succeeds(room: Room) -> None:
    code = "p = pathlib.Path('/data/n'); n = p.exists(); p.touch(); sys.exit(0 if n else 1)"
    volumes = [{"name": "data", "emptyDir": {}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    room.pod(code, pod={"restartPolicy": "OnFailure", "volumes": volumes}, volumeMounts=mounts)
    assert room.phase("Succeeded")["status"]["containerStatuses"][0]["restartCount"] == 1


def test_an_image_that_is_not_there_cannot_be_pulled(room: Room) -> None:
    room.pod(None, image="ghcr.io/nobody/nothing:1")
    assert 'failed to pull and unpack image "ghcr.io/nobody/nothing:1"' in room.waits(
        "ErrImagePull"
    )
    assert room.waits("ImagePullBackOff").startswith(
        'Back-off pulling image "ghcr.io/nobody/nothing:1": ErrImagePull: '
    )
    room.event("Failed", "Error: ErrImagePull")
    answer = json.loads(room.log())["message"]
    assert answer.startswith('container "main" in pod "p" is waiting to start: ')


def test_an_image_name_that_cannot_be_one_is_said_to_be(room: Room) -> None:
    room.pod(None, image="Python:3")
    assert "must be lowercase" in room.waits("InvalidImageName")


def test_a_command_that_does_not_exist_cannot_start(room: Room) -> None:
    room.pod(None, command=["no-such-command"])
    over = room.ended()
    assert (over["exitCode"], over["reason"]) == (128, "StartError")
    assert 'exec: "no-such-command": executable file not found in $PATH' in over["message"]
    room.event("Failed", "executable file not found")
    room.pod(None, "q", command=["/no/such/file"])
    assert 'exec: "/no/such/file": stat /no/such/file: no such file' in room.ended("q")["message"]


def test_a_secret_that_is_missing_holds_the_container_until_it_is_made(room: Room) -> None:
    wanted = {"secretKeyRef": {"name": "token", "key": "value"}}
    room.pod("print(os.environ['TOKEN'])", env=[{"name": "TOKEN", "valueFrom": wanted}])
    assert room.waits("CreateContainerConfigError") == 'secret "token" not found'
    room.event("Failed", 'Error: secret "token" not found')
    room.make("Secret", "token", stringData={"other": "x"})
    until(
        "the key is missed",
        lambda: "couldn't find key value in Secret" in str(room.main()["state"]),
    )
    room.make("Secret", "token", stringData={"value": "s3cret"})
    room.ended()
    assert room.log() == "s3cret\n"


def test_a_config_map_that_is_missing_holds_the_mount_until_it_is_made(room: Room) -> None:
    room.pod(
        "print(pathlib.Path('/config/a').read_text())",
        pod={"volumes": [{"name": "config", "configMap": {"name": "settings"}}]},
        volumeMounts=[{"name": "config", "mountPath": "/config"}],
    )
    said = room.event("FailedMount")["message"]
    assert said == ('MountVolume.SetUp failed for volume "config" : configmap "settings" not found')
    assert room.main()["state"]["waiting"]["reason"] == "ContainerCreating"
    room.make("ConfigMap", "settings", data={"a": "hello"})
    room.ended()
    assert room.log() == "hello\n"


def test_a_config_map_that_changes_changes_in_the_pod(room: Room) -> None:
    room.make("ConfigMap", "settings", data={"a": "before"})
    room.pod(
        "p = pathlib.Path('/config/a')\nwhile p.read_text() != 'after': time.sleep(0.05)",
        pod={"volumes": [{"name": "config", "configMap": {"name": "settings"}}]},
        volumeMounts=[{"name": "config", "mountPath": "/config"}],
    )
    room.ready()
    room.make("ConfigMap", "settings", data={"a": "after"})
    assert room.ended()["exitCode"] == 0


def test_memory_over_the_limit_is_the_end_of_a_container(room: Room) -> None:
    room.pod("x = b'x' * 300_000_000; time.sleep(60)", resources={"limits": {"memory": "100Mi"}})
    over = room.ended()
    assert (over["exitCode"], over["reason"]) == (137, "OOMKilled")


RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def test_a_restricted_pod_runs_as_its_user_and_writes_its_volumes(room: Room) -> None:
    room.pod(
        "print(os.getuid(), os.environ['HOME']); pathlib.Path('/data/x').write_text('x')",
        pod={
            "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
            "volumes": [{"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
        },
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
        securityContext={**RESTRICTED, "readOnlyRootFilesystem": True},
        env=[{"name": "HOME", "value": "/data"}],
    )
    assert room.ended()["exitCode"] == 0, room.log()
    assert room.log() == "1000 /data\n"


def test_a_memory_volume_is_as_large_as_its_limit(room: Room) -> None:
    code = "s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize)"
    volume = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}
    mounts = [{"name": "shm", "mountPath": "/dev/shm"}]
    room.pod(code, pod={"volumes": [volume]}, volumeMounts=mounts)
    room.ended()
    assert room.log() == f"{8 * 2**20}\n"
    room.pod(code, "q")
    room.ended("q")
    assert room.log("q") == f"{64 * 2**20}\n", "what container runtimes give"


def test_root_is_refused_where_the_pod_says_non_root(room: Room) -> None:
    room.pod("pass", securityContext={"runAsNonRoot": True})
    said = room.waits("CreateContainerConfigError")
    assert said.startswith("container has runAsNonRoot and image will run as root (pod: ")


def test_a_read_only_root_cannot_be_written(room: Room) -> None:
    code = "try: open('/tmp/x', 'w')\nexcept OSError as e: print(e.strerror)"
    room.pod(code, securityContext={"readOnlyRootFilesystem": True})
    room.ended()
    assert room.log() == "Read-only file system\n"


def test_a_sidecar_starts_before_the_container_and_ends_after_it(room: Room) -> None:
    command = ["python", "-uc", SHELL + "print('beside')\nwhile True: time.sleep(0.1)"]
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 60}
    beside = {"name": "beside", "image": "python", "command": command, "startupProbe": probe}
    first = {"name": "first", "image": "python", "command": ["true"]}
    spec = {
        "initContainers": [first, {**beside, "restartPolicy": "Always"}],
        "terminationGracePeriodSeconds": 1,
    }
    room.pod("print('main')", pod=spec)
    status = room.phase("Succeeded")["status"]
    first_status, beside_status = status["initContainerStatuses"]
    assert first_status["state"]["terminated"]["reason"] == "Completed"
    assert "terminated" in beside_status["state"]
    assert room.log(container="beside") == "beside\n"


def test_an_init_container_that_fails_fails_the_pod(room: Room) -> None:
    bad = {"name": "bad", "image": "python", "command": ["false"]}
    room.pod("print('never')", pod={"initContainers": [bad]})
    status = room.phase("Failed")["status"]
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"


def test_readiness_follows_its_probe(room: Room) -> None:
    probe = {"exec": {"command": ["test", "-e", "/data/ready"]}, "periodSeconds": 1}
    volumes = [{"name": "data", "emptyDir": {}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    pod = {"volumes": volumes, "terminationGracePeriodSeconds": 0}
    room.pod("time.sleep(600)", pod=pod, readinessProbe=probe, volumeMounts=mounts)
    room.event("Unhealthy", "Readiness probe failed: ")
    assert not room.main().get("ready")
    assert kubectl(room, "exec", "p", "--", "touch", "/data/ready").returncode == 0
    room.ready()


def test_a_container_that_is_not_alive_is_restarted(room: Room) -> None:
    room.pod(
        "time.sleep(600)",
        pod={"restartPolicy": "Always", "terminationGracePeriodSeconds": 0},
        livenessProbe={"tcpSocket": {"port": 1}, "periodSeconds": 1, "failureThreshold": 1},
    )
    room.event("Killing", "Container main failed liveness probe, will be restarted")
    until("it is restarted", lambda: room.main().get("restartCount", 0) >= 1)
    assert room.main()["lastState"]["terminated"]["exitCode"] == 137


def test_a_pod_that_runs_too_long_fails_by_its_deadline(room: Room) -> None:
    room.pod(
        "time.sleep(600)", pod={"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 1}
    )
    status = room.phase("Failed")["status"]
    assert status["reason"] == "DeadlineExceeded"
    assert status["message"] == "Pod was active on the node longer than the specified deadline"


def test_who_watches_sees_how_a_deleted_pod_ended(room: Room) -> None:
    room.pod(
        "def end(*a):\n pathlib.Path('/dev/termination-log').write_text('bye'); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, end); print('up')\nwhile True: time.sleep(0.05)",
        pod={"terminationGracePeriodSeconds": 120},
    )
    room.says("up")
    version = room.get()["metadata"]["resourceVersion"]
    room.cluster.delete_pod(room.namespace, "p")
    path = f"/api/v1/namespaces/{room.namespace}/pods"
    params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "120"}
    last: Document = {}
    with room.cluster.http.stream("GET", path, params=params, timeout=130) as reply:
        for line in reply.iter_lines():
            event = json.loads(line)
            last = event["object"]
            if event["type"] == "DELETED":
                break
    over = last["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (over["exitCode"], over["message"]) == (7, "bye")
    room.event("Killing", "Stopping container main")


def test_a_process_that_does_not_hear_is_killed_when_its_grace_is_over(room: Room) -> None:
    room.pod("print('up')\nwhile True: time.sleep(1)", pod={"terminationGracePeriodSeconds": 1})
    room.says("up")
    room.cluster.delete_pod(room.namespace, "p")
    until("it is gone", lambda: room.get().get("code") == 404)


def test_a_claim_is_bound_and_outlives_its_pods(room: Room) -> None:
    room.make(
        "PersistentVolumeClaim",
        "data",
        spec={"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    )
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts: list[Document] = [{"name": "data", "mountPath": "/data", "subPath": "a/b"}]
    write, read = "open('/data/x', 'w').write('kept')", "print(open('/data/x').read())"
    room.pod(write, pod={"volumes": volumes}, volumeMounts=mounts)
    assert room.ended()["exitCode"] == 0
    mounts = [{"name": "data", "mountPath": "/data", "subPath": "a/b", "readOnly": True}]
    room.pod(read, "q", pod={"volumes": volumes}, volumeMounts=mounts)
    room.ended("q")
    assert room.log("q") == "kept\n"


def test_pods_know_themselves_and_find_each_other(room: Room) -> None:
    room.make("Service", "peers", spec={"clusterIP": "None", "selector": {"app": "x"}})
    spec = {"hostname": "one", "subdomain": "peers", "restartPolicy": "Never"}
    listen = (
        "import socket; s = socket.create_server(('', 7000)); print('up')\n"
        "c, _ = s.accept(); c.sendall(b'hello')"
    )
    main = {"name": "main", "image": "python", "command": ["python", "-uc", listen]}
    meta = {"name": "server", "namespace": room.namespace, "labels": {"app": "x"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
    room.cluster.apply({**pod, "spec": {**spec, "containers": [main]}})
    room.says("up", "server")
    address = {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    ask = (
        "import socket\n"
        "def go():\n"
        "  try: return socket.create_connection(('one.peers', 7000)).recv(9)\n"
        "  except OSError: time.sleep(0.1)\n"
        "while not (said := go()): pass\n"
        "print(said.decode(), os.environ['ADDRESS'] == socket.gethostbyname(socket.gethostname()))"
    )
    room.pod(ask, env=[address])
    assert room.ended()["exitCode"] == 0, room.log()
    assert room.log() == "hello True\n"


def kubectl(room: Room, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    where = [room.cluster.built.kubectl, "--kubeconfig", room.cluster.kubeconfig]
    command = [*map(str, where), "-n", room.namespace, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, **options
    )


def test_a_command_runs_in_a_container_with_its_streams_and_exit_code(room: Room) -> None:
    room.pod("time.sleep(600)", pod={"terminationGracePeriodSeconds": 0})
    room.ready()
    said = kubectl(room, "exec", "-i", "p", "--", "sh", "-c", "cat; echo e >&2; exit 4", input="in")
    assert (said.stdout, said.returncode) == ("in", 4)
    assert said.stderr.startswith("e\n")
    assert kubectl(room, "exec", "p", "--", "hostname").stdout == "p\n"


@pytest.fixture
def controls(bare: Cluster) -> Controls:
    return Controls(bare.controls)


def test_a_pod_is_evicted_on_demand_in_the_words_of_a_kubelet(
    room: Room, controls: Controls
) -> None:
    room.pod("time.sleep(600)")
    room.ready()
    controls.evict(room.namespace, "p")
    status = room.phase("Failed")["status"]
    assert status["reason"] == "Evicted"
    assert status["message"].startswith("The node was low on resource: memory. Container main was")
    room.event("Evicted", "The node was low on resource: memory.")


def test_what_a_pod_had_on_the_machine_goes_with_it(room: Room, controls: Controls) -> None:
    room.pod("time.sleep(600)", pod={"terminationGracePeriodSeconds": 0})
    room.ready()
    mine: Callable[[], list[Document]] = lambda: [  # noqa: E731
        pod for pod in controls.pods() if pod["namespace"] == room.namespace
    ]
    (there,) = mine()
    folder = room.cluster.controls / "pods" / there["uid"]
    assert folder.is_dir()
    room.cluster.delete_pod(room.namespace, "p")
    until("it is gone", lambda: not mine() and not folder.exists())
    assert not (room.cluster.controls / "netns" / there["uid"]).exists()
    assert not Path(f"/proc/{there['pids']['main']}").exists()


def test_a_lost_node_is_not_ready_until_it_is_back(room: Room, controls: Controls) -> None:
    def ready() -> str:
        node = room.cluster.http.get("/api/v1/nodes/node-b").json()
        return str(next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"))

    room.pod("time.sleep(600)", pod={"nodeName": "node-b"})
    room.ready()
    controls.lose("node-b")
    try:
        until("the node is not ready", lambda: ready() == "Unknown")
        until("its pod is not either", lambda: room.pod_ready() == "False")
    finally:
        controls.back("node-b")
    until("the node is ready", lambda: ready() == "True")
    until("and its pod", lambda: room.pod_ready() == "True")


def test_a_pod_whose_node_only_stalled_is_ready_again(room: Room) -> None:
    """The control plane takes the pods of a node that it has not heard of for lost."""
    room.pod("time.sleep(600)")
    room.ready()
    taken = {"conditions": [{"type": "Ready", "status": "False"}]}
    answer = room.cluster.http.patch(
        f"/api/v1/namespaces/{room.namespace}/pods/p/status",
        json={"status": taken},
        headers={"Content-Type": "application/strategic-merge-patch+json"},
    )
    assert answer.status_code == 200, answer.text
    shown = {c["type"]: c["status"] for c in answer.json()["status"]["conditions"]}
    assert shown["Ready"] == "False"
    until("it is ready again", lambda: room.pod_ready() == "True")
