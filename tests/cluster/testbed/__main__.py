"""python -m tests.cluster.testbed build | up: build the cluster's programs, or keep one up."""

from __future__ import annotations

import signal
import sys
import time

from tests.cluster.testbed.build import CannotBuild, NoToolchain, build
from tests.cluster.testbed.cluster import ALL, Cluster
from tests.cluster.testbed.network import CannotNetwork, is_root, missing_tools


def main(arguments: list[str]) -> int:
    """Do what was asked; the exit code."""
    if not arguments or arguments[0] not in ("build", "up"):
        print(__doc__, file=sys.stderr)
        return 2
    if tools := missing_tools():
        print(f"Missing: apt-get install {' '.join(tools)}", file=sys.stderr)
        return 1
    try:
        built = build()
        if arguments[0] == "build":
            print(f"Built: {built.binaries}")
            return 0
        if not is_root():
            print("Run it as: unshare -Urnm python -m tests.cluster.testbed up", file=sys.stderr)
            return 1
        return _up(Cluster(built, operators=tuple(arguments[1:]) or ALL))
    except (NoToolchain, CannotBuild, CannotNetwork) as error:
        print(error, file=sys.stderr)
        return 1


def _up(cluster: Cluster) -> int:
    began = time.monotonic()
    try:
        cluster.start()
        namespace = cluster.namespace("team-a")
        path = cluster.context(namespace)
        took = time.monotonic() - began
        print(f"A Kubernetes stands, after {took:.0f} s:\n")
        for name in cluster._operators:
            print(f"  {name}")
        print(f"\n  export KUBECONFIG={path}")
        print(f"  {cluster._built.kubectl} get pods -A\n")
        print(f"Its namespace is {namespace}. Ctrl-C ends it.", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        cluster.stop()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.exit(main(sys.argv[1:]))
