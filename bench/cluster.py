"""The test cluster, for benches that need one; it stands while they run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.cluster.testbed.build import CannotBuild, build
from tests.cluster.testbed.cluster import ALL, NODES, Cluster
from tests.cluster.testbed.network import CannotNetwork
from tests.cluster.testbed.toolchain import NoToolchain


@contextmanager
def cluster_or_none(
    *, operators: Sequence[str] = ALL, nodes: Sequence[Mapping[str, Any]] = NODES
) -> Iterator[Cluster | None]:
    """A cluster, or None with a notice where none can stand."""
    try:
        cluster = Cluster(build(), operators=operators, nodes=nodes)
        cluster.start()
    except (NoToolchain, CannotBuild, CannotNetwork) as error:
        print(f"no cluster: {error}", file=sys.stderr)
        yield None
        return
    try:
        yield cluster
    finally:
        cluster.stop()
