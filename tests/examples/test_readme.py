"""The first thing that the README shows runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def test_the_first_cell_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CNAI_HOME", str(tmp_path / "store"))
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    script = tmp_path / "first.py"
    script.write_text(found[1] + "print('result', job.result(), list(job.outputs))\n")
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"result \d+\.\d+ \['model.pt'\]", ran.stdout)
