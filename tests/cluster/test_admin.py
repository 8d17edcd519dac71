"""The rights of students and teachers: every verb that the SDK uses, and no other."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files as packaged
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
import yaml
from click.testing import CliRunner

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.cli.app import app
from cnai_sdk.config import Config
from cnai_sdk.doctor.admin import administration
from cnai_sdk.doctor.finding import Finding
from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources
from tests.cluster.classroom import QUOTA, Classroom, classroom_on, objects, picky
from tests.cluster.surviving import connected
from tests.cluster.test_example import EXAMPLES, outputs
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External
from tests.cluster.testbed.faults import Faults, Rule
from tests.cluster.testbed.processes import until
from tests.cluster.trained import spec_of

Right = tuple[str, str, str]


@pytest.fixture(scope="module")
def room(cluster: Cluster | External) -> Iterator[Classroom]:
    with classroom_on(cluster) as found:
        yield found


# -- the base ------------------------------------------------------------------------------


def test_the_shipped_base_is_one_that_kubectl_builds(room: Classroom) -> None:
    folder = packaged("cnai_sdk.admin")
    built = [
        each
        for name in ("base", "student")
        for each in objects(room.admin("kustomize", str(folder.joinpath(name))))
    ]
    shipped = [
        each
        for name, files in (
            ("base", ["shared", "roles", "confinement", "ceilings", "steering"]),
            ("student", ["namespace"]),
        )
        for file in files
        for each in yaml.safe_load_all(folder.joinpath(name, f"{file}.yaml").read_text())
    ]
    assert sorted(map(json.dumps, map(_sorted, built))) == sorted(
        map(json.dumps, map(_sorted, shipped))
    )


def _sorted(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(document, sort_keys=True))
    return found


def test_setting_it_up_again_changes_nothing(room: Classroom) -> None:
    room.admin("apply", "-f", "-", input=room.printed())
    assert room.admin("diff", "-f", "-", input=room.printed()) == ""


async def test_who_is_added_later_changes_no_ceiling_and_takes_nobodys_rights(
    room: Classroom,
) -> None:
    """The command of the documents for one student after the other, in a namespace that is there
    and in a new one."""
    new = f"{room.namespace}-2"
    people = [f"{room.namespace}={room.who('second')}", f"{new}={room.who('second')}"]
    words = ["admin", "manifests", "--shared", room.shared, "--teacher", room.who("other")]
    words += [word for each in people for word in ("--student", each)]
    added = CliRunner().invoke(app, [*words, *(w for q in QUOTA for w in ("--quota", q))])
    assert added.exit_code == 0, added.output
    room.admin("apply", "-f", "-", input=room.printed("--gpus", "5"))
    try:
        before = room.ceilings()
        assert before == ("5", "5")
        rights_before = await room.allowed(room.teacher, EVERY, namespace=room.namespace)
        room.admin("apply", "-f", "-", input=added.stdout)
        assert room.ceilings() == before
        asked = [("create", "kubeflow.org", "pytorchjobs"), ("obey", "cnai-sdk", "ceilings")]
        second = room.kubeconfig("second")
        for who, where in (
            (room.student, room.namespace),
            (second, room.namespace),
            (second, new),
        ):
            async with asyncio.timeout(120):  # the server learns of it a little later
                while await room.allowed(who, asked, namespace=where) != set(asked):
                    await asyncio.sleep(0.05)
        assert await room.allowed(room.student, asked, namespace=new) == set()
        assert await room.allowed(room.teacher, EVERY, namespace=room.namespace) == rights_before
        assert room.admin("diff", "-f", "-", input=room.printed("--gpus", "5")) == ""
    finally:
        room.admin("apply", "-f", "-", input=room.printed())
        kept = (each for each in objects(added.stdout) if each["metadata"]["name"] in (new,))
        gone = [each for each in objects(added.stdout) if "Binding" in each["kind"]]
        room.admin("delete", "--wait=false", "-f", "-", input=yaml.safe_dump_all([*gone, *kept]))


def test_the_policies_are_understood_by_the_server(room: Classroom) -> None:
    for name in ("cnai-confinement", "cnai-ceilings", "cnai-steering"):
        text = room.admin("get", "validatingadmissionpolicy", name, "-o", "json")
        assert json.loads(text)["spec"]["failurePolicy"] == "Fail"


# -- the matrix ----------------------------------------------------------------------------

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_JOBS = ("get", "list", "watch", "create", "patch", "delete")
_LOOK = ("list", "watch")
STUDENT: dict[tuple[str, str], tuple[str, ...]] = {
    ("kubeflow.org", "pytorchjobs"): _JOBS,
    ("trainer.kubeflow.org", "trainjobs"): _JOBS,
    ("", "pods"): ("get", "list", "watch", "create", "delete"),
    ("", "pods/log"): ("get",),
    ("", "events"): _LOOK,
    ("", "configmaps"): ("get", "list", "create", "patch", "delete"),
    ("", "secrets"): ("list", "create", "patch", "delete"),
    ("resource.k8s.io", "resourceclaimtemplates"): ("list", "create", "patch", "delete"),
    ("", "persistentvolumeclaims"): ("get",),
    ("", "resourcequotas"): _LOOK,
    ("", "limitranges"): _LOOK,
    ("kueue.x-k8s.io", "workloads"): ("list", "watch", "patch"),
    ("kueue.x-k8s.io", "localqueues"): _LOOK,
    ("visibility.kueue.x-k8s.io", "localqueues/pendingworkloads"): ("get",),
}
_CLAIMED = ("create", "patch", "delete")
_STEER = ("get", "list", "watch", "patch", "delete")
TEACHER: dict[tuple[str, str], tuple[str, ...]] = {
    **STUDENT,
    ("kubeflow.org", "pytorchjobs"): _STEER,
    ("trainer.kubeflow.org", "trainjobs"): _STEER,
    ("", "pods"): ("get", "list", "watch", "delete"),
    ("", "configmaps"): ("get",),
    ("", "secrets"): (),
    ("resource.k8s.io", "resourceclaimtemplates"): (),
    ("", "persistentvolumeclaims"): (),
}
NEVER = (
    ("", "pods/exec"),
    ("", "pods/attach"),
    ("", "pods/portforward"),
    ("", "pods/ephemeralcontainers"),
    ("", "pods/eviction"),
    ("", "pods/binding"),
    ("", "pods/status"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("", "services"),
    ("", "persistentvolumes"),
    ("apps", "deployments"),
    ("batch", "jobs"),
    ("jobset.x-k8s.io", "jobsets"),
    ("kueue.x-k8s.io", "clusterqueues"),
    ("kueue.x-k8s.io", "cohorts"),
    ("kueue.x-k8s.io", "resourceflavors"),
    ("scheduling.volcano.sh", "queues"),
    ("resource.k8s.io", "resourceslices"),
    ("resource.k8s.io", "deviceclasses"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceclaims/status"),
    ("kueue.x-k8s.io", "workloads/status"),
    ("kubeflow.org", "pytorchjobs/status"),
    ("trainer.kubeflow.org", "trainingruntimes"),
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("scheduling.k8s.io", "priorityclasses"),
)
# Of the whole cluster. A student's SDK asks for it too, and goes on without.
READ: set[Right] = {
    ("list", "trainer.kubeflow.org", "clustertrainingruntimes"),
    ("get", "kueue.x-k8s.io", "workloadpriorityclasses"),
    ("list", "kueue.x-k8s.io", "workloadpriorityclasses"),
}
"""Of the whole cluster, by a student."""
OVERSEEN: set[Right] = {
    (verb, group, resource)
    for verb in ("list", "watch")
    for group, resource in (
        ("", "nodes"),
        ("resource.k8s.io", "resourceslices"),
        ("resource.k8s.io", "deviceclasses"),
        ("kueue.x-k8s.io", "clusterqueues"),
        ("kueue.x-k8s.io", "cohorts"),
        ("scheduling.volcano.sh", "queues"),
    )
}
EVERY = [
    (verb, group, resource)
    for verb, (group, resource) in itertools.product(VERBS, [*STUDENT, *NEVER])
]


def rights(table: dict[tuple[str, str], tuple[str, ...]]) -> set[Right]:
    return {(verb, *resource) for resource, verbs in table.items() for verb in verbs}


async def test_in_the_own_namespace_a_student_may_what_the_sdk_uses_and_no_more(
    room: Classroom,
) -> None:
    allowed = await room.allowed(room.student, EVERY, namespace=room.namespace)
    assert allowed == rights(STUDENT)


async def test_in_a_students_namespace_a_teacher_looks_and_steers(room: Classroom) -> None:
    allowed = await room.allowed(room.teacher, EVERY, namespace=room.namespace)
    assert allowed == rights(TEACHER) | OVERSEEN


async def test_in_the_shared_namespace_a_student_only_reads(room: Classroom) -> None:
    allowed = await room.allowed(room.student, EVERY, namespace=room.shared)
    assert allowed == {(verb, "", "configmaps") for verb in ("get", "list", "watch")}


@pytest.mark.parametrize("elsewhere", ["default", "kube-system", ""])
async def test_elsewhere_a_student_and_a_teacher_may_nothing(
    room: Classroom, elsewhere: str
) -> None:
    assert await room.allowed(room.student, EVERY, namespace=elsewhere) == set()
    assert await room.allowed(room.teacher, EVERY, namespace=elsewhere) == OVERSEEN


# -- what the SDK really asks ----------------------------------------------------------------

_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/(?:namespaces/(?P<namespace>[^/]+)/)?"
    r"(?P<plural>[^/?]+)(?:/(?P<name>[^/?]+)(?:/(?P<part>[^/?]+))?)?(?:\?(?P<query>.*))?$"
)
_WRITES = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}


def asked(method: str, path: str) -> tuple[str, Right] | None:
    """The namespace and the right that a request needs; None for what everybody may."""
    found = _PATH.match(path)
    if found is None or "self" in found["plural"]:
        return None
    resource = f"{found['plural']}/{found['part']}" if found["part"] else found["plural"]
    verb = _WRITES.get(method) or ("get" if found["name"] else "list")
    if verb == "list" and "watch=true" in (found["query"] or ""):
        verb = "watch"
    return found["namespace"] or "", (verb, found["group"] or "", resource)


def test_a_request_is_read_as_the_right_that_it_needs() -> None:
    assert asked("GET", "/api/v1/namespaces/a/pods?watch=true") == ("a", ("watch", "", "pods"))
    assert asked("GET", "/api/v1/namespaces/a/pods/b/log") == ("a", ("get", "", "pods/log"))
    assert asked("GET", "/apis/kubeflow.org/v1/namespaces/a/pytorchjobs/b") == (
        "a",
        ("get", "kubeflow.org", "pytorchjobs"),
    )
    assert asked("GET", "/api/v1/nodes?limit=500") == ("", ("list", "", "nodes"))
    assert asked("GET", "/version") is None


TRAIN = """
    import os, pathlib, sys, time
    import cnai_sdk as cnai

    def train():
        assert os.environ["TOKEN"] == "s3cret"
        cnai.report(step=1, loss=0.5)
        pathlib.Path(cnai.output_dir(), "model.txt").write_text("weights")
        print("trained")
        return {"done": True}
    """
WAITS = """
    import time

    def train():
        print("waits", flush=True)
        time.sleep(600)
    """


@pytest.fixture
def recorded(
    room: Classroom, cluster: Cluster | External, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faults]:
    """The student's kubeconfig, by way of a proxy that notes every request."""
    with cluster.faults(room.namespace) as (faults, by_proxy):
        mine = json.loads(room.student.read_text())
        others = json.loads(by_proxy.read_text())
        mine["clusters"] = others["clusters"]
        names = {each["name"]: each["context"] for each in others["contexts"]}
        context = next(
            c["context"] for c in mine["contexts"] if c["name"] == mine["current-context"]
        )
        context["cluster"] = names[others["current-context"]]["cluster"]
        path = tmp_path / "student.kubeconfig"
        path.write_text(json.dumps(mine))
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield faults


async def ended(backend: KubernetesBackend, id: str) -> Phase:
    async with asyncio.timeout(120):
        while not (found := await backend.get(id)).phase.ended:
            await asyncio.sleep(0.05)
    return found.phase


async def until_it_speaks(backend: KubernetesBackend, id: str, *, runs: int = 1) -> None:
    """Return once its worker has spoken in so many runs: before that it would not hear that it is
    to end, and take half a minute for it."""
    lines = 0
    async with asyncio.timeout(120):
        async for batch in backend.logs(id, follow=True):
            lines += len(batch)
            if lines >= runs:
                break


async def everything(room: Classroom, faults: Faults, home: Path, operator: str) -> None:
    """All that a student does with jobs of one operator."""
    backend = KubernetesBackend(
        Config(
            home=home,
            namespace=room.namespace,
            operator=operator,
            image="python:3",
            shared=room.shared,
        )
    )
    small = Resources(cpu=0.2, memory=2**28)
    noise = {"code/noise.bin": random.Random(1).randbytes(200_000)}  # more than a job carries
    try:
        await backend.quota()
        spec = spec_of(
            TRAIN,
            name="all",
            secrets=("TOKEN",),
            outputs="pvc://scratch/runs",
            resources=small,
            files=noise,
        )
        await backend.fits(spec)
        typo = spec_of(TRAIN, name="all", resources=small, queue="line", priority="nosuch")
        with pytest.raises(InvalidRequest, match="no priority class nosuch"):
            await backend.submit(typo, secrets={})
        # What lies beside a job that is refused is taken away again.
        refusal = Rule(method="POST", path=f"/{operator}s", status=422, times=1)
        with faults.rule(refusal), pytest.raises(InvalidRequest):
            await backend.submit(spec, secrets={"TOKEN": "s3cret"})
        made = await backend.submit(spec, secrets={"TOKEN": "s3cret"})
        assert await ended(backend, made.id) is Phase.SUCCEEDED
        assert [line.text async for batch in backend.logs(made.id) for line in batch]
        assert await backend.events(made.id)
        assert json.loads(await backend.result(made.id) or b"") == {"done": True}
        assert "model.txt" in [file.path for file in await backend.outputs(made.id)]
        assert await backend.read(made.id, "model.txt") == b"weights"
        again = await backend.spec(made.id)
        assert again.payload.files["code/noise.bin"] == noise["code/noise.bin"]
        await backend.delete(made.id)
        waits = await backend.submit(spec_of(WAITS, name="waits", resources=small), secrets={})
        await until_it_speaks(backend, waits.id)
        await backend.suspend(waits.id)
        await backend.resume(waits.id)
        await until_it_speaks(backend, waits.id, runs=2)
        await backend.stop(waits.id)
        assert await ended(backend, waits.id) is Phase.STOPPED
        await backend.delete(waits.id)
        queued = spec_of(WAITS, name="queued", resources=small, queue="line")
        first = await backend.submit(queued, secrets={})
        await until_it_speaks(backend, first.id)
        line = await backend.submit(queued, secrets={})
        async with asyncio.timeout(120):
            while (await backend.get(line.id)).queued is None:
                await asyncio.sleep(0.05)
        await backend.suspend(line.id)
        await backend.stop(line.id)
        await backend.delete(line.id)
        await backend.delete(first.id)
    finally:
        await backend.close()


@pytest.fixture
async def furnished(room: Classroom) -> AsyncIterator[None]:
    """A claim, and a queue with room for one job."""
    queues = "kueue.x-k8s.io/v1beta2"
    amounts = {"cpu": "200m", "memory": "1Gi"}
    resources = [{"name": name, "nominalQuota": amount} for name, amount in amounts.items()]
    flavor = {"name": room.namespace, "resources": resources}
    group = {"coveredResources": ["cpu", "memory"], "flavors": [flavor]}
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    here = {"namespace": room.namespace}
    made = [
        (queues, "ResourceFlavor", {"name": room.namespace}, {}),
        (
            queues,
            "ClusterQueue",
            {"name": room.namespace},
            {"namespaceSelector": {}, "resourceGroups": [group]},
        ),
        (queues, "LocalQueue", {"name": "line", **here}, {"clusterQueue": room.namespace}),
        ("v1", "PersistentVolumeClaim", {"name": "scratch", **here}, body),
    ]
    for version, kind, metadata, spec in made:
        document = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        await asyncio.to_thread(room.cluster.apply, document)
    yield
    for kind in ("clusterqueues", "resourceflavors"):
        room.cluster.http.delete(f"/apis/{queues}/{kind}/{room.namespace}")


@pytest.mark.usefixtures("furnished")
async def test_a_student_does_everything_and_each_right_is_used(
    room: Classroom, recorded: Faults, tmp_path: Path
) -> None:
    for operator in ("pytorchjob", "trainjob"):
        await everything(room, recorded, tmp_path / operator, operator)
    used: dict[str, set[Right]] = {room.namespace: set(), room.shared: set(), "": set()}
    for request in recorded.requests:
        if found := asked(request.method, request.path):
            used.setdefault(found[0], set()).add(found[1])
    assert set(used) == {room.namespace, room.shared, ""}
    assert used[room.namespace] - rights(STUDENT) == set()
    # No GPU of this cluster is granted by a claim, so none is made here; and a pod is looked up
    # by itself only where the server has ended the watch of it.
    rare = {
        *((verb, "resource.k8s.io", "resourceclaimtemplates") for verb in _CLAIMED),
        ("get", "", "pods"),
    }
    assert rights(STUDENT) - used[room.namespace] - rare == set()
    assert used[room.shared] == {("list", "", "configmaps"), ("watch", "", "configmaps")}
    whether_it_is_there = ("get", "", "namespaces")  # asked in passing; who may not learns nothing
    assert used[""] - READ - OVERSEEN - {whether_it_is_there} == set()
    assert READ - used[""] == set()


# -- ceilings, twice ---------------------------------------------------------------------------


async def test_the_sdk_refuses_at_the_call_and_the_server_whoever_does_not_ask(
    room: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(room.student))
    small = Resources(cpu=0.1, memory=2**27)
    spec = spec_of(WAITS, name="wide", workers=17, resources=small)
    for shared, kind in ((room.shared, DoesNotFit), ("nobody-publishes-here", InvalidRequest)):
        config = Config(
            home=tmp_path / shared, namespace=room.namespace, image="python:3", shared=shared
        )
        backend = KubernetesBackend(config)
        try:
            with pytest.raises(kind) as told:
                await backend.submit(spec, secrets={})
            assert "workers-per-job" in told.value.why
            assert told.value.next_step
            assert "wide" not in [each.name for each in await backend.list()]
        finally:
            await backend.close()
    assert "A rule of this cluster does not allow it" in told.value.what
    assert "cnai-ceilings" in told.value.why


async def test_an_expensive_job_is_estimated_before_it_is_made_and_by_whoever_only_asks(
    room: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(room.student))
    config = Config(home=tmp_path, namespace=room.namespace, image="python:3", shared=room.shared)
    wish = Resources(cpu=0.1, memory=2**27, gpu=1.0)
    two_hours = spec_of(WAITS, name="dear", resources=wish, timeout=7200.0)
    for_ever = spec_of(WAITS, name="dear", resources=wish)
    backend = KubernetesBackend(config)
    try:
        told = await backend.fits(two_hours, count=3)
        assert "Up to 6 GPU-hours: 3 jobs × 1 worker × 1 GPU × 2" in told.notices[-1]
        assert "its timeout" in told.notices[-1]
        assert 'timeout="1h"' in (await backend.fits(for_ever)).notices[-1]
        with pytest.raises(InvalidRequest, match="how long it may run") as refused:
            await backend.submit(for_ever, secrets={})
        assert 'timeout="1h"' in refused.value.next_step
        made = await backend.submit(two_hours, secrets={})
        assert any(each.startswith("Up to 2 GPU-hours: 1 worker × 1 GPU") for each in made.notices)
        await backend.delete(made.id)
    finally:
        await backend.close()


async def test_the_doctor_says_what_holds_students_as_each_may_see_it(room: Classroom) -> None:
    async def said(kubeconfig: Path, namespace: str) -> dict[str, str]:
        async with connected(kubeconfig) as api:
            found = [each async for each in administration(api, namespace, room.shared)]
        return {each.check: each.state for each in found}

    held = {"ceilings": "ok", "confinement": "ok", "quota": "ok"}
    assert await said(room.student, room.namespace) == held | {"policies": "ok"}
    set_up = {"administration": "ok", "students": "ok"}
    assert await said(room.cluster.kubeconfig, room.namespace) == held | set_up
    open_to_all = await said(room.cluster.kubeconfig, "default")
    assert open_to_all["confinement"] == "note"
    assert open_to_all["quota"] == "note"


LOOSENED = {
    "a binding that only audits": (
        "validatingadmissionpolicybinding",
        "cnai-confinement",
        {"spec": {"validationActions": ["Audit"]}},
        "validationActions[0] is Audit and not Deny",
    ),
    "a policy that is left out when it fails": (
        "validatingadmissionpolicy",
        "cnai-ceilings",
        {"spec": {"failurePolicy": "Ignore"}},
        "failurePolicy is Ignore and not Fail",
    ),
    "a policy for some namespaces": (
        "validatingadmissionpolicy",
        "cnai-confinement",
        {"spec": {"matchConstraints": {"namespaceSelector": {"matchLabels": {"held": "yes"}}}}},
        "namespaceSelector is {'matchLabels': {'held': 'yes'}}",
    ),
    "a role that allows more": (
        "clusterrole",
        "cnai-student",
        {"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
        "it allows get secrets as well; it lacks",
    ),
}


@pytest.mark.parametrize("what", LOOSENED)
async def test_what_was_loosened_by_hand_is_named_and_the_printed_command_mends_it(
    room: Classroom, what: str
) -> None:
    kind, name, patch, said = LOOSENED[what]

    async def notes() -> list[Finding]:
        async with connected(room.cluster.kubeconfig) as api:
            found = administration(api, room.namespace, room.shared)
            return [each async for each in found if each.check == "administration"]

    try:
        room.admin("patch", kind, name, "--type=merge", "-p", json.dumps(patch))
        (differs,) = await notes()
        assert differs.state == "note"
        assert name in differs.what and said in differs.what
        *before, command = differs.fix.partition("run: ")[2].split("; ")
        for each in before:
            room.admin(*shlex.split(each)[1:])
        words = re.search(r"cnai (admin manifests .*) \| kubectl apply -f -", command)
        assert words, command
        printed = CliRunner().invoke(app, shlex.split(words[1]))
        assert printed.exit_code == 0, printed.output
        room.admin("apply", "-f", "-", input=printed.stdout)
        (mended,) = await notes()
        assert mended.state == "ok", mended.what
    finally:
        room.admin("apply", "-f", "-", input=room.printed())
    until("confinement holds again", lambda: "cnai-confinement" in room.said(picky()))


async def test_a_student_sees_that_a_policy_only_audits(room: Classroom) -> None:
    async def policies() -> Finding:
        async with connected(room.student) as api:
            found = administration(api, room.namespace, room.shared)
            (only,) = [each async for each in found if each.check == "policies"]
        return only

    binding = ("patch", "validatingadmissionpolicybinding", "cnai-confinement", "--type=merge")
    try:
        for actions, state in ((["Audit"], "note"), (["Deny"], "ok")):
            patch = {"spec": {"validationActions": actions}}
            room.admin(*binding, "-p", json.dumps(patch))
            async with asyncio.timeout(120):  # the server learns of it a little later
                while (found := await policies()).state != state:
                    await asyncio.sleep(0.2)
        assert "refused" in found.what
    finally:
        room.admin("apply", "-f", "-", input=room.printed())


async def test_a_student_with_edit_as_well_and_one_with_edit_alone_are_named(
    room: Classroom,
) -> None:
    async def students() -> list[str]:
        async with connected(room.cluster.kubeconfig) as api:
            found = administration(api, room.namespace, room.shared)
            return [f"{x.what} {x.fix}" async for x in found if x.check == "students"]

    words = ("-n", room.namespace, "create", "rolebinding")
    subject = ("--clusterrole=edit",)
    everything = ("-n", room.namespace, "create", "role", "all-jobs", "--verb=create")
    room.admin(*everything, "--resource=pytorchjobs.kubeflow.org")
    try:
        room.admin(*words, "editor", *subject, *_to(room, "student"))
        room.admin(*words, "free", "--role=all-jobs", "--user=somebody-else")
        found = await students()
        assert len(found) == 2
        assert "has the role edit as well, by the RoleBinding editor" in found[0]
        assert "somebody-else makes jobs" in found[1] and "RoleBinding free" in found[1]
        for each in found:
            command = re.search(r"kubectl (-n \S+ delete rolebinding \S+?)(;|$)", each)
            assert command
            room.admin(*shlex.split(command[1]))
        (mended,) = await students()
        assert "with no other right there" in mended
    finally:
        names = ("rolebinding/editor", "rolebinding/free", "role/all-jobs")
        room.admin("-n", room.namespace, "delete", "--ignore-not-found", *names)


def _to(room: Classroom, name: str) -> list[str]:
    """Whom, as kubectl takes it."""
    kind, _, who = room.who(name).partition(":")
    return [f"--{kind}={who}"]


async def test_a_ceiling_that_was_edited_by_hand_is_named_and_the_printed_command_mends_it(
    room: Classroom,
) -> None:
    async def ceilings(kubeconfig: Path) -> list[Finding]:
        async with connected(kubeconfig) as api:
            found = [each async for each in administration(api, room.namespace, room.shared)]
        return [each for each in found if each.check == "ceilings"]

    edit = ("-n", room.shared, "patch", "configmap", "cnai-ceilings", "--type=merge", "-p")
    room.admin(*edit, '{"data": {"gpus-per-job": "7"}}')
    try:
        (_, differs) = await ceilings(room.cluster.kubeconfig)
        said = f"gpus-per-job is 7 in {room.shared}/cnai-ceilings and 8 in the policy cnai-ceilings"
        assert said in differs.what
        assert differs.what.count(" is ") == 1
        (seen,) = await ceilings(room.student)
        assert seen.state == "ok", "a student does not see the policy"
    finally:
        room.admin(*edit, '{"data": {"gpus-per-job": "8"}}')
    command = re.search(r"cnai (admin manifests .*) \| kubectl apply -f -", differs.fix)
    assert command
    printed = CliRunner().invoke(app, [*shlex.split(command[1]), "--json"])
    assert printed.exit_code == 0, printed.output
    items = json.loads(printed.stdout)["items"]
    made = {(each["kind"], each["metadata"]["name"]): each for each in items}
    told = made["ConfigMap", "cnai-ceilings"]
    assert told["metadata"]["namespace"] == room.shared
    assert told["data"]["gpus-per-job"] == "7"
    variables = made["ValidatingAdmissionPolicy", "cnai-ceilings"]["spec"]["variables"]
    assert {"name": "gpusMost", "expression": "7"} in variables
    assert len(await ceilings(room.cluster.kubeconfig)) == 1


# -- the lesson, as a student runs it ----------------------------------------------------------


@pytest.mark.timeout(900)  # where it is busy, a job of the lesson takes half a minute
def test_the_lesson_about_a_cluster_runs_under_the_students_role(
    room: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(room.student))
    monkeypatch.setenv("CNAI_SHARED", room.shared)
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("CNAI_CONFIG", str(tmp_path / "config.toml"))
    book = nbformat.read(EXAMPLES / "02-cluster.ipynb", as_version=4)
    nbclient.NotebookClient(
        book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert float(outputs(book, "job.wait()").split(":")[1].strip(" }")) > 0.85
    assert "memory" in outputs(book, "small.explain()")
    assert "accuracy" in outputs(book, "small.rerun")
