"""Submitting is all or nothing whenever the client dies: what it leaves goes with a later one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import naming, sweeping
from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import Config
from tests.cluster.dying import DIED
from tests.cluster.submitted import large_spec, objects, spec_of

from .trained import OPERATORS

ROOT = Path(__file__).parents[2]
NO_IMAGE = "private.example.com/net:1"
"""What is made is looked at, and need not run."""

WRITES = {"small": 2, "large": 6}
"""The dry run and the job; before the job the code and the secret, and after it whose they are."""


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size", WRITES)
async def test_a_client_that_dies_at_any_request_leaves_nothing_for_good(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operator: Any, size: str
) -> None:
    file, writes = tmp_path / "spec.json", WRITES[size]
    made_at = writes // 2
    file.write_bytes(
        msgspec.json.encode((large_spec if size == "large" else spec_of)(image=NO_IMAGE))
    )
    command = ["-m", "tests.cluster.dying", operator, str(file), str(tmp_path), str(writes)]
    told = await asyncio.to_thread(
        subprocess.run, [sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    codes = json.loads(told.stdout)
    lived = f"response-{writes}"
    assert codes == {name: 0 if name == lived else DIED for name in codes}
    assert len(codes) == writes + 2

    backend = KubernetesBackend(Config(home=tmp_path / "store", operator=operator))
    whole = [f"response-{n}" for n in range(made_at, writes + 1)]
    assert await objects(backend, f"{operator}s") == whole

    monkeypatch.setattr(sweeping, "_OWNERLESS_FOR", -1.0)
    await backend.list()
    await backend.submit(spec_of(name="after", image=NO_IMAGE), secrets={})
    assert backend._submitter is not None
    await backend._submitter.sweeper.swept()
    beside = [each.id for each in await backend.list() if each.name in whole and size == "large"]
    for kind, name in (("configmaps", naming.payload_name), ("secrets", naming.secret_name)):
        assert await objects(backend, kind) == sorted(name(id) for id in beside)
        assert await objects(backend, kind, owned=True) == await objects(backend, kind)
    await backend.close()
