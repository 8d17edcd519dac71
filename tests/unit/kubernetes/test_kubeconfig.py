"""Which cluster is meant, by files as kubectl reads them and by a pod's own account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.kubernetes.kubeconfig import contexts, find, known
from cnai_sdk.errors import InvalidRequest

from .https import environ, write_kubeconfig


def write(path: Path, **content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def cluster(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "cluster": {"server": f"https://{name}:6443", **more}}


def context(name: str, cluster: str, user: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "context": {"cluster": cluster, "user": user, **more}}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("of-the-pod\n")
    (folder / "namespace").write_text("team-b\n")
    (folder / "ca.crt").write_text("-")
    return folder


POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/nowhere"}


def test_the_current_context_and_its_namespace_are_taken(tmp_path: Path) -> None:
    path = write_kubeconfig(
        tmp_path / "c", "https://a:6443", user={}, cluster={}, namespace="team-a"
    )
    target = find(environ=environ(path))
    assert (target.context, target.namespace, target.server) == ("test", "team-a", "https://a:6443")
    assert target.place == "team-a on test"


def test_a_context_and_a_namespace_can_be_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c",
        clusters=[cluster("a"), cluster("b")],
        contexts=[context("one", "a"), context("two", "b", namespace="x")],
    )
    target = find("two", "y", environ=environ(path))
    assert (target.context, target.namespace, target.server) == ("two", "y", "https://b:6443")


def test_without_a_namespace_it_is_default(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "c", "https://a:6443", user={}, cluster={})
    assert find(environ=environ(path)).namespace == "default"


def test_several_files_are_merged_and_the_first_to_say_something_wins(tmp_path: Path) -> None:
    first = write(
        tmp_path / "1" / "c",
        clusters=[cluster("shared", **{"certificate-authority": "ca.pem"})],
        contexts=[context("one", "shared", "ann")],
    )
    second = write(
        tmp_path / "2" / "c",
        **{"current-context": "one"},
        clusters=[cluster("shared", **{"certificate-authority": "other.pem"})],
        users=[{"name": "ann", "user": {"client-certificate": "ann.crt", "client-key": "ann.key"}}],
        contexts=[context("one", "elsewhere"), context("two", "shared", "ann")],
    )
    missing = tmp_path / "3" / "c"
    target = find(environ={"KUBECONFIG": os.pathsep.join(map(str, (missing, first, second)))})
    assert target.context == "one"
    assert target.cluster.certificate_authority == str(tmp_path / "1" / "ca.pem")
    assert target.user.client_certificate == str(tmp_path / "2" / "ann.crt")
    assert target.origin == str(first)


def test_paths_start_from_the_file_that_names_them(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login"}
    path = write_kubeconfig(
        tmp_path / "sub" / "c",
        "https://a",
        user={"tokenFile": "token", "exec": plugin},
        cluster={},
    )
    target = find(environ=environ(path))
    assert target.user.token_file == str(tmp_path / "sub" / "token")
    assert target.user.exec is not None
    assert target.user.exec.command == str(tmp_path / "sub" / "./bin/login").replace("/./", "/")


def test_a_server_without_a_scheme_speaks_https(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "c", "kube.corp:6443", user={}, cluster={})
    assert find(environ=environ(path)).server == "https://kube.corp:6443"


def test_a_command_without_a_folder_is_left_to_the_path(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": None}
    path = write_kubeconfig(tmp_path / "c", "https://a", user={"exec": plugin}, cluster={})
    found = find(environ=environ(path)).user.exec
    assert found is not None
    assert found.command == "aws"


def test_the_home_folder_has_the_file_where_no_variable_names_one(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / ".kube" / "config", "https://home:6443", user={}, cluster={})
    assert find(environ={"HOME": str(tmp_path)}).server == "https://home:6443"


def test_contexts_are_listed_with_the_current_one_marked(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c",
        **{"current-context": "two"},
        clusters=[cluster("a")],
        contexts=[context("one", "a", namespace="x"), context("two", "a")],
    )
    told = [(each.name, each.namespace, each.current) for each in contexts(environ(path))]
    assert told == [("one", "x", False), ("two", "default", True)]


def test_no_contexts_are_listed_where_nothing_can_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "c"
    broken.write_text("{")
    assert contexts(environ(broken)) == ()
    assert contexts({"HOME": str(tmp_path)}) == ()


def test_an_empty_kubeconfig_as_kubectl_leaves_one_has_no_context(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text(
        "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: ''\nusers: null\n"
    )
    with pytest.raises(InvalidRequest, match="No context is chosen"):
        find(environ=environ(path))


def test_a_context_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c",
        clusters=[cluster("a")],
        contexts=[context("kind-dev", "a"), context("prod", "a")],
    )
    with pytest.raises(InvalidRequest) as caught:
        find("kind-dve", environ=environ(path))
    assert "'kind-dve'" in caught.value.what
    assert "kind-dev, prod" in caught.value.why
    assert str(path) in caught.value.why
    assert 'context="kind-dev"' in caught.value.next_step


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"contexts": [context("t", "gone")]}, "'gone', which clusters lacks"),
        (
            {"clusters": [cluster("a")], "contexts": [context("t", "a", "bob")]},
            "'bob', which users lacks",
        ),
        (
            {"clusters": [{"name": "a", "cluster": {}}], "contexts": [context("t", "a")]},
            "has no server",
        ),
        ({"clusters": "none"}, "Expected `array`"),
    ],
)
def test_what_does_not_fit_together_is_named_with_its_file(
    tmp_path: Path, content: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "c", **content)
    with pytest.raises(InvalidRequest) as caught:
        find("t", environ=environ(path))
    assert said in caught.value.why
    assert str(path) in caught.value.what
    assert caught.value.next_step


def test_broken_yaml_is_told_by_its_line_and_nothing_of_it_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("users:\n- name: a\n  user:\n    token: sesame: open\n")
    with pytest.raises(InvalidRequest) as caught:
        find(environ=environ(path))
    assert "line 4" in str(caught.value).lower()
    assert "sesame" not in str(caught.value)


def test_no_secret_is_in_a_representation(tmp_path: Path) -> None:
    user = {
        "token": "sesame",
        "password": "sesame",
        "client-key-data": "sesame",
        "exec": {"command": "login", "env": [{"name": "KEY", "value": "sesame"}]},
    }
    path = write_kubeconfig(
        tmp_path / "c", "https://a", user=user, cluster={"proxy-url": "http://me:sesame@proxy"}
    )
    target = find(environ=environ(path))
    assert target.user.token == "sesame"
    for thing in (target, target.user, target.cluster, target.user.exec):
        assert "sesame" not in repr(thing)
        assert "sesame" not in str(thing)


def test_without_any_file_the_ways_to_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        find(environ={"HOME": str(tmp_path)})
    assert str(tmp_path / ".kube" / "config") in caught.value.why
    assert 'cnai.use("local")' in caught.value.next_step
    assert not known({"HOME": str(tmp_path)})


@pytest.mark.parametrize("name", ["Team", "a/b", "../x", "a" * 64, "-a"])
def test_a_namespace_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    path = write_kubeconfig(tmp_path / "c", "https://a", user={}, cluster={})
    with pytest.raises(InvalidRequest, match="not a namespace's name"):
        find(namespace=name, environ=environ(path))


def test_a_pod_without_a_kubeconfig_uses_its_own_account(account: Path) -> None:
    target = find(environ=POD, account=account)
    assert target.context == "in-cluster"
    assert target.server == "https://10.96.0.1:443"
    assert target.namespace == "team-b"
    assert target.user.token_file == str(account / "token")
    assert target.cluster.certificate_authority == str(account / "ca.crt")
    assert known(POD, account=account)


def test_a_kubeconfig_in_a_pod_wins_and_the_account_can_be_named(
    tmp_path: Path, account: Path
) -> None:
    path = write_kubeconfig(tmp_path / "c", "https://a", user={}, cluster={})
    inside = {**POD, "KUBECONFIG": str(path)}
    assert find(environ=inside, account=account).context == "test"
    assert find("in-cluster", environ=inside, account=account).server == "https://10.96.0.1:443"
    assert [each.name for each in contexts(inside, account=account)] == ["test", "in-cluster"]


def test_an_ipv6_address_of_the_cluster_is_bracketed(account: Path) -> None:
    pod = {**POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert find(environ=pod, account=account).server == "https://[fd00::1]:443"


def test_listing_contexts_imports_no_client() -> None:
    program = (
        "import sys; import cnai_sdk.backends.kubernetes.kubeconfig; "
        "print([name for name in ('lightkube', 'httpx2', 'asyncio') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
