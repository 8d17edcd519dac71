"""What may import what: the contracts in pyproject.toml, and one importing module a vendor."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDORS = {"torch", "kfp", "kserve", "optuna", "kubeflow", "lightkube", "boto3", "huggingface_hub"}
WHERE_PRESENT = {"torch", "numpy", "threadpoolctl", "boto3", "botocore", "huggingface_hub"}


def importers() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "cnai_sdk").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                found[name.partition(".")[0]].add(str(path.relative_to(ROOT)))
    return found


def test_the_contracts_of_the_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [linter, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'server_ext'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_vendor_has_one_importing_module() -> None:
    many = {name: who for name, who in importers().items() if name in VENDORS and len(who) > 1}
    assert many == {}


def test_the_worker_needs_nothing_but_python() -> None:
    allowed = {*sys.stdlib_module_names, "cnai_sdk"}
    ours = {
        name
        for name, who in importers().items()
        if any(each.startswith("cnai_sdk/worker/") for each in who)
    }
    assert ours - allowed <= WHERE_PRESENT, "imported only where present, or where installed"
