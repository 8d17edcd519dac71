"""One store, used by two versions of the SDK, and by an environment without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import cnai_sdk
from cnai_sdk.client import Client

from .functions import until

OWN = Path(cnai_sdk.__file__).parent
CORE = ("asyncinotify", "click", "msgspec", "platformdirs", "psutil", "pynvml")

LOOK = """
import json, os, sys
from pathlib import Path
from cnai_sdk.client import Client
from cnai_sdk.config import Config
client = Client(config=Config(home=Path(os.environ["STORE"]), warm=os.environ["WARM"] == "1"))
"""


class Kernel:
    """Another Python process that uses the same store."""

    def __init__(self, python: str, paths: list[Path], home: Path, folder: Path) -> None:
        self._python = python
        self._home = home
        self._folder = folder
        self._paths = os.pathsep.join(map(str, paths))

    def run(self, code: str, *, warm: bool = False) -> object:
        """What the code prints as its last line, as JSON."""
        script = self._folder / "kernel.py"
        script.write_text(LOOK + code)
        done = subprocess.run(
            [self._python, str(script)],
            capture_output=True,
            text=True,
            timeout=270,
            cwd=self._folder,
            env=os.environ
            | {"STORE": str(self._home), "WARM": str(int(warm)), "PYTHONPATH": self._paths},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def other_version(client: Client, tmp_path: Path) -> Kernel:
    """A copy of the SDK whose worker and supervisor differ, as another release's do."""
    copy = tmp_path / "other" / "cnai_sdk"
    shutil.copytree(OWN, copy, ignore=shutil.ignore_patterns("__pycache__"))
    init = copy / "worker" / "__init__.py"
    init.write_text(init.read_text() + '\nVERSION = "another"\n')
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Kernel(sys.executable, [copy.parent], client.config.home, folder)


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment with what the core needs, and nothing else."""
    root = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    site = next(root.glob("lib/python*/site-packages"))
    have = Path(sysconfig.get_path("purelib"))
    for name in CORE:
        for path in (*have.glob(name), *have.glob(f"{name}.py"), *have.glob(f"{name}-*.dist-info")):
            (site / path.name).symlink_to(path)
    (site / "sdk.pth").write_text(f"{OWN.parent}\n")
    for path in OWN.parent.glob("cnai_sdk-*.dist-info"):
        (site / path.name).symlink_to(path)
    for path in have.glob("cnai_sdk-*.dist-info"):
        (site / path.name).symlink_to(path)
    return str(root / "bin" / "python")


@pytest.fixture
def without_torch(bare_python: str, client: Client, tmp_path: Path) -> Kernel:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Kernel(bare_python, [], client.config.home, folder)


def test_two_versions_list_and_stop_each_others_jobs(client: Client, other_version: Kernel) -> None:
    def holds() -> None:
        import time

        time.sleep(600)

    mine = client.train(holds, name="mine")
    found = other_version.run(
        """
def theirs():
    import time
    import cnai_sdk
    open("version", "w").write(cnai_sdk.VERSION)
    time.sleep(600)

job = client.train(theirs, name="theirs")
while not (job.outputs.path / "version").exists() or not job.outputs["version"]:
    pass
before = sorted(x.name for x in client.jobs())
client.job("mine").stop().wait(60)
print(json.dumps([before, client.job("mine").status.value, job.outputs["version"].decode()]))
"""
    )
    assert found == [["mine", "theirs"], "Stopped", "another"]
    assert mine.status.value == "Stopped"
    theirs = client.job("theirs")
    until(lambda: theirs.status.value == "Running")
    assert theirs.stop().wait(60).status.value == "Stopped"


def test_each_version_runs_with_its_own_worker(client: Client, other_version: Kernel) -> None:
    def asks() -> bool:
        import cnai_sdk

        return "VERSION" in vars(cnai_sdk)

    assert client.train(asks).result() is False
    theirs = """
def asks():
    import cnai_sdk
    return "VERSION" in vars(cnai_sdk)
print(json.dumps([client.train(asks, name="theirs").result(), client.job("asks").result()]))
"""
    assert other_version.run(theirs) == [True, False]
    assert len(list((client.config.home / "worker").iterdir())) == 2
    assert client.job("theirs").result() is True


@pytest.mark.parametrize("warm", [False, True])
def test_an_environment_without_torch_runs_what_needs_none(
    client: Client, without_torch: Kernel, warm: bool
) -> None:
    found = without_torch.run(
        """
import importlib.util, time
client.warm_up()
def asks():
    import importlib.util, sys
    return [importlib.util.find_spec("torch") is None, sys.executable]
told = [client.train(asks, workers=2).result() for _ in range(3)]
print(json.dumps(told))
""",
        warm=warm,
    )
    assert isinstance(found, list)
    assert [told[0] for told in found] == [True] * 3
    assert len(client.jobs()) == 3


def test_a_job_is_run_again_by_the_python_that_it_was_made_with(
    client: Client, without_torch: Kernel
) -> None:
    def asks() -> list[object]:
        import importlib.util
        import sys

        return [importlib.util.find_spec("torch") is None, sys.executable]

    mine = client.train(asks, name="mine").result()
    assert mine == [False, sys.executable]
    theirs = without_torch.run(
        """
def asks():
    import importlib.util, sys
    return [importlib.util.find_spec("torch") is None, sys.executable]
print(json.dumps([client.train(asks, name="theirs").result(), client.job("mine").rerun().result()]))
"""
    )
    assert isinstance(theirs, list)
    assert theirs[0][0] is True
    assert theirs[1] == mine
    assert client.job("theirs").rerun().result() == theirs[0]
