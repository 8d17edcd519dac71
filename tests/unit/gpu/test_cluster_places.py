"""A pod lands where it gets what was promised, whatever else has the same key."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import pods
from cnai_sdk.backends.kubernetes.room_nodes import may_take
from cnai_sdk.backends.kubernetes.room_objects import Node
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu.cluster.offer import Offer, PodAsk
from cnai_sdk.gpu.cluster.profile import read_profile
from cnai_sdk.gpu.cluster.resolver import offers, resolve
from cnai_sdk.gpu.cluster.seen import EVERYTHING, Seen
from cnai_sdk.model.spec import Resources
from tests.unit.kubernetes.manifests import plan_of, spec_of
from tests.vendors import A100, A100_40, H100, hami, mig_mixed, mig_single, seen, shared, whole

GIB = 2**30
OLDER = frozenset[str]()
"""What the pods of Trainer 2.0 can carry."""


def ask(there: Seen, **wish: Any) -> PodAsk:
    return resolve(Resources(**wish), 1, there)


def landing(got: PodAsk, nodes: list[dict[str, Any]]) -> set[str]:
    """On which nodes a scheduler may put the pod, by what the pod says."""
    spec = spec_of(resources=Resources(gpu=1.0))
    pod = pods.pod_spec(spec, plan_of(spec, ask=got))
    return {
        each["name"]
        for each in nodes
        if may_take(_node(each), pod)
        and all(int(each["allocatable"].get(key, 0)) for key in got.limits)
    }


def _node(each: Mapping[str, Any]) -> Node:
    meta = {"name": each["name"], "labels": each["labels"]}
    return msgspec.convert(
        {"metadata": meta, "status": {"allocatable": each["allocatable"]}}, Node, strict=False
    )


def labelled(node: dict[str, Any], **labels: object) -> dict[str, Any]:
    """The node with other labels; None takes one away."""
    named = {f"nvidia.com/gpu.{key.replace('_', '-')}": value for key, value in labels.items()}
    kept = {key: value for key, value in node["labels"].items() if key not in named}
    return node | {"labels": kept | {k: str(v) for k, v in named.items() if v is not None}}


SAME_KEY = {
    "turns of the same card": (
        [shared("mps", "mps"), shared("turns", "time-slicing")],
        {"gpu": 0.25},
        {"mps"},
    ),
    "smaller slots of the same card": (
        [shared("halves", "mps", by=2), shared("tenths", "mps", by=10)],
        {"gpu": 0.5},
        {"halves"},
    ),
    "less memory under the same name": (
        [labelled(whole("small", A100), memory=40960), whole("large", A100)],
        {"gpu": 1.0, "gpu_memory": 60 * GIB},
        {"large"},
    ),
    "slots where only the strategy is told": (
        [whole("whole", A100), labelled(shared("mps", "mps"), product=A100)],
        {"gpu": 1.0},
        {"whole"},
    ),
    "a label that only the others have": (
        [labelled(whole("plain", A100), sharing_strategy=None, replicas=None), shared("s", "mps")],
        {"gpu": 1.0},
        {"plain"},
    ),
    "slices of the same name from another card": (
        [mig_mixed("of-40", A100_40, _1g_10gb=4), mig_mixed("of-80", _1g_10gb=7)],
        {"gpu": 0.24},
        {"of-40"},
    ),
    "slices that are called GPUs": ([mig_single(), whole("whole", A100)], {"gpu": 1.0}, {"whole"}),
    "slices that are shared": (
        [mig_mixed("alone", _3g_40gb=2), mig_mixed("shared", _3g_40gb=2)],
        {"gpu": 0.5},
        {"alone"},
    ),
}
SHARED_SLICES = {
    "nvidia.com/mig-3g.40gb.sharing-strategy": "time-slicing",
    "nvidia.com/mig-3g.40gb.replicas": "2",
}
SAME_KEY["slices that are shared"][0][1]["labels"].update(SHARED_SLICES)


@pytest.mark.parametrize(("nodes", "wish", "where"), SAME_KEY.values(), ids=SAME_KEY)
def test_a_pod_is_kept_off_nodes_whose_key_means_something_else(
    nodes: list[dict[str, Any]], wish: dict[str, Any], where: set[str]
) -> None:
    got = ask(seen(*nodes), **wish)
    assert landing(got, nodes) == where


@pytest.mark.parametrize("renamed", [False, True])
def test_slots_that_an_administrator_offers_are_no_turns_of_the_same_card(renamed: bool) -> None:
    kinds = {"slots": "mps", "turns": "time-slicing"}
    nodes = [shared(name, kind, renamed=renamed) for name, kind in kinds.items()]
    (key,) = (key for key in nodes[0]["allocatable"] if "/" in key)
    product = nodes[0]["labels"]["nvidia.com/gpu.product"]
    offer = f'[[offer]]\nmechanism = "mps"\nkey = "{key}"\nproduct = "{product}"\n'
    profile = read_profile(offer + 'memory = "20Gi"\nreplicas = 4\n')
    assert landing(ask(Seen(profile=profile), gpu=0.25), nodes) == {"slots"}


def test_where_every_node_will_do_a_pod_says_nothing_of_them() -> None:
    nodes = [whole("a", H100), whole("b", A100)]
    got = ask(seen(*nodes), gpu=1.0)
    assert (got.places, landing(got, nodes)) == ((), {"a", "b"})


def test_a_driver_that_leaves_a_little_less_of_a_card_makes_no_other_card_of_it() -> None:
    nodes = [whole("new", A100), labelled(whole("old", A100), memory=81559), whole("h", H100)]
    got = ask(seen(*nodes), gpu=1.0, gpu_model="A100")
    assert landing(got, nodes) == {"new", "old"}
    assert got.memory == 81559 * 2**20
    slots = [shared("new", "mps"), labelled(shared("old", "mps"), memory=81559)]
    got = ask(seen(*slots), gpu_memory=18 * GIB)
    assert (landing(got, slots), got.memory) == ({"new", "old"}, 81559 * 2**20 // 4)


def test_several_kinds_that_would_do_are_all_named() -> None:
    """Two models, one of them with a label that the other does not have."""
    odd = labelled(whole("odd", A100), product=None)
    nodes = [whole("a", H100), whole("b", A100_40), odd, mig_single()]
    assert landing(ask(seen(*nodes), gpu=1.0), nodes) == {"a", "b", "odd"}


def test_where_no_label_tells_them_apart_nobody_is_promised_a_card_alone() -> None:
    plain = hami("hami", count=1)
    nodes = [labelled(whole("whole", A100), **dict.fromkeys(_GPU_LABELS)), plain]
    with pytest.raises(DoesNotFit) as error:
        ask(seen(*nodes), gpu=2.0)
    assert "No label tells the nodes with a whole GPU from others with the same key." in (
        error.value.why
    )
    assert ask(seen(*nodes), gpu=1.0).mechanism == "hami"


_GPU_LABELS = ("product", "memory", "replicas", "sharing_strategy")

EVERY = [
    whole("h100", H100),
    whole("a100", A100),
    labelled(whole("odd", A100), memory=40960),
    labelled(whole("bare", A100), **dict.fromkeys(_GPU_LABELS)),
    mig_single(),
    mig_mixed(_3g_40gb=1),
    shared("mps", "mps", by=2),
    shared("mps-4", "mps", by=4),
    shared("turns", "time-slicing", by=2),
    shared("renamed", "time-slicing", by=2, renamed=True),
]


@pytest.mark.parametrize("isolation", ["hardware", "memory", "none"])
def test_of_any_three_nodes_each_on_which_a_pod_may_land_has_what_was_promised(
    isolation: str,
) -> None:
    for nodes in itertools.combinations(EVERY, 3):
        for wish in ({"gpu": 0.25}, {"gpu": 1.0}, {"gpu_memory": 30 * GIB}):
            with contextlib.suppress(DoesNotFit):
                got = ask(seen(*nodes), isolation=isolation, **wish)
                for name in landing(got, list(nodes)):
                    there = offers(seen(*(each for each in nodes if each["name"] == name)))
                    assert any(_keeps(offer, got) for offer in there), (name, got)


def _keeps(offer: Offer, got: PodAsk) -> bool:
    same = offer.mechanism == got.mechanism and offer.key in got.limits
    return same and offer.memory >= got.memory


# -- pods that can say less -----------------------------------------------------------


def test_where_only_one_label_can_be_said_one_model_is_taken() -> None:
    nodes = [whole("small", A100_40), whole("a"), whole("b", A100)]
    there = seen(*nodes, carries=OLDER)
    got = ask(there, gpu=1.0, gpu_memory=60 * GIB)
    (where,) = landing(got, nodes)
    assert where in ("a", "b")
    assert (got.model.endswith("HBM3")) == (where == "a")


def test_where_that_is_not_enough_it_is_refused_and_the_way_out_is_named() -> None:
    nodes = [labelled(whole("bare", A100), product=None, memory=None), shared("mps", "mps")]
    with pytest.raises(DoesNotFit) as error:
        ask(seen(*nodes, carries=OLDER, kind="TrainJob"), gpu=1.0)
    assert "A TrainJob cannot choose among nodes" in error.value.why
    assert 'operator="pytorchjob"' in error.value.next_step
    assert ask(seen(*nodes, carries=EVERYTHING), gpu=1.0).mechanism == "whole"
