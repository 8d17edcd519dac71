"""What the doctor says of a cluster, by what a real server answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.admin import Setup, manifests
from cnai_sdk.doctor.admin import _PATHS
from cnai_sdk.doctor.cluster import cluster
from cnai_sdk.doctor.finding import Finding

from .https import (
    Reply,
    Request,
    Server,
    status,
    write_kubeconfig,
    write_program,
)

Examined = Callable[[], Sequence[Finding]]
CEILINGS = {"gpus-per-job": "4", "hours-per-job": "12"}
POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/cnai-ceilings"
HELD = {"workersMost": "-1", "gpusMost": "4", "hoursMost": "12.0", "gpuHoursMost": "-1.0"}


def _path(document: dict[str, Any]) -> str:
    meta = document["metadata"]
    return f"{_PATHS[document['kind']].format(namespace=meta.get('namespace', ''))}/{meta['name']}"


BASE = {_path(each): each for each in manifests(Setup())}


class Rights:
    """A server that allows everything but what is named, as 'verb resource'."""

    def __init__(self, server: Server) -> None:
        self.denied: set[str] = set()
        self.user = "ann"
        self.namespace: Reply = Reply(200, {"metadata": {"name": "team-a"}})
        self.queues = ["gold"]
        self.quotas = ["team"]
        self.ceilings: dict[str, dict[str, str]] = {"cnai-ceilings": CEILINGS}
        self.held: dict[str, str] = HELD
        self.policy_seen = True
        self.classes = ["gpu.nvidia.com"]
        self.missing: set[str] = set()
        self.base = copy.deepcopy(BASE)
        self.bindings: list[dict[str, Any]] = []
        self.without: set[tuple[str, str]] = set()
        self.job: Reply = status(422, "Invalid", "ValidatingAdmissionPolicy 'cnai-confinement'")
        self.plain_job: Reply = Reply(201, {"kind": "PyTorchJob"})
        self.plain_pod: Reply = Reply(201, {"kind": "Pod"})
        self.hostile: Reply = status(403, "Forbidden", 'violates PodSecurity "restricted:latest"')
        server.answer = self._answer

    def _answer(self, request: Request) -> Reply:
        path = request.path
        if path.endswith("/selfsubjectreviews"):
            return Reply(201, {"status": {"userInfo": {"username": self.user}}})
        if path.endswith("/selfsubjectaccessreviews"):
            asked = request.json["spec"]["resourceAttributes"]
            part = f"/{asked['subresource']}" if asked["subresource"] else ""
            wish = f"{asked['verb']} {asked['resource']}{part}"
            return Reply(201, {"status": {"allowed": wish not in self.denied}})
        if path.endswith("/subjectaccessreviews"):
            spec = request.json["spec"]
            who = (spec.get("groups") or [spec["user"]])[0]
            verb = spec["resourceAttributes"]["verb"]
            return Reply(201, {"status": {"allowed": (who, verb) not in self.without}})
        if path.endswith(("/namespaces/team-a/pytorchjobs", "/namespaces/team-a/trainjobs")):
            return self.job if b"hostPath" in request.body else self.plain_job
        if path.endswith("rolebindings"):
            inside = "/namespaces/" in path
            found = [x for x in self.bindings if bool(x["metadata"].get("namespace")) is inside]
            return Reply(200, {"items": found})
        if path == "/api/v1/namespaces/team-a":
            return self.namespace
        if path == "/api/v1/namespaces/cnai-shared/configmaps":
            maps = [{"metadata": {"name": n}, "data": d} for n, d in self.ceilings.items()]
            return Reply(200, {"items": maps})
        if path == "/api/v1/namespaces/team-a/pods":
            return self.hostile if b"host" in request.body else self.plain_pod
        if path == "/api/v1/namespaces/team-a/resourcequotas":
            return Reply(200, {"items": [{"metadata": {"name": name}} for name in self.quotas]})
        if path in self.missing:
            return status(404, "NotFound")
        if path == POLICY:
            if not self.policy_seen:
                return status(403, "Forbidden")
            policy = copy.deepcopy(self.base[POLICY])
            for each in policy["spec"]["variables"]:
                each["expression"] = self.held.get(each["name"], each["expression"])
            return Reply(200, policy)
        if path == "/api/v1/namespaces/cnai-shared/configmaps/cnai-ceilings":
            if "cnai-ceilings" not in self.ceilings:
                return status(404, "NotFound")
            return Reply(200, {"data": self.ceilings["cnai-ceilings"]})
        if path in self.base:
            return Reply(200, self.base[path])
        if path.endswith("/deviceclasses"):
            return Reply(200, {"items": [{"metadata": {"name": name}} for name in self.classes]})
        if path.endswith("/localqueues"):
            return Reply(200, {"items": [{"metadata": {"name": name}} for name in self.queues]})
        if path == "/apis":
            groups = {
                "kubeflow.org": ("v1", "pytorchjobs"),
                "kueue.x-k8s.io": ("v1beta2", "workloads"),
                "resource.k8s.io": ("v1", "resourceslices"),
            }
            items = [
                {
                    "metadata": {"name": group},
                    "versions": [{"version": version, "resources": [{"resource": plural}]}],
                }
                for group, (version, plural) in groups.items()
            ]
            return Reply(200, {"kind": "APIGroupDiscoveryList", "items": items})
        return Reply(200, {"gitVersion": "v1.36.3"})


@pytest.fixture
def rights(server: Server) -> Rights:
    return Rights(server)


@pytest.fixture
def examined(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Examined:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("CNAI_BACKEND", "kubernetes")
    return lambda: list(cluster())


def of(findings: Sequence[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def test_a_cluster_on_which_all_works(server: Server, rights: Rights, examined: Examined) -> None:
    found = examined()
    assert {finding.state for finding in found} == {"ok"}
    (place,) = of(found, "cluster")
    assert server.url in place.what
    assert "v1.36.3" in place.what
    assert [finding.what for finding in of(found, "account")] == ["You are ann"]
    assert of(found, "training")[0].what.startswith("Training runs as a PyTorchJob")
    assert [finding.what for finding in of(found, "queues")] == ["gold"]
    assert [finding.what for finding in of(found, "rights")] == ["All that jobs need in team-a"]


def test_what_an_administrator_has_set_up_is_said(examined: Examined, rights: Rights) -> None:
    found = examined()
    (ceilings,) = of(found, "ceilings")
    assert ceilings.what == "gpus-per-job 4, hours-per-job 12, by cnai-shared/cnai-ceilings"
    assert [finding.what for finding in of(found, "quota")] == ["team"]
    assert "are refused" in of(found, "confinement")[0].what
    assert "are there" in of(found, "administration")[0].what


def test_what_is_missing_is_said_with_the_command_that_sets_it_up(
    examined: Examined, rights: Rights
) -> None:
    rights.quotas, rights.hostile = [], Reply(201, {"kind": "Pod"})
    rights.ceilings, rights.policy_seen = {}, False
    rights.missing = {POLICY.replace("ceilings", "confinement")}
    found = examined()
    for check in ("ceilings", "quota", "confinement", "administration"):
        (finding,) = of(found, check)
        assert finding.state == "note"
        assert "An administrator" in finding.fix or "Run: cnai admin manifests" in finding.fix
    (whole,) = of(found, "administration")
    assert "ValidatingAdmissionPolicy cnai-confinement not found" in whole.what


@pytest.mark.parametrize(
    ("kind", "name", "change", "said"),
    [
        (
            "ValidatingAdmissionPolicyBinding",
            "cnai-ceilings",
            lambda d: d["spec"].update(validationActions=["Audit"]),
            "validationActions[0] is Audit and not Deny",
        ),
        (
            "ValidatingAdmissionPolicyBinding",
            "cnai-confinement",
            lambda d: d["spec"].update(policyName="other"),
            "policyName is other and not cnai-confinement",
        ),
        (
            "ValidatingAdmissionPolicy",
            "cnai-confinement",
            lambda d: d["spec"].update(failurePolicy="Ignore"),
            "failurePolicy is Ignore and not Fail",
        ),
        (
            "ValidatingAdmissionPolicy",
            "cnai-steering",
            lambda d: d["spec"]["validations"].pop(),
            "validations is ",
        ),
        (
            "ValidatingAdmissionPolicy",
            "cnai-confinement",
            lambda d: d["spec"]["validations"][0].update(expression="true"),
            "].expression is true and not ",
        ),
        (
            "ValidatingAdmissionPolicy",
            "cnai-ceilings",
            lambda d: d["spec"]["matchConstraints"].update(
                namespaceSelector={"matchLabels": {"a": "b"}}
            ),
            "namespaceSelector is {'matchLabels': {'a': 'b'}}, and what is shipped does not set it",
        ),
        (
            "ClusterRole",
            "cnai-student",
            lambda d: d["rules"].append(
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
            ),
            "it allows get secrets as well",
        ),
        (
            "ClusterRole",
            "cnai-student",
            lambda d: d["rules"].append({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
            "it allows * *.* as well",
        ),
        (
            "ClusterRole",
            "cnai-student",
            lambda d: d["rules"].pop(),
            "it lacks obey ceilings.cnai-sdk",
        ),
        (
            "Namespace",
            "cnai-shared",
            lambda d: d["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"),
            "pod-security.kubernetes.io/enforce is nothing and not restricted",
        ),
    ],
)
def test_what_is_not_as_it_is_shipped_is_named_with_the_command_that_mends_it(
    examined: Examined,
    rights: Rights,
    kind: str,
    name: str,
    change: Callable[[dict[str, Any]], object],
    said: str,
) -> None:
    (document,) = (
        each
        for each in rights.base.values()
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )
    change(document)
    (finding,) = of(examined(), "administration")
    assert finding.state == "note"
    assert f"{kind} {name} is not as it is shipped" in finding.what
    assert said in finding.what
    numbers = "cnai admin manifests --workers '' --gpus 4 --hours 12 --gpu-hours '' "
    assert numbers + "--gpu-hours-in-all '' | kubectl apply -f -" in finding.fix
    deleted = f"kubectl delete {kind.lower()} {name}; " in finding.fix
    assert deleted is said.endswith("does not set it"), "apply leaves what it did not write"


def test_what_a_server_adds_to_an_object_is_no_difference(
    examined: Examined, rights: Rights
) -> None:
    for each in rights.base.values():
        each["metadata"] |= {"uid": "u", "annotations": {"by": "kubectl"}, "managedFields": []}
        if each["kind"] == "ValidatingAdmissionPolicy":
            constraints = each["spec"]["matchConstraints"]
            constraints |= {
                "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}
            }  # fmt: skip
            for rule in constraints["resourceRules"]:
                rule["scope"] = "*"
            each["status"] = {"typeChecking": {}}
    (finding,) = of(examined(), "administration")
    assert finding.state == "ok"


def bound(role: str, *people: str, namespace: str = "team-a") -> dict[str, Any]:
    return {
        "metadata": {"name": f"b-{role}", "namespace": namespace},
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": who} for who in people],
    }


def test_students_who_have_nothing_else_are_named(examined: Examined, rights: Rights) -> None:
    rights.bindings = [bound("cnai-student", "ann"), bound("cnai-reader", "ann", namespace="")]
    (finding,) = of(examined(), "students")
    assert (finding.state, finding.what) == (
        "ok",
        "Students of team-a, with no other right there: ann",
    )


@pytest.mark.parametrize("namespace", ["team-a", ""])
def test_a_student_with_another_role_as_well_is_named(
    examined: Examined, rights: Rights, namespace: str
) -> None:
    rights.bindings = [bound("cnai-student", "ann"), bound("edit", "ann", namespace=namespace)]
    (finding,) = of(examined(), "students")
    assert finding.state == "note"
    assert "ann of team-a has the role edit as well" in finding.what
    inside = "kubectl -n team-a delete rolebinding b-edit"
    assert (inside if namespace else "kubectl delete clusterrolebinding b-edit") in finding.fix


def test_who_makes_jobs_beside_the_students_and_is_not_held_is_named(
    examined: Examined, rights: Rights
) -> None:
    rights.bindings = [bound("cnai-student", "ann"), bound("edit", "bob"), bound("view", "mia")]
    rights.without = {(who, "bypass") for who in ("bob", "mia")} | {("bob", "obey")}
    rights.without.add(("mia", "create"))
    (finding,) = of(examined(), "students")
    assert "bob makes jobs in team-a and no policy is about that" in finding.what
    assert "cnai admin manifests --student team-a=bob | kubectl apply -f -" in finding.fix


def as_student(rights: Rights) -> None:
    rights.denied = {"create validatingadmissionpolicies", "bypass ceilings"}


def test_a_student_whom_the_policies_hold_is_told_so(examined: Examined, rights: Rights) -> None:
    as_student(rights)
    (finding,) = of(examined(), "policies")
    assert finding.state == "ok"


def test_a_policy_that_only_audits_is_found_by_a_students_dry_run(
    examined: Examined, rights: Rights
) -> None:
    as_student(rights)
    rights.job = Reply(201, {"kind": "PyTorchJob"})
    (finding,) = of(examined(), "policies")
    assert finding.state == "note"
    assert "cnai-confinement does not hold in team-a" in finding.what
    assert "An administrator" in finding.fix


def test_a_student_without_the_mark_that_policies_look_for_is_told(
    examined: Examined, rights: Rights
) -> None:
    as_student(rights)
    rights.denied |= {"obey ceilings"}
    rights.job = Reply(201, {"kind": "PyTorchJob"})
    (finding,) = of(examined(), "policies")
    assert "No policy is about you in team-a" in finding.what
    assert "cnai admin manifests --student team-a=NAME" in finding.fix


def test_nothing_is_said_of_policies_where_something_else_refuses_the_job(
    examined: Examined, rights: Rights
) -> None:
    as_student(rights)
    rights.job = status(403, "Forbidden", "you may not")
    assert of(examined(), "policies") == []


def test_who_cannot_set_a_cluster_up_is_not_told_to(examined: Examined, rights: Rights) -> None:
    rights.denied = {"create validatingadmissionpolicies"}
    assert of(examined(), "administration") == []


def test_a_ceiling_that_cannot_be_used_is_said_and_the_others_hold(
    examined: Examined, rights: Rights
) -> None:
    rights.ceilings = {"cnai-ceilings": {"gpus-per-job": "four", "hours-per-job": "12"}}
    wrong, known = of(examined(), "ceilings")
    assert wrong.state == "note"
    assert "'four'" in wrong.what
    assert "edit configmap" in wrong.fix
    assert known.what.startswith("hours-per-job 12,")


def differing(examined: Examined) -> Finding:
    (found,) = (each for each in of(examined(), "ceilings") if each.state == "note")
    return found


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"gpusMost": "8"}, "gpus-per-job is 4 in cnai-shared/cnai-ceilings and 8 in the policy"),
        ({"gpusMost": "-1"}, "gpus-per-job is 4 in cnai-shared/cnai-ceilings and none in the"),
        ({"gpuHoursMost": "64.0"}, "gpu-hours-per-job is none in cnai-shared/cnai-ceilings and 64"),
        ({"hoursMost": "params.hours"}, "12 in cnai-shared/cnai-ceilings and 'params.hours' in"),
    ],
)
def test_a_ceiling_that_the_policy_holds_otherwise_is_named_with_both_numbers(
    rights: Rights, examined: Examined, held: dict[str, str], said: str
) -> None:
    rights.held = HELD | held
    found = differing(examined)
    assert said in found.what
    assert found.what.count(" is ") == 1, "the others agree"


def test_the_command_that_mends_it_says_every_option_and_keeps_the_profile(
    rights: Rights, examined: Examined
) -> None:
    rights.held = HELD | {"gpusMost": "8"}
    command = "cnai admin manifests --workers '' --gpus 4 --hours 12 --gpu-hours '' "
    assert command + "--gpu-hours-in-all '' | kubectl apply -f -" in differing(examined).fix
    rights.ceilings["cnai-gpu-profile"] = {"gpus.toml": PROFILE}
    fix = differing(examined).fix
    assert """-o 'go-template={{index .data "gpus.toml"}}' > gpus.toml && cnai admin""" in fix
    assert "--gpu-profile gpus.toml | kubectl apply -f -" in fix


def test_who_may_not_read_the_policy_is_told_nothing_of_it(
    rights: Rights, examined: Examined
) -> None:
    rights.held, rights.policy_seen = {"gpusMost": "8"}, False
    assert [finding.state for finding in of(examined(), "ceilings")] == ["ok"]


def test_a_policy_without_its_configmap_holds_what_the_sdk_does_not_say(
    rights: Rights, examined: Examined
) -> None:
    rights.ceilings = {}
    found = differing(examined)
    assert "gpus-per-job is none in cnai-shared/cnai-ceilings and 4 in the policy" in found.what
    assert "for those of the policy: cnai admin manifests --workers '' --gpus 4" in found.fix


def test_a_number_that_was_misspelled_is_mended_with_the_one_that_is_held(
    rights: Rights, examined: Examined
) -> None:
    rights.ceilings = {"cnai-ceilings": {"gpus-per-job": "four", "hours-per-job": "9"}}
    (wrong, other) = (each for each in of(examined(), "ceilings") if each.state == "note")
    assert "'four'" in wrong.what
    assert "gpus-per-job" not in other.what
    assert "--gpus 4 --hours 9 --gpu-hours ''" in other.fix


PROFILE = '[[offer]]\nmechanism = "whole"\nkey = "nvidia.com/gpu"\n'


def test_the_profile_is_named_by_what_it_offers(rights: Rights, examined: Examined) -> None:
    assert of(examined(), "GPU profile") == []
    rights.ceilings["cnai-gpu-profile"] = {"gpus.toml": PROFILE}
    (found,) = of(examined(), "GPU profile")
    assert (found.state, found.what) == ("ok", "nvidia.com/gpu, by cnai-shared/cnai-gpu-profile")


def test_a_profile_that_was_broken_by_hand_is_said_with_its_line(
    rights: Rights, examined: Examined
) -> None:
    rights.ceilings["cnai-gpu-profile"] = {"gpus.toml": PROFILE + "cuont = 2"}
    (found,) = of(examined(), "GPU profile")
    assert found.state == "note"
    assert "Line 4: there is no 'cuont'" in found.what
    assert "cnai admin manifests --gpu-profile FILE" in found.fix


def test_claims_of_devices_are_a_right_where_there_are_classes_of_them(
    rights: Rights, examined: Examined
) -> None:
    rights.denied = {"create resourceclaimtemplates"}
    (found,) = of(examined(), "rights")
    assert found.state == "note"
    assert "GPUs that are claimed (Dynamic Resource Allocation) are refused" in found.what
    assert "--verb=create --resource=resourceclaimtemplates.resource.k8s.io" in found.fix
    rights.classes = []
    assert [each.state for each in of(examined(), "rights")] == ["ok"]


def test_nothing_is_created_by_looking(server: Server, rights: Rights, examined: Examined) -> None:
    examined()
    assert server.asked("POST")
    for request in server.requests:
        if request.method == "POST":
            assert "review" in request.path or request.query["dryRun"] == "All"


def test_a_missing_right_says_what_is_lost_and_how_it_is_given(
    rights: Rights, examined: Examined
) -> None:
    rights.denied = {
        "list events",
        "watch events",
        "create pytorchjobs",
        "list nodes",
        "get pods/log",
    }
    found = {finding.what: finding for finding in of(examined(), "rights")}
    assert len(found) == 4
    (jobs,) = (each for what, each in found.items() if "pytorchjobs" in what)
    assert jobs.state == "problem"
    assert jobs.what == "You may not create pytorchjobs.kubeflow.org: training does not run."
    assert "kubectl -n team-a create role" in jobs.fix
    assert "--verb=create --resource=pytorchjobs.kubeflow.org" in jobs.fix
    assert "--user=ann" in jobs.fix
    (events,) = (each for what, each in found.items() if "events" in what)
    assert events.state == "note"
    assert "list and watch events" in events.what
    (nodes,) = (each for what, each in found.items() if "nodes" in what)
    assert "create clusterrolebinding" in nodes.fix


def test_an_account_of_a_pod_is_granted_rights_as_one(rights: Rights, examined: Examined) -> None:
    rights.user = "system:serviceaccount:team-a:notebook"
    rights.denied = {"list events"}
    (finding,) = of(examined(), "rights")
    assert "--serviceaccount=team-a:notebook" in finding.fix


def test_nobody_is_told_to_log_in(rights: Rights, examined: Examined) -> None:
    rights.user = "system:anonymous"
    (finding,) = of(examined(), "account")
    assert finding.state == "problem"


@pytest.mark.parametrize(
    ("reply", "state", "said"),
    [
        (status(404, "NotFound"), "problem", "There is no namespace team-a."),
        (status(403, "Forbidden"), "ok", "cannot be looked at"),
        (Reply(200, {"metadata": {"deletionTimestamp": "x"}}), "problem", "is being deleted"),
    ],
)
def test_the_namespace_is_looked_at(
    rights: Rights, examined: Examined, reply: Reply, state: str, said: str
) -> None:
    rights.namespace = reply
    (finding,) = of(examined(), "namespace")
    assert finding.state == state
    assert said in finding.what


def test_a_namespace_without_a_queue_is_noted(rights: Rights, examined: Examined) -> None:
    rights.queues = []
    (finding,) = of(examined(), "queues")
    assert finding.state == "note"


def test_a_cluster_that_does_not_answer_is_a_problem_with_a_way_out(
    server: Server, examined: Examined
) -> None:
    server.close()
    (finding,) = examined()
    assert finding.state == "problem"
    assert server.url in finding.what
    assert "refused" in finding.what
    assert finding.fix


def test_a_plugin_that_fails_is_told_in_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examined: Examined
) -> None:
    login = write_program(
        tmp_path / "login", "#!/bin/sh\nprintf 'no account\nlog in\n' >&2; exit 1\n"
    )
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(login)}
    path = write_kubeconfig(tmp_path / "k", server.url, user={"exec": plugin}, cluster={})
    monkeypatch.setenv("KUBECONFIG", str(path))
    (finding,) = examined()
    assert finding.state == "problem"
    assert "ended with 1: no account log in" in finding.what


def test_it_stops_nothing_where_jobs_run_on_this_machine(
    server: Server, examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNAI_BACKEND", "local")
    server.close()
    (finding,) = examined()
    assert finding.state == "note"


def test_without_any_cluster_there_is_nothing_to_say(
    examined: Examined, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNAI_BACKEND", "local")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert examined() == []
    monkeypatch.setenv("CNAI_BACKEND", "kubernetes")
    (finding,) = examined()
    assert finding.state == "problem"
    assert "no kubeconfig" in finding.what


def test_the_simplest_job_is_tried(examined: Examined, rights: Rights) -> None:
    (found,) = of(examined(), "dry run")
    assert (found.state, found.fix) == ("ok", "")
    assert found.what == "A job of one worker would be taken: a PyTorchJob was tried in a dry run."


DOWN = (
    'Internal error occurred: failed calling webhook "validator.pytorchjob.training-operator": '
    "connect: connection refused"
)
WANTS = "failed quota: team: must specify limits.cpu for: pytorch"


def test_a_webhook_that_is_down_is_a_problem(examined: Examined, rights: Rights) -> None:
    rights.plain_job = status(500, "InternalError", DOWN)
    (found,) = of(examined(), "dry run")
    assert found.state == "problem"
    assert found.what.startswith("A job of one worker could not be tried in a dry run.")
    assert "validator.pytorchjob.training-operator" in found.what
    assert "tell whoever runs the cluster" in found.fix


def test_a_quota_that_wants_amounts_said_is_worth_knowing(
    examined: Examined, rights: Rights
) -> None:
    rights.plain_pod = status(403, "Forbidden", f'pods "a" is forbidden: {WANTS}')
    (found,) = of(examined(), "dry run")
    assert found.state == "note", "a job that says its cpu= is taken"
    assert found.what.startswith("A job of one worker was refused in a dry run.")
    assert "cpu=" in found.fix


def test_who_may_make_no_jobs_is_told_of_the_right_alone(
    examined: Examined, rights: Rights
) -> None:
    rights.denied = {"create pytorchjobs"}
    words = 'pytorchjobs is forbidden: User "ann" cannot create resource "pytorchjobs"'
    rights.plain_job = status(403, "Forbidden", words)
    assert of(examined(), "dry run") == []
    assert len(of(examined(), "rights")) == 1
