"""The test cluster itself: what its tests rely on, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cluster.testbed import __main__ as command
from tests.cluster.testbed import fixtures, folder, network, programs, toolchain
from tests.cluster.testbed.client import Client
from tests.cluster.testbed.cluster import ALL, Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.faults import Rule
from tests.cluster.testbed.processes import until

ROOT = Path(__file__).parents[2]
READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A control plane and its nodes, without operators, for these tests to break."""
    cluster = fixtures.own_cluster_or_skip(operators=())
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def room(bare: Cluster) -> Iterator[str]:
    name = bare.namespace()
    yield name
    bare.delete_namespace(name)


def http(kubeconfig: Path) -> httpx2.Client:
    """A client as plain as can be: no retries, so that faults show."""
    document = json.loads(kubeconfig.read_text())
    cluster = document["clusters"][0]["cluster"]
    token = document["users"][0]["user"]["token"]
    return httpx2.Client(
        base_url=cluster["server"],
        verify=ssl.create_default_context(cafile=cluster["certificate-authority"]),
        headers={"Authorization": f"Bearer {token}"},
        timeout=60.0,
        trust_env=False,
    )


def notes(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def note(name: str, namespace: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


# -- people ---------------------------------------------------------------------------


def test_a_user_may_do_what_was_granted_and_no_more(bare: Cluster, room: str) -> None:
    student = bare.user("student", ["students"])
    with http(bare.user_kubeconfig(student, namespace=room)) as them:
        assert them.get(notes(room)).status_code == 403
        bare.grant("student", room, [READ])
        until("the right is there", lambda: them.get(notes(room)).status_code == 200)
        assert them.post(notes(room), json=note("a", room)).status_code == 403
        assert them.get("/api/v1/nodes").status_code == 403


def test_a_token_expires_while_its_user_stays(bare: Cluster, room: str) -> None:
    first = bare.user("forgetful")
    bare.expire(first)
    with http(bare.user_kubeconfig(first, namespace=room)) as them:
        assert them.get("/api").status_code == 401
    second = bare.user("forgetful")
    with http(bare.user_kubeconfig(second, namespace=room)) as them:
        assert them.get("/api").status_code == 200


def test_a_token_can_be_made_that_expires_by_itself(bare: Cluster, room: str) -> None:
    late = bare.user("late", seconds=-1)
    with http(bare.user_kubeconfig(late, namespace=room)) as them:
        assert them.get("/api").status_code == 401


def test_a_restricted_namespace_refuses_a_pod_that_is_not(bare: Cluster) -> None:
    namespace = bare.namespace(restricted=True)
    container = {"name": "a", "image": "python"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": namespace}}
    with pytest.raises(RuntimeError, match='violates PodSecurity "restricted'):
        bare.apply({**pod, "spec": {"containers": [container]}})
    bare.delete_namespace(namespace)


def test_a_namespace_is_held_in_termination_until_it_is_released(bare: Cluster) -> None:
    namespace = bare.namespace()
    bare.hold_in_termination(namespace)
    with pytest.raises(RuntimeError, match="being terminated"):
        bare.apply(note("late", namespace))
    bare.release(namespace)
    path = f"/api/v1/namespaces/{namespace}"
    until("the namespace is gone", lambda: bare.http.get(path).status_code == 404)


# -- faults on the way ----------------------------------------------------------------


def test_an_answer_of_the_tests_own_comes_as_often_as_it_says(bare: Cluster, room: str) -> None:
    busy = Rule(path="/configmaps", status=429, headers={"Retry-After": "1"}, times=2)
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them, faults.rule(busy):
        answers = [them.get(notes(room)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert answers[0].json()["reason"] == "TooManyRequests"
    assert len(busy.met) == 2


def test_requests_are_noted_in_order(bare: Cluster, room: str) -> None:
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them:
        them.post(notes(room), json=note("a", room), params={"dryRun": "All"})
        them.post(notes(room), json=note("a", room))
    assert [(request.method, request.path) for request in faults.requests] == [
        ("POST", f"{notes(room)}?dryRun=All"),
        ("POST", notes(room)),
    ]


def test_a_watch_is_cut_in_the_middle(bare: Cluster, room: str) -> None:
    bare.apply(note("seen", room))
    with (
        bare.faults(room) as (faults, kubeconfig),
        http(kubeconfig) as them,
        them.stream("GET", notes(room), params={"watch": "1"}) as watch,
    ):
        lines = watch.iter_lines()
        assert "ADDED" in next(lines)
        faults.cut()
        with pytest.raises(httpx2.HTTPError):
            list(lines)


def test_a_reply_ends_after_so_many_bytes(bare: Cluster, room: str) -> None:
    short = Rule(path="/configmaps", after=20, times=1)
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them, faults.rule(short):
        with pytest.raises(httpx2.HTTPError):
            them.get(notes(room))
        assert them.get(notes(room)).status_code == 200


def test_an_answer_is_lost_and_its_object_is_made(bare: Cluster, room: str) -> None:
    lost = Rule(method="POST", lost=True)
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them, faults.rule(lost):
        with pytest.raises(httpx2.HTTPError):
            them.post(notes(room), json=note("made", room))
        assert them.get(notes(room, "made")).status_code == 200


def test_an_answer_is_replaced_by_an_error_and_its_object_is_made(bare: Cluster, room: str) -> None:
    late = Rule(method="POST", status=504, asked=True, times=1)
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them, faults.rule(late):
        assert them.post(notes(room), json=note("made", room)).status_code == 504
        assert them.get(notes(room, "made")).status_code == 200
        assert them.post(notes(room), json=note("made", room)).status_code == 409


def test_a_request_that_is_cut_before_the_server_does_nothing(bare: Cluster, room: str) -> None:
    cut = Rule(method="POST", after=0)
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them, faults.rule(cut):
        with pytest.raises(httpx2.HTTPError):
            them.post(notes(room), json=note("made", room))
        assert them.get(notes(room, "made")).status_code == 404


def test_a_request_waits_where_it_is_held(bare: Cluster, room: str) -> None:
    held = Rule(method="POST", hold=threading.Event())
    assert held.hold is not None
    with bare.faults(room) as (faults, kubeconfig), http(kubeconfig) as them, faults.rule(held):
        posting = threading.Thread(
            target=them.post, args=(notes(room),), kwargs={"json": note("late", room)}
        )
        posting.start()
        until("the request has come", lambda: held.met)
        assert bare.http.get(notes(room, "late")).status_code == 404
        held.hold.set()
        posting.join()
        assert bare.http.get(notes(room, "late")).status_code == 200


def test_an_upgraded_connection_goes_through(bare: Cluster, room: str) -> None:
    """kubectl exec and port-forward upgrade; an answer that refuses to is one like any other."""
    path = f"/api/v1/namespaces/{room}/pods/none/exec"
    with bare.faults(room) as (_, kubeconfig), http(kubeconfig) as them:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert them.get(path, params={"command": "ls"}, headers=upgrade).status_code == 404
        assert them.get("/api").status_code == 200


# -- faults of the control plane -------------------------------------------------------


@pytest.mark.parametrize("kill", [False, True], ids=["in good order", "killed"])
def test_what_was_stored_survives_a_restart(bare: Cluster, room: str, kill: bool) -> None:
    bare.apply(note("kept", room))
    bare.restart_api_server(kill=kill)
    assert bare.http.get(notes(room, "kept")).status_code == 200


def test_a_stopped_server_refuses_connections(bare: Cluster) -> None:
    bare.stop_api_server(kill=True)
    with pytest.raises(httpx2.TransportError):
        bare.http.get("/api")
    bare.start_api_server()
    assert bare.http.get("/api").status_code == 200


def test_a_paused_server_answers_nothing_until_it_goes_on(bare: Cluster) -> None:
    with bare.paused_api_server(), pytest.raises(httpx2.TimeoutException):
        bare.http.get("/api", timeout=0.5)
    assert bare.http.get("/api").status_code == 200


def test_a_watch_from_a_forgotten_moment_is_answered_with_410(bare: Cluster, room: str) -> None:
    past = bare.apply(note("a", room))["metadata"]["resourceVersion"]
    bare.apply(note("b", room))
    bare.forget_history()
    asked = {"watch": "1", "resourceVersion": past, "timeoutSeconds": "1"}
    answer = bare.http.get(notes(room), params=asked)
    assert json.loads(answer.text.splitlines()[0])["object"]["code"] == 410


def test_kinds_stand_without_their_operator(bare: Cluster) -> None:
    bare.add_definitions("jobset")
    found = bare.http.get("/apis/jobset.x-k8s.io/v1alpha2").json()["resources"]
    assert "jobsets" in {each["name"] for each in found}


# -- several, and the end ---------------------------------------------------------------


def test_two_clusters_stand_at_once_and_do_not_meet(bare: Cluster, room: str) -> None:
    second = fixtures.own_cluster_or_skip(operators=())
    try:
        second.start()
        assert second.http.get(f"/api/v1/namespaces/{room}").status_code == 404
        assert bare.http.get(f"/api/v1/namespaces/{room}").status_code == 200
        until("the first one's nodes are ready still", bare.nodes_are_ready)
    finally:
        second.stop()
    assert not second.run.exists()


def test_nothing_outlives_a_process_that_is_killed() -> None:
    script = """
        import json, time
        from tests.cluster.testbed import fixtures
        cluster = fixtures.own_cluster_or_skip(operators=())
        cluster.start()
        pids = [process.pid for process in cluster.processes]
        print(json.dumps({"run": str(cluster.run), "pids": pids}), flush=True)
        time.sleep(600)
    """
    fixtures.own_cluster_or_skip(operators=()).stop()
    lines = "\n".join(line.strip() for line in script.splitlines())
    starter = subprocess.Popen(
        [sys.executable, "-c", lines],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        told = json.loads(starter.stdout.readline())
        starter.kill()
    until("its processes are gone", lambda: not any(map(runs, told["pids"])))
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True)
    assert not re.search(r"^tb\d", links.stdout, re.MULTILINE)
    folder.remove_left_over()
    assert not Path(told["run"]).exists()


def test_a_node_whose_api_server_is_gone_ends_while_it_starts(
    own_cluster: Callable[..., Cluster],
) -> None:
    cluster = own_cluster(operators=())
    cluster.node.stop()
    cluster.stop_api_server(kill=True)
    cluster.node.start()
    said = cluster.node.log.read_text()
    refused = "Connect call failed"
    until(
        "it looks for the API server", lambda: refused in cluster.node.log.read_text()[len(said) :]
    )
    cluster.node.signal(signal.SIGTERM)
    until("it has ended", lambda: not cluster.node.runs)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# -- the whole ---------------------------------------------------------------------------


def test_every_operator_is_ready_and_serves_its_kinds(cluster: Client) -> None:
    groups = {each["name"] for each in cluster.http.get("/apis").json()["groups"]}
    assert groups >= {
        "kubeflow.org",
        "jobset.x-k8s.io",
        "trainer.kubeflow.org",
        "kueue.x-k8s.io",
    }
    runtimes = "/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes/torch-distributed"
    assert cluster.http.get(runtimes).status_code == 200


def test_a_cluster_that_is_given_is_used_like_our_own(cluster: Client) -> None:
    given = External(cluster.kubeconfig)
    namespace = given.namespace()
    with http(given.user_kubeconfig("guest", namespace=namespace)) as them:
        assert them.get(notes(namespace)).status_code == 403
        given.grant(f"system:serviceaccount:{namespace}:guest", namespace, [READ])
        until("the right is there", lambda: them.get(notes(namespace)).status_code == 200)
    given.delete_namespace(namespace)
    written = given.context(namespace)
    given.stop()
    assert not written.parent.exists()


# -- building -----------------------------------------------------------------------------


def test_each_program_has_its_versions_and_sums_in_the_checkout() -> None:
    for program in programs.PROGRAMS:
        assert (programs.MODULES / program.name / "go.mod").is_file()
        assert (programs.MODULES / program.name / "go.sum").is_file()
    versions = {program.name: program.version for program in programs.OPERATORS}
    assert versions == {
        "training-operator": "v1.9.3",
        "jobset": "v0.12.0",
        "trainer": "v2.3.0",
        "kueue": "v0.18.3",
        "coscheduling": "v0.35.4-devel",
    }
    assert programs.KUBERNETES == "1.36.3"


def test_another_version_of_one_program_is_built_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {program.name: program.key for program in programs.PROGRAMS}
    changed = shutil.copytree(programs.MODULES, tmp_path / "modules") / "jobset" / "go.sum"
    monkeypatch.setattr(programs, "MODULES", tmp_path / "modules")
    assert {program.name: program.key for program in programs.PROGRAMS} == before
    changed.write_text(changed.read_text() + "\n")
    after = {program.name: program.key for program in programs.PROGRAMS}
    assert {name for name in after if after[name] != before[name]} == {"jobset"}


def test_a_cluster_has_only_what_need_not_be_asked_for() -> None:
    assert ALL == ("training-operator", "jobset", "trainer", "kueue")


def test_a_toolchain_that_is_too_old_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.25.9\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")
    with pytest.raises(toolchain.NoToolchain, match=r"no Go 1\.26 .* make cluster"):
        toolchain.find_go(tmp_path / "cache", install=False)


def test_the_command_says_what_it_can_do() -> None:
    assert command.main(["up", "unheard-of"]) == 2


def test_where_it_cannot_be_built_the_tests_are_skipped_and_say_so_loudly(tmp_path: Path) -> None:
    """No cache, no Go, no index of packages: one command is named that would help."""
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("ip", "bwrap", "unshare", "nsenter", "setpriv", "true"):
        found = shutil.which(tool)
        assert found, tool
        (bare / tool).symlink_to(found)
    test = f"{Path(__file__).name}::{test_kinds_stand_without_their_operator.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", f"tests/cluster/{test}"],
        cwd=ROOT,
        env={
            "PATH": str(bare),
            "HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "PIP_NO_INDEX": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "1 skipped" in done.stdout
    assert re.search(r"THE CLUSTER TESTS ARE SKIPPED: no Go 1\.26 .* run: make cluster", said)


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert network.missing_tools() == ["bubblewrap", "iproute2", "util-linux"]
