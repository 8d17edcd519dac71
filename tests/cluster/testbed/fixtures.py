"""What tests get a cluster from, wherever they are: their own, or one that they are given.

`CNAI_TEST_KUBECONFIG` names the kubeconfig of a cluster that somebody else started.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.testbed.build import Built, CannotBuild, build
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.external import External as External
from tests.cluster.testbed.network import CannotNetwork, missing_tools, way_in
from tests.cluster.testbed.toolchain import NoToolchain

GIVEN = os.environ.get("CNAI_TEST_KUBECONFIG", "")
"""Read once: tests run without the settings of who runs them."""

_standing: list[Cluster | External] = []
_failed: list[Exception] = []
_starting = threading.Lock()
_why_not: list[str] = []


class ClusterTestsSkipped(UserWarning):
    """Part of the suite did not run; pytest shows it at the end."""


def shared_cluster() -> Cluster | External:
    """The cluster of this process with all operators, or a skip.

    It is started at first use and stopped when the process ends. One that did not start is not
    tried again.
    """
    with _starting:
        if _failed:
            raise _failed[0]
        if not _standing:
            try:
                _standing.append(_given() if GIVEN else _start_own())
            except Exception as error:
                _failed.append(error)
                raise
        return _standing[0]


def _given() -> External:
    given = External(Path(GIVEN))
    atexit.register(given.stop)
    return given


def _start_own() -> Cluster:
    cluster = own_cluster_or_skip()
    cluster.start()
    atexit.register(cluster.stop)
    return cluster


def build_for_tests(asked: Iterable[str] = ()) -> None:
    """Build what is not in the cache, before any test has a clock running; what fails is said.

    Args:
        asked: programs besides those of every cluster; without one, only its tests are skipped.
    """
    if GIVEN or _why_not:
        return
    if why := _obstacle():
        _remember(why)
        return
    with contextlib.suppress(CannotBuild):
        build(asked)


def _obstacle() -> str:
    """Why no cluster can be had here, or ''."""
    if tools := missing_tools():
        return f"system packages are missing. Install them: apt-get install {' '.join(tools)}"
    try:
        way_in()
        build()
    except (NoToolchain, CannotBuild, CannotNetwork) as error:
        return str(error)
    return ""


def own_cluster_or_skip(**options: Any) -> Cluster:
    """A cluster of one's own, not started yet, or a skip.

    Args:
        options: of `Cluster`.
    """
    if GIVEN:
        pytest.skip("needs a control plane of its own, and CNAI_TEST_KUBECONFIG names another's")
    build_for_tests()
    if _why_not:
        pytest.skip(_why_not[0])
    return Cluster(built_or_skip(options.get("operators", ())), **options)


def built_or_skip(names: Iterable[str]) -> Built:
    """What every cluster has and these programs besides, or a skip."""
    try:
        return build(names)
    except CannotBuild as error:
        warnings.warn(f"CLUSTER TESTS ARE SKIPPED: {error}", ClusterTestsSkipped, stacklevel=3)
        pytest.skip(str(error))


def _remember(why: str) -> None:
    """Looking again would fail in the same way, so it is said once in full."""
    _why_not.append(why)
    text = f"THE CLUSTER TESTS ARE SKIPPED: {why}"
    print(f"testbed: {text}", file=sys.stderr, flush=True)
    warnings.warn(text, ClusterTestsSkipped, stacklevel=3)
