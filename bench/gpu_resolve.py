"""From a wish for a GPU to what a pod asks for, or to a refusal with choices, on 500 nodes.

The nodes are laid out as the vendors publish them, a sixth of each kind; what a cluster takes to
answer is not a part of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.plan import Plan
from bench.table import Row, seconds
from bench.timing import Spread
from cnai_sdk.errors import DoesNotFit
from cnai_sdk.gpu.cluster.resolver import resolve
from cnai_sdk.gpu.cluster.seen import Seen
from cnai_sdk.model.spec import Resources
from tests import vendors

GOAL = 0.050
NODES = 500
WISHES = {
    "a share": Resources(gpu=0.5),
    "whole devices of any model": Resources(gpu=4.0),
    "a refusal with every choice": Resources(gpu=0.9, isolation="hardware"),
}


def measure(plan: Plan) -> Sequence[Row]:
    """Each wish, many times."""
    seen = vendors.seen(*map(_node, range(NODES)))
    found = {name: _times(wish, seen, plan.runs(50)) for name, wish in WISHES.items()}
    return [
        Row(
            what=f"GPU resolved and explained, {NODES} nodes: {name}",
            ours=str(figures),
            goal=f"≤ {seconds(GOAL)}",
            met=figures.median <= GOAL,
        )
        for name, figures in found.items()
    ]


def _node(number: int) -> dict[str, object]:
    name = f"node-{number}"
    cards = [vendors.device(f"gpu-{n}", vendors.A100, 81920) for n in range(8)]
    kinds = (
        lambda: vendors.whole(name, count=8),
        lambda: vendors.mig_mixed(name, _1g_10gb=7, _3g_40gb=2),
        lambda: vendors.mig_single(name),
        lambda: vendors.shared(name, "mps"),
        lambda: vendors.hami(name, count=8),
        lambda: vendors.dra(name, *cards),
    )
    return kinds[number % len(kinds)]()


def _times(wish: Resources, seen: Seen, runs: int) -> Spread:
    found = []
    for _ in range(runs):
        begun = time.perf_counter()
        try:
            said = resolve(wish, 1, seen).granted
        except DoesNotFit as error:
            said = f"{error.what} {error.why} {error.next_step}"
        found.append(time.perf_counter() - begun)
        assert said
    return Spread(tuple(found))
