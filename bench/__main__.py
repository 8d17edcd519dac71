"""python -m bench [NAME ...]: measure, and print one table."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from bench.plan import Plan
from bench.table import Row, markdown

BENCHES = (
    "import_time",
    "warm_start",
    "cold_start",
    "digits",
    "log_follow",
    "many_jobs",
    "memory",
    "panel",
    "panel_server",
    "cluster_submit",
    "cluster_panel",
    "cluster_events",
    "cluster_list",
    "gpu_resolve",
    "gpu_share",
    "quota",
    "deadlock",
    "kubeflow_local",
)
NEEDED = {
    "asyncinotify": "asyncinotify",
    "click": "click",
    "msgspec": "msgspec",
    "platformdirs": "platformdirs",
    "psutil": "psutil",
    "pynvml": "nvidia-ml-py",
    "torch": "torch",
}
"""Modules that every bench uses, and what is installed to have them. A bench that needs no more
runs on a machine with these and this folder alone."""


class Bench(Protocol):
    """What a module here offers."""

    __doc__: str | None

    def measure(self, plan: Plan) -> Sequence[Row]:
        """Run it, and return its lines of the table."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benches that were named, or all; 1 when a goal was missed."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    if missing := [pip for module, pip in NEEDED.items() if not importlib.util.find_spec(module)]:
        parser.error(f"not installed: {', '.join(missing)}; run: pip install {' '.join(missing)}")
    from bench.workplace import end_bench, own_workplace

    plan = Plan(
        quick=arguments.quick,
        jobs=arguments.jobs,
        with_peers=arguments.with_peers,
        kubeconfig=arguments.kubeconfig,
    )
    rows: list[Row] = []
    with own_workplace():
        for name in arguments.names or BENCHES:
            bench = cast("Bench", importlib.import_module(f"bench.{name}"))
            print(f"{name}: {(bench.__doc__ or '').splitlines()[0]}", file=sys.stderr)
            rows.extend(bench.measure(plan))
            end_bench()
    print(markdown(rows))
    return 1 if any(row.met is False for row in rows) and not plan.quick else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="only show that the benches run")
    parser.add_argument("--jobs", type=int, default=300, help="short jobs of the deadlock bench")
    parser.add_argument(
        "--with-peers", action="store_true", help="install missing peers into a throw-away venv"
    )
    parser.add_argument(
        "--kubeconfig",
        metavar="FILE",
        default=os.environ.get("CNAI_TEST_KUBECONFIG", ""),
        help="of a cluster for the cluster's benches, rather than one that they start",
    )
    parser.epilog = f"NAME is one of {', '.join(BENCHES)}."
    return parser


if __name__ == "__main__":
    sys.exit(main())
