"""The repository itself: what is written in it, and what it asks to be installed."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LONGEST_MODULE = 400
CORE_MEGABYTES = 20
# In pieces, so that this file does not hold what it looks for.
ELSEWHERE = {
    "a path of one machine": rf"(?<![\w.])/(?:{'work'}|{'root'}|home/\w+|{'opt'}/wheels)/",
    "a registry's host": r"(?:pypi|pythonhosted|npmjs|yarnpkg|debian)\.(?:org|com)",
}


def repository_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in repository_files():
        try:
            found.append((path, path.read_text()))
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_no_file_holds(kind: str) -> None:
    pattern = re.compile(ELSEWHERE[kind])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_every_picture_is_shown_somewhere_and_every_one_shown_is_there() -> None:
    shown = {
        (path.parent / picture).resolve()
        for path in repository_files()
        if path.suffix == ".md"
        for picture in re.findall(r"!\[[^\]]*\]\(([^):]+)\)", path.read_text())
    }
    kept = {path for path in repository_files() if path.parent == ROOT / "docs" / "images"}
    assert kept and shown == kept


def test_every_module_can_be_read_in_one_sitting() -> None:
    modules = [*ROOT.glob("cnai_sdk/**/*.py"), *ROOT.glob("server_ext/**/*.py")]
    assert len(modules) > 20
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_the_version_is_written_once() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert json.loads((ROOT / "package.json").read_text())["version"] == version("cnai-sdk")


def test_all_holds_every_extra() -> None:
    extras = set(PROJECT["optional-dependencies"]) - {"all"}
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert set(re.findall(r"\w+", everything.partition("[")[2])) == extras


def test_the_platforms_named_are_all_offered_by_an_extra() -> None:
    offered = " ".join(
        each for extra in PROJECT["optional-dependencies"].values() for each in extra
    )
    for package in (
        "ipykernel",
        "ipywidgets",
        "jupyter-server",
        "jupyterlab",
        "kfp",
        "kserve",
        "kubeflow-training",
    ):
        assert re.search(rf"(?<![\w-]){package}[><=]", offered), package


def core_distributions() -> set[str]:
    """What `pip install cnai-sdk` brings, with all that it needs in turn."""
    found: set[str] = set()
    waiting = list(PROJECT["dependencies"])
    while waiting:
        needed = Requirement(waiting.pop())
        if needed.name in found or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        found.add(needed.name)
        waiting.extend(distribution(needed.name).requires or [])
    return found


def test_the_core_installs_light() -> None:
    core = core_distributions()
    assert {"click", "msgspec", "platformdirs"} <= core
    sizes = {
        name: sum(Path(str(file.locate())).stat().st_size for file in files)
        for name in core
        if (files := distribution(name).files)
    }
    assert sizes.keys() == core
    assert sum(sizes.values()) < CORE_MEGABYTES * 1e6, sizes
