"""A worker's torch keeps to its share of a GPU, whichever version it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnai_sdk.gpu.fraction import torch_limit
from cnai_sdk.worker.sharing import KEY, VARIABLE

SHARE = torch_limit(0.25)
OLD = """
from . import cuda
__version__ = "{version}"
"""
CUDA = """
import os
calls, held = [], []

def _lazy_call(call):
    calls.append(call)

def set_per_process_memory_fraction(share):
    held.append(share)

def first_use():
    if "per_process" in os.environ.get("PYTORCH_CUDA_ALLOC_CONF", ""):
        raise RuntimeError("Unrecognized CachingAllocator option: per_process_memory_fraction")
    for call in calls:
        call()
    return held
"""
WORKER = """
import os, sys
if {loaded}:
    import torch
from cnai_sdk.worker import importing, sharing
importing.now_or_later("torch", importing.without_collector, sharing.keeper())
import torch
print(list(torch.cuda.held), torch.cuda.first_use(), os.environ.get("PYTORCH_CUDA_ALLOC_CONF"))
"""


def in_a_worker(folder: Path, version: str, settings: str, *, loaded: bool) -> str:
    """What a worker with a torch as it was says, whose first use of CUDA refuses the key."""
    package, about = folder / "torch", folder / f"torch-{version}.dist-info"
    package.mkdir()
    about.mkdir()
    (package / "__init__.py").write_text(OLD.format(version=version))
    (package / "cuda.py").write_text(CUDA)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    path = os.pathsep.join([str(folder), *sys.path])
    answer = subprocess.run(
        [sys.executable, "-c", WORKER.format(loaded=loaded)],
        env=os.environ | {"PYTHONPATH": path, VARIABLE: settings},
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("loaded", [False, True], ids=["plain", "forked"])
def test_a_torch_that_does_not_read_the_share_is_told_at_the_first_use_of_cuda(
    tmp_path: Path, loaded: bool
) -> None:
    said = in_a_worker(tmp_path, "2.9.1+cu128", SHARE[VARIABLE], loaded=loaded)
    assert said == "[] [0.25] None"


def test_what_the_program_itself_says_to_the_allocator_stays(tmp_path: Path) -> None:
    own = "roundup_power2_divisions:[256:1,512:2],expandable_segments:True"
    said = in_a_worker(tmp_path, "2.4.0", f"{own},{SHARE[VARIABLE]}", loaded=False)
    assert said == f"[] [0.25] {own}"


def test_a_torch_that_reads_the_share_reads_it_itself(tmp_path: Path) -> None:
    said = in_a_worker(tmp_path, "2.10.0", SHARE[VARIABLE], loaded=False)
    assert said.endswith("option: per_process_memory_fraction"), "it is left to torch"


def test_a_worker_without_a_share_is_left_alone(tmp_path: Path) -> None:
    said = in_a_worker(tmp_path, "2.9.1", "expandable_segments:True", loaded=False)
    assert said == "[] [] expandable_segments:True"


def test_the_torch_that_is_installed_reads_the_share_and_nothing_that_it_does_not_know() -> None:
    """Its settings are parsed at their first use, so after a fork too."""
    code = (
        "import os, torch\n"
        f"os.environ[{VARIABLE!r}] = '{{}}:0.25'\n"
        "print(torch._C._accelerator_getAllocatorSettings())\n"
    )

    def settings(key: str) -> str:
        answer = subprocess.run(
            [sys.executable, "-c", code.format(key)], capture_output=True, text=True
        )
        return answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]

    if not _parses():
        pytest.skip("this torch is a build without CUDA, or one before 2.10")
    assert settings(KEY.rstrip(":")) == SHARE[VARIABLE]
    assert "Unrecognized key 'share'" in settings("share")


def _parses() -> bool:
    import torch

    known = hasattr(torch._C, "_accelerator_getAllocatorSettings")
    return torch.version.cuda is not None and known
