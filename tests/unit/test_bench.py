"""The benches run; what they measure is asserted nowhere, since a time depends on the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.workplace import NotWarm, warm_client
from cnai_sdk.backends.local.template import UNFIT
from cnai_sdk.config import runtime_dir

ROOT = Path(__file__).parents[2]


@pytest.mark.bench
def test_a_quick_bench_prints_one_table_and_the_machine_below_it():
    answer = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "import_time"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    head, line, *rows = answer.stdout.splitlines()
    assert head == "| what | ours | beside it | ratio | goal |"
    assert line == "| --- | --- | --- | --- | --- |"
    assert rows[0].startswith("| `import cnai_sdk` in a new process")
    assert " cores, " in rows[-1]


@pytest.mark.bench
def test_a_bench_that_does_not_exist_is_refused_with_the_names_of_those_that_do():
    answer = subprocess.run(
        [sys.executable, "-m", "bench", "importtime"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "there is no bench importtime" in answer.stderr
    assert "import_time" in answer.stderr


def test_a_template_that_cannot_serve_is_not_waited_for(
    sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(sockets))
    monkeypatch.setenv("CNAI_WARM", "0")
    assert runtime_dir().is_relative_to(sockets)
    (runtime_dir() / f"template-0{UNFIT}").touch()
    with pytest.raises(NotWarm, match="thread"):
        warm_client()
