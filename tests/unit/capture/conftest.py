"""A real IPython, and a real process that runs what was captured."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cnai_sdk.worker
from cnai_sdk.capture import Captured, capture

DRIVER = """
import json, os, sys, types
folder = sys.argv[1]
sys.path[:0] = [os.path.join(folder, "worker"), os.path.join(folder, "code")]
script = os.path.join(folder, "script.py")
main = types.ModuleType("__main__")
main.__dict__.update(__file__=script, __builtins__=__builtins__)
sys.modules["__main__"] = main
exec(compile(open(script, encoding="utf-8").read(), script, "exec"), main.__dict__)
print("RESULT", json.dumps(main._cnai_result))
"""


class Notebook:
    """Cells that run in an IPython of this process."""

    def __init__(self, shell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder

    def cell(self, text: str) -> None:
        self.shell.run_cell(text, store_history=True).raise_error()

    def __getitem__(self, name: str):
        return self.shell.user_ns[name]

    def capture(self, fn, /, data=(), variables=(), limit=10 * 2**20, **args) -> Captured:
        if isinstance(fn, str):
            fn = self.shell.ev(fn)
        return capture(fn, args, data=data, variables=variables, limit=limit, cwd=self.folder)


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    main, loaded = sys.modules["__main__"], set(sys.modules)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    yield Notebook(shell, tmp_path)
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = main
    for name in set(sys.modules) - loaded:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def job(tmp_path_factory):
    """Runs a captured function in a process of its own and gives its result."""

    def run(captured: Captured, python: str = sys.executable, fails: bool = False):
        folder = tmp_path_factory.mktemp("payload")
        for path, content in captured.payload.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        shutil.copytree(Path(cnai_sdk.worker.__file__).parent, folder / "worker" / "cnai_sdk")
        outputs = folder / "outputs"
        outputs.mkdir()
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("CNAI_", "PYTHON"))}
        done = subprocess.run(
            [python, "-c", DRIVER, str(folder)],
            cwd=outputs,
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,
        )
        if fails:
            assert done.returncode != 0
            return done.stderr
        assert done.returncode == 0, done.stderr + "\n" + captured.payload.script
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        return json.loads(lines[-1].removeprefix("RESULT "))

    return run


@pytest.fixture
def other_python():
    """The path of another Python's interpreter."""

    def find(version: str) -> str:
        running = "{}.{}".format(*sys.version_info)
        managed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        found = str(managed[0]) if managed else shutil.which(f"python{version}")
        if found is None or version == running:
            pytest.skip(f"no Python {version} beside {running} here")
        return found

    return find
