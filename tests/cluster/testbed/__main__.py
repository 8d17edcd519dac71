"""The test cluster from a terminal.

python -m tests.cluster.testbed up [OPERATOR …]      keep one up until Ctrl-C, with all operators
                                                     that need not be asked for, or with these
python -m tests.cluster.testbed build [OPERATOR …]   only build its programs, into the user's cache
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from tests.cluster.testbed.build import Built, CannotBuild, build
from tests.cluster.testbed.cluster import ALL, Cluster
from tests.cluster.testbed.network import CannotNetwork, missing_tools
from tests.cluster.testbed.processes import DidNotCome
from tests.cluster.testbed.programs import KUBE, KUBERNETES, OPERATORS
from tests.cluster.testbed.toolchain import NoToolchain

_NAMESPACE = "team-a"


def main(arguments: list[str]) -> int:
    """Do what was asked; the exit code."""
    command, *names = arguments or [""]
    known = [program.name for program in OPERATORS]
    if command not in ("build", "up") or set(names) - set(known):
        print(f"{__doc__}\nOperators: {', '.join(known)}", file=sys.stderr)
        return 2
    if tools := missing_tools():
        print(f"Missing. Install them: apt-get install {' '.join(tools)}", file=sys.stderr)
        return 1
    try:
        built = build(names)
        if command == "up":
            _keep_up(built, tuple(names) or ALL)
        else:
            print(f"Built: {built.root}")
    except (NoToolchain, CannotBuild, CannotNetwork, DidNotCome) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _keep_up(built: Built, operators: tuple[str, ...]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    began = time.monotonic()
    print("Starting a Kubernetes …", file=sys.stderr)
    cluster = Cluster(built, operators=operators)
    try:
        cluster.start()
        path = cluster.context(cluster.namespace(_NAMESPACE))
        print(_shown(cluster, path, time.monotonic() - began), flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("Ending it …", file=sys.stderr)
    finally:
        cluster.stop()


def _shown(cluster: Cluster, kubeconfig: Path, took: float) -> str:
    held = cluster.memory()
    parts = (
        f"Kubernetes {KUBERNETES} is ready after {took:.0f} s; it holds "
        f"{sum(held.values()) / 2**20:.0f} MB.",
        _table(["NODE", "CPU", "MEMORY", "GPU", "STATUS"], _nodes(cluster)),
        _table(["OPERATOR", "VERSION", "POD", "STATUS"], _operators(cluster)),
        f"  export KUBECONFIG={kubeconfig}\n"
        f"  export PATH={cluster.built.folder(KUBE)}{os.pathsep}$PATH      # kubectl",
        f"Its namespace is {_NAMESPACE}; logs are in {cluster.run}. Ctrl-C ends it.",
    )
    return "\n\n".join(parts)


def _nodes(cluster: Cluster) -> list[list[str]]:
    rows = []
    for node in cluster.http.get("/api/v1/nodes").raise_for_status().json()["items"]:
        room = node["status"]["allocatable"]
        ready = {each["type"]: each["status"] for each in node["status"]["conditions"]}["Ready"]
        rows.append(
            [
                node["metadata"]["name"],
                room["cpu"],
                room["memory"],
                room.get("nvidia.com/gpu", "-"),
                "Ready" if ready == "True" else "NotReady",
            ]
        )
    return rows


def _operators(cluster: Cluster) -> list[list[str]]:
    pods = cluster.http.get("/api/v1/pods").raise_for_status().json()["items"]
    rows = []
    for program in OPERATORS:
        if program.name not in cluster.operators:
            continue
        if program.scheduler:
            rows.append([program.name, program.version, "a process", "Running"])
            continue
        for pod in pods:
            images = [container["image"] for container in pod["spec"]["containers"]]
            if any(program.image in image for image in images):
                place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                rows.append([program.name, program.version, place, pod["status"]["phase"]])
    return rows


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  "
        + "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
