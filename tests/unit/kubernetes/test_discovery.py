"""What a cluster has, by what it serves: as new servers tell it, and as old ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes.api import Api, Refused, Unreachable
from cnai_sdk.backends.kubernetes.discovery import (
    Served,
    chosen,
    describe,
    discover,
    distrust,
    kept_path,
)
from cnai_sdk.config import Config

from .https import Reply, Request, Server, status

KUBEFLOW = {"kubeflow.org": {"v1": ["pytorchjobs", "tfjobs"]}}
TRAINER = {"trainer.kubeflow.org": {"v1alpha1": ["trainjobs", "clustertrainingruntimes"]}}
KUEUE = {
    "kueue.x-k8s.io": {"v1beta1": ["workloads"], "v1beta2": ["workloads", "localqueues"]},
    "visibility.kueue.x-k8s.io": {"v1beta2": ["localqueues"]},
}


BOTH = Served(pytorchjob=True, trainjob=True, overrides="runtimePatches", runtimes=("torch",))


class Serving:
    """A server that says what it serves.

    Attributes:
        down: groups whose own server does not answer.
        old: it knows no aggregated discovery.
        field: the field by which a TrainJob changes its pods.
    """

    def __init__(self, server: Server, groups: dict[str, dict[str, list[str]]]) -> None:
        self.groups = groups
        self.version = "v1.36.3"
        self.down: set[str] = set()
        self.old = False
        self.field = "runtimePatches"
        self.runtimes: list[str] | None = ["torch-distributed"]
        server.answer = self._answer

    def _answer(self, request: Request) -> Reply:
        if request.path == "/version":
            return Reply(200, {"gitVersion": self.version})
        if request.path == "/apis":
            if self.old or "APIGroupDiscoveryList" not in request.headers["accept"]:
                return Reply(200, self._legacy())
            return Reply(200, self._aggregated())
        if request.path.endswith("/clustertrainingruntimes"):
            if self.runtimes is None:
                return status(403, "Forbidden", "may not list clustertrainingruntimes")
            return Reply(200, {"items": [{"metadata": {"name": name}} for name in self.runtimes]})
        if request.path.startswith("/openapi/v3/apis/trainer"):
            return Reply(200, self._schema())
        _, _, group, version = request.path.split("/")
        if group in self.down:
            return Reply(503, b"service unavailable")
        names = self.groups[group][version]
        return Reply(200, {"kind": "APIResourceList", "resources": [{"name": n} for n in names]})

    def _aggregated(self) -> dict[str, Any]:
        items = []
        for group, versions in self.groups.items():
            stale = group in self.down
            told = [
                {
                    "version": version,
                    "freshness": "Stale" if stale else "Current",
                    "resources": [] if stale else [{"resource": name} for name in names],
                }
                for version, names in versions.items()
            ]
            items.append({"metadata": {"name": group}, "versions": told})
        return {"kind": "APIGroupDiscoveryList", "items": items}

    def _legacy(self) -> dict[str, Any]:
        groups = [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{v}", "version": v} for v in vs],
            }
            for group, vs in self.groups.items()
        ]
        return {"kind": "APIGroupList", "groups": groups}

    def _schema(self) -> dict[str, Any]:
        spec = {"properties": {"runtimeRef": {}, self.field: {"type": "array"}}}
        name = "org.kubeflow.trainer.v1alpha1.TrainJob"
        return {"components": {"schemas": {name: {"properties": {"spec": spec}}}}}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(home=tmp_path / "home")


@pytest.fixture(params=["aggregated", "legacy"])
def serving(request: pytest.FixtureRequest, server: Server) -> Serving:
    serving = Serving(server, {**KUBEFLOW, **TRAINER, **KUEUE})
    serving.old = request.param == "legacy"
    return serving


async def test_everything_that_is_there_is_found(
    serving: Serving, api: Api, config: Config
) -> None:
    served = await discover(api, config)
    assert served.version == "v1.36.3"
    assert served.pytorchjob
    assert served.trainjob
    assert served.overrides == "runtimePatches"
    assert served.runtimes == ("torch-distributed",)
    assert served.kueue == "v1beta2"
    assert served.visibility == "v1beta2"
    assert served.unread == ()


async def test_an_older_kueue_is_spoken_to_in_its_version(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.groups = {**KUBEFLOW, "kueue.x-k8s.io": {"v1beta1": ["workloads"]}}
    served = await discover(api, config)
    assert served.kueue == "v1beta1"
    assert served.visibility is None


@pytest.mark.parametrize("field", ["podSpecOverrides", "podTemplateOverrides", "runtimePatches"])
async def test_the_trainjobs_shape_is_read_from_its_schema(
    serving: Serving, api: Api, config: Config, field: str
) -> None:
    serving.field = field
    assert (await discover(api, config)).overrides == field


async def test_an_empty_cluster_has_no_operator_and_says_what_installs_one(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.groups = {"apps": {"v1": ["deployments"]}}
    served = await discover(api, config)
    assert served.operator is None
    first, *rest = describe(served)
    assert "neither PyTorchJobs nor TrainJobs" in first
    assert "kubectl apply" in first
    assert any("no Kueue" in sentence for sentence in rest)


async def test_that_there_is_no_operator_is_not_kept(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.groups = {"apps": {"v1": ["deployments"]}}
    await discover(api, config)
    serving.groups = KUBEFLOW
    assert (await discover(api, config)).operator == "pytorchjob"


async def test_a_group_of_that_name_without_the_kind_is_not_taken_for_it(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.groups = {"kubeflow.org": {"v1beta1": ["experiments"], "v2beta1": ["mpijobs"]}}
    assert not (await discover(api, config)).pytorchjob


async def test_an_aggregated_api_that_is_down_breaks_nothing_and_is_said(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.down = {"visibility.kueue.x-k8s.io"}
    served = await discover(api, config)
    assert served.pytorchjob
    assert served.kueue == "v1beta2"
    assert served.visibility is None
    assert any("visibility.kueue.x-k8s.io/v1beta2 does not answer" in s for s in describe(served))


async def test_runtimes_that_may_not_be_read_are_unknown_and_not_none_at_all(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.runtimes = None
    served = await discover(api, config)
    assert served.runtimes is None
    assert any("may not list clustertrainingruntimes" in s for s in served.unread)


async def test_a_trainjob_without_a_runtime_is_a_problem_that_is_told(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.groups = TRAINER
    serving.runtimes = []
    served = await discover(api, config)
    assert served.operator == "trainjob"
    assert any("overlays/runtimes" in sentence for sentence in describe(served))


async def test_a_trainjob_without_the_jobset_under_it_is_a_problem_that_is_told(
    serving: Serving, api: Api, config: Config
) -> None:
    serving.groups = TRAINER
    assert any("no JobSet" in sentence for sentence in describe(await discover(api, config)))
    serving.groups = {**TRAINER, "jobset.x-k8s.io": {"v1alpha2": ["jobsets"]}}
    found = describe(await discover(api, config, fresh=True))
    assert not any("no JobSet" in sentence for sentence in found)


async def test_a_group_that_serves_nothing_may_say_null(
    serving: Serving, server: Server, api: Api, config: Config
) -> None:
    answer = server.answer

    def with_null(request: Request) -> Reply:
        if request.path == "/apis/kubeflow.org/v1":
            return Reply(200, {"kind": "APIResourceList", "resources": None})
        reply = answer(request)
        for item in reply.body.get("items", ()) if request.path == "/apis" else ():
            if item["metadata"]["name"] == "kubeflow.org":
                item["versions"][0]["resources"] = None
        return reply

    server.answer = with_null
    served = await discover(api, config)
    assert not served.pytorchjob
    assert served.trainjob
    assert served.unread == ()


# -- the choice -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "wish", "operator"),
    [
        (BOTH, "", "trainjob"),
        (BOTH, "pytorchjob", "pytorchjob"),
        (msgspec.structs.replace(BOTH, runtimes=None), "", "trainjob"),
        (msgspec.structs.replace(BOTH, runtimes=()), "", "pytorchjob"),
        (msgspec.structs.replace(BOTH, overrides=None), "", "pytorchjob"),
        (Served(pytorchjob=True, trainjob=True), "trainjob", "trainjob"),
        (Served(trainjob=True), "", "trainjob"),
        (Served(pytorchjob=True), "pytorchjob", "pytorchjob"),
        (Served(pytorchjob=True), "trainjob", None),
        (Served(), "", None),
    ],
)
def test_the_operator_is_chosen_with_a_reason(
    there: Served, wish: str, operator: str | None
) -> None:
    found = chosen(there, wish)
    assert found.operator == operator
    assert found.why
    assert found.why in describe(found)[0]


def test_a_wish_that_is_not_there_names_what_installs_it() -> None:
    first = describe(chosen(Served(pytorchjob=True), "trainjob"))[0]
    assert "serves PyTorchJobs only" in first
    assert "kubeflow/trainer" in first


# -- kept for a while --------------------------------------------------------------------


async def test_the_answer_serves_again_for_one_request(
    serving: Serving, server: Server, api: Api, config: Config
) -> None:
    first = await discover(api, config)
    server.requests.clear()
    assert await discover(api, config) == first
    assert server.asked() == ["/version"]


async def test_a_wish_holds_for_a_kept_answer(serving: Serving, api: Api, config: Config) -> None:
    assert (await discover(api, config)).operator == "trainjob"
    other = Config(home=config.home, operator="pytorchjob")
    assert (await discover(api, other)).operator == "pytorchjob"


async def test_another_version_of_the_server_is_asked_anew(
    serving: Serving, api: Api, config: Config
) -> None:
    await discover(api, config)
    serving.version, serving.groups = "v1.37.0", TRAINER
    assert not (await discover(api, config)).pytorchjob


async def test_an_answer_that_proved_wrong_is_asked_anew(
    serving: Serving, api: Api, config: Config
) -> None:
    await discover(api, config)
    serving.groups = TRAINER
    assert (await discover(api, config)).pytorchjob
    distrust(api, config)
    distrust(api, config)
    assert not (await discover(api, config)).pytorchjob


async def test_it_can_be_asked_anew_at_any_time(serving: Serving, api: Api, config: Config) -> None:
    await discover(api, config)
    serving.groups = TRAINER
    assert not (await discover(api, config, fresh=True)).pytorchjob


async def test_half_an_answer_is_not_kept(serving: Serving, api: Api, config: Config) -> None:
    serving.down = {"visibility.kueue.x-k8s.io"}
    await discover(api, config)
    serving.down = set()
    assert (await discover(api, config)).visibility == "v1beta2"


async def test_a_damaged_file_and_a_home_that_cannot_be_written_to_are_no_harm(
    serving: Serving, api: Api, config: Config, tmp_path: Path
) -> None:
    await discover(api, config)
    kept_path(api, config).write_text("{")
    assert (await discover(api, config)).pytorchjob
    taken = tmp_path / "file"
    taken.write_text("")
    assert (await discover(api, Config(home=taken))).pytorchjob


# -- no answer ----------------------------------------------------------------------------


async def test_who_is_not_logged_in_is_told(server: Server, api: Api, config: Config) -> None:
    server.answer = lambda request: status(401, "Unauthorized", "Unauthorized")
    with pytest.raises(Refused) as caught:
        await discover(api, config)
    assert caught.value.status == 401


async def test_a_server_that_is_not_there_is_told(server: Server, api: Api, config: Config) -> None:
    server.close()
    with pytest.raises(Unreachable):
        await discover(api, config)


async def test_a_server_that_hides_what_it_serves_is_said_to(
    server: Server, api: Api, config: Config
) -> None:
    server.answer = lambda request: status(403, "Forbidden", "may not get path")
    served = await discover(api, config)
    assert served.version == ""
    assert served.operator is None
    assert any("may not get path" in sentence for sentence in describe(served))
