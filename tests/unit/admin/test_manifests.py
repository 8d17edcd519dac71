"""What `cnai admin manifests` prints, and what it refuses to print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cnai_sdk.admin.manifests import OPTIONS
from cnai_sdk.backends.kubernetes.ceilings import HOURS, WHOLE, read
from cnai_sdk.cli.app import app
from cnai_sdk.doctor import cluster
from cnai_sdk.gpu.cluster.profile import KEY, NAME, read_profile


def cnai(*words: str) -> Result:
    return CliRunner().invoke(app, ["admin", "manifests", *words])


def printed(*words: str) -> list[dict[str, Any]]:
    answer = cnai(*words)
    assert answer.exit_code == 0, answer.output
    return [each for each in yaml.safe_load_all(answer.stdout) if each]


def of(documents: Sequence[dict[str, Any]], kind: str, name: str = "") -> list[dict[str, Any]]:
    return [
        each
        for each in documents
        if each["kind"] == kind and name in ("", each["metadata"]["name"])
    ]


def one(documents: Sequence[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    (found,) = of(documents, kind, name)
    return found


def bound(documents: Sequence[dict[str, Any]], role: str) -> list[dict[str, Any]]:
    """The RoleBindings of a role."""
    found = of(documents, "RoleBinding")
    return [each for each in found if each["roleRef"]["name"] == role]


CLASS = (
    "--base",
    "--student",
    "s01=ann",
    "--student",
    "s02=group:b",
    "--teacher",
    "serviceaccount:hub:eve",
)


def test_without_students_it_is_the_base_and_gives_nobody_a_right() -> None:
    found = printed()
    assert [each["metadata"]["name"] for each in of(found, "Namespace")] == ["cnai-shared"]
    assert not of(found, "RoleBinding") and not of(found, "ClusterRoleBinding")


def test_each_student_has_a_namespace_with_restricted_pods_a_quota_and_limits() -> None:
    found = printed(*CLASS)
    for name in ("s01", "s02"):
        labels = one(found, "Namespace", name)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        for kind in ("ResourceQuota", "LimitRange"):
            places = [each["metadata"]["namespace"] for each in of(found, kind)]
            assert places == ["s01", "s02"]


def test_whoever_is_named_is_who_gets_the_role() -> None:
    found = printed(*CLASS)
    students = {
        each["metadata"]["namespace"]: each["subjects"] for each in bound(found, "cnai-student")
    }
    group = "rbac.authorization.k8s.io"
    assert students == {
        "s01": [{"kind": "User", "name": "ann", "apiGroup": group}],
        "s02": [{"kind": "Group", "name": "b", "apiGroup": group}],
    }
    eve = [{"kind": "ServiceAccount", "name": "eve", "namespace": "hub"}]
    teachers = [*bound(found, "cnai-teacher"), *bound(found, "cnai-reader")]
    teachers = [each for each in teachers if each["metadata"]["name"].startswith("cnai-teacher")]
    assert {each["metadata"]["namespace"] for each in teachers} == {"s01", "s02", "cnai-shared"}
    assert all(each["subjects"] == eve for each in teachers)


def names(*words: str) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of all that is printed."""
    return {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for each in printed(*words)
    }


def test_who_is_added_takes_nothing_of_what_is_there() -> None:
    """What two calls print has nothing in common but the namespace that they share, so that
    applying the second changes nothing of the first: no ceiling, and nobody's rights."""
    first = names("--base", "--gpus", "2", "--student", "s01=ann", "--teacher", "eve")
    assert first & names("--student", "s02=bob", "--teacher", "mia") == set()
    assert first & names("--student", "s01=bob", "--teacher", "mia") == {
        ("Namespace", "", "s01"),
        ("ResourceQuota", "s01", "cnai-quota"),
        ("LimitRange", "s01", "cnai-limits"),
    }


def test_the_base_is_printed_alone_and_when_it_is_asked_for() -> None:
    base = names()
    assert ("ConfigMap", "cnai-shared", "cnai-ceilings") in base
    assert base == names("--base") == names("--gpus", "3")
    people = ("--student", "s01=ann", "--teacher", "eve")
    assert names(*people) & base == set()
    assert names("--base", *people) == base | names(*people)
    assert names("--teacher", "eve") & base == set()


def test_a_profile_is_published_by_itself_and_not_taken_away_by_the_base(tmp_path: Path) -> None:
    file = tmp_path / "gpus.toml"
    file.write_text(PROFILE)
    published = ("ConfigMap", "cnai-shared", NAME)
    assert names("--gpu-profile", str(file)) == {published}
    assert published not in names()
    assert names("--base", "--gpu-profile", str(file)) == names() | {published}


def test_several_people_may_share_a_namespace() -> None:
    found = printed("--student", "team=ann", "--student", "team=bob", "--student", "team=ann")
    people = [each["subjects"][0]["name"] for each in bound(found, "cnai-student")]
    assert people == ["ann", "bob"]
    assert len(of(found, "Namespace")) == 1


def test_a_user_a_group_and_an_account_of_one_name_are_three() -> None:
    whom = ("ann", "group:ann", "serviceaccount:hub:ann", "serviceaccount:lab:ann", "Ann", "a.nn")
    found = printed(*(word for who in whom for word in ("--student", f"s01={who}")))
    called = {each["metadata"]["name"] for each in bound(found, "cnai-student")}
    assert len(called) == len(whom)


def test_ceilings_and_quotas_are_written_over_the_shipped_ones_and_taken_away() -> None:
    found = printed(
        "--base", "--student", "s01=ann",
        "--gpus", "2", "--hours", "", "--gpu-hours-in-all", "12.5",
        "--quota", "requests.nvidia.com/gpu=1", "--quota", "requests.cpu=",
    )  # fmt: skip
    data = one(found, "ConfigMap", "cnai-ceilings")["data"]
    assert data["gpus-per-job"] == "2"
    assert data["gpu-hours-per-namespace"] == "12.5"
    assert "hours-per-job" not in data
    hard = one(found, "ResourceQuota")["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "1"
    assert "requests.cpu" not in hard


def test_the_shipped_ceilings_are_well_formed() -> None:
    found = read(one(printed(), "ConfigMap", "cnai-ceilings")["data"], where="")
    assert found.ignored == ()
    assert set(found.amounts) <= {*WHOLE, *HOURS}


def test_the_policy_and_the_sdk_know_the_same_ceilings() -> None:
    changes: tuple[tuple[str, ...], ...] = (
        (),
        ("--workers", "3", "--gpus", "0", "--hours", "1.5", "--gpu-hours", "7"),
        ("--workers", "", "--gpus", "", "--hours", "", "--gpu-hours", ""),
    )
    named = ("workers-per-job", "gpus-per-job", "hours-per-job", "gpu-hours-per-job")
    assert set(named) == {*WHOLE, *HOURS} - {"gpu-hours-per-namespace"}
    for words in changes:
        found = printed(*words)
        known = read(one(found, "ConfigMap", "cnai-ceilings")["data"], where="").amounts
        policy = one(found, "ValidatingAdmissionPolicy", "cnai-ceilings")["spec"]
        variables = {each["name"]: each["expression"] for each in policy["variables"]}
        held = [variables[f"{name}Most"] for name in ("workers", "gpus", "hours", "gpuHours")]
        assert [float(each) for each in held] == [known.get(name, -1.0) for name in named]
        assert ["." in each for each in held] == [False, False, True, True]


@pytest.mark.parametrize("name", [*WHOLE, *HOURS])
def test_each_ceiling_has_an_option_that_sets_it(name: str) -> None:
    assert one(printed(OPTIONS[name], "3"), "ConfigMap", "cnai-ceilings")["data"][name] == "3"
    taken = one(printed(OPTIONS[name], ""), "ConfigMap", "cnai-ceilings")["data"]
    assert name not in taken


def test_another_shared_namespace_is_named_everywhere() -> None:
    assert "cnai-shared" not in cnai(*CLASS, "--shared", "class-shared").stdout


PROFILE = """\
# Two kinds of slices: "small" and 'large'.
round_up = false

[[offer]]
mechanism = "mig"\t# a tab before this
key = "nvidia.com/mig-1g.10gb"
model = "NVIDIA A100-SXM4-80GB"
memory = "9728Mi"
count = 14
"""


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_gpu_profile_is_published_as_it_is_written(tmp_path: Path, words: Sequence[str]) -> None:
    file = tmp_path / "gpus.toml"
    file.write_text(PROFILE)
    answer = cnai("--gpu-profile", str(file), "--shared", "class", *words)
    documents = (
        json.loads(answer.stdout)["items"] if words else list(yaml.safe_load_all(answer.stdout))
    )
    published = one(documents, "ConfigMap", NAME)
    assert published["metadata"]["namespace"] == "class"
    assert published["data"] == {KEY: PROFILE}
    assert read_profile(published["data"][KEY]).offer[0].count == 14


def test_a_profile_reads_well_where_it_is_printed_and_edited(tmp_path: Path) -> None:
    file = tmp_path / "gpus.toml"
    file.write_text(PROFILE.replace("\t", "  "))
    assert '\n    key = "nvidia.com/mig-1g.10gb"\n' in cnai("--gpu-profile", str(file)).stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[offer]]\nmechanism = "mgi"\nkey = "a/b"\n', "Line 2: mechanism is 'mgi'"),
        ('[[offer]]\nmechanism = "whole"\nkey = nvidia\n', "line 3"),
        ("", "offers nothing"),
        ("# later\n", "offers nothing"),
        ("\xff", "utf-8"),
        (None, "No such file"),
    ],
)
def test_a_profile_that_students_could_not_read_is_not_printed(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "gpus.toml"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    answer = cnai("--gpu-profile", str(file))
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert "What to do:" in answer.stderr


def test_json_is_a_list_that_kubectl_applies() -> None:
    answer = cnai(*CLASS, "--json")
    found = json.loads(answer.stdout)
    assert found["kind"] == "List"
    assert found["items"] == printed(*CLASS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--student", "ann"), "whose namespace"),
        (("--student", "s01="), "names nobody"),
        (("--student", "S 1=ann"), "not a namespace's name"),
        (("--student", "a/../kube-system=ann"), "not a namespace's name"),
        (("--student", "kube-system=ann"), "of the cluster itself"),
        (("--student", "default=ann"), "of the cluster itself"),
        (("--student", "kueue-system=ann"), "of an operator"),
        (("--student", "kubeflow=ann"), "of an operator"),
        (("--student", "kubeflow-system=ann"), "of an operator"),
        (("--student", "gpu-operator=ann"), "of an operator"),
        (("--student", "cnai-shared=ann"), "only read"),
        (("--student", "s01=group:system:authenticated"), "everybody"),
        (("--student", "s01=group:system:serviceaccounts"), "everybody"),
        (("--student", "s01=group:system:serviceaccounts:s01"), "a part of the cluster"),
        (("--student", "s01=group:system:masters"), "a part of the cluster"),
        (("--student", "s01=system:serviceaccount:hub:ann"), "a part of the cluster"),
        (("--student", "s01=serviceaccount:s01:default"), "names no account"),
        (("--teacher", "group:system:serviceaccounts"), "everybody"),
        (("--teacher", "user:system:admin"), "a part of the cluster"),
        (("--student", "s01=ann", "--gpus", "2"), "of the whole cluster"),
        (("--teacher", "eve", "--hours", ""), "of the whole cluster"),
        (("--shared", "kueue-system"), "of an operator"),
        (("--student", "s01=serviceaccount:hub"), "names nobody"),
        (("--student", "s01=group:"), "names nobody"),
        (("--student", "s01=a\nkind: x"), "names nobody"),
        (("--teacher", "group:"), "names nobody"),
        (("--shared", "x y"), "not a namespace's name"),
        (("--shared", "kube-public"), "of the cluster itself"),
        (("--gpus", "four"), "no number"),
        (("--gpus", "-1"), "no number"),
        (("--gpus", "1.5"), "no number"),
        (("--hours", "24h"), "no number"),
        (("--quota", "pods"), "no part of a quota"),
        (("--quota", "pods=many"), "no part of a quota"),
        (("--quota", "a: b=1"), "no part of a quota"),
    ],
)
def test_bad_input_prints_nothing_and_says_what_to_write(words: Sequence[str], said: str) -> None:
    answer = cnai(*words)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert said in answer.stderr
    assert "What to do:" in answer.stderr


def test_foreign_text_in_a_name_stays_text() -> None:
    hostile = "{kind:&x,*y}#'\"!!python/object:os.system"
    (binding,) = bound(printed("--student", f"s01={hostile}"), "cnai-student")
    assert binding["subjects"][0]["name"] == hostile


def test_all_that_is_shipped_is_in_a_kustomization() -> None:
    folder = resources.files("cnai_sdk.admin")
    for name in ("base", "student"):
        files = {each.name for each in folder.joinpath(name).iterdir()}
        listed = yaml.safe_load(folder.joinpath(name, "kustomization.yaml").read_text())
        assert files == {"kustomization.yaml", *listed["resources"]}


def test_the_doctor_asks_for_nothing_that_the_students_role_withholds() -> None:
    role = one(printed(), "ClusterRole", "cnai-student")
    granted = {
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    asked = {
        (verb, right.group, right.resource)
        for right in (
            *cluster._RIGHTS,
            *cluster._QUEUES,
            *cluster._CLAIMS,
            *cluster._OPERATORS.values(),
        )
        if not right.everywhere
        for verb in right.verbs
    }
    assert asked - granted == set()
