"""What each check says, on this machine and on what was laid out for it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from cnai_sdk.backends.local.capacity import Capacity
from cnai_sdk.doctor import examine, lab, machine, software, store
from cnai_sdk.model.quota import Device

from .conftest import ROOT


class Described:
    """A machine as it is described, not as it is."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity

    def capacity(self, *, gpus: bool = True) -> Capacity:
        return self._capacity


SMALL = Capacity(
    cpus=(0, 1),
    cpu=1.5,
    cpu_why="cgroup limit",
    memory=4 * 2**30,
    memory_available=2**30,
    memory_why="cgroup limit",
)


def test_every_problem_and_every_thing_to_install_has_a_fix() -> None:
    for finding in examine():
        assert finding.what
        assert finding.fix or finding.state != "problem"
        assert finding.fix or "Not installed" not in finding.what


def test_capacity_says_what_decides_it() -> None:
    cpu, memory = machine.capacity(Described(SMALL))
    assert cpu.what.startswith("1.5 cores: a limit of the container")
    assert "4 GiB" in memory.what.replace("\N{NO-BREAK SPACE}", " ")


def test_the_enforcement_of_memory_is_said_with_its_reason() -> None:
    (held,) = machine.memory_limits(lambda: None)
    (watched,) = machine.memory_limits(lambda: "The cgroup /user is not delegated.")
    assert held.state == "ok"
    assert "cgroup v2" in held.what
    assert watched.state == "note"
    assert "The cgroup /user is not delegated." in watched.what


def test_cards_and_slices_are_named_with_how_a_share_is_made() -> None:
    card = Device(id="GPU-1", model="NVIDIA A100", memory=80 * 2**30, mechanism="mig")
    slice_ = Device(
        id="MIG-1",
        model="NVIDIA A100",
        memory=10 * 2**30,
        mechanism="mig",
        profile="1g.10gb",
        parent="GPU-1",
    )
    whats = [f.what for f in machine.gpus(Described(Capacity(
        cpus=(0,), cpu=1, memory=1, memory_available=1, gpus=(card, slice_)
    )))]  # fmt: skip
    assert "shares by mig" in whats[0]
    assert "slice 1g.10gb" in whats[1]
    assert "The MPS daemon does not run" in whats


def test_a_driver_without_an_answer_draws_a_fix() -> None:
    found = Capacity(
        cpus=(0,), cpu=1, memory=1, memory_available=1, gpu_present=True, gpu_looked="It failed."
    )
    (finding,) = machine.gpus(Described(found))
    assert finding.fix
    assert "It failed." in finding.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n", "built for CUDA 13.2"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n", "built for ROCm 6.4"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "built for the CPU"),
    ],
)
def test_torch_is_asked_what_it_was_built_for_without_importing_it(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "version.py").write_text(text)
    assert software.build_named(tmp_path / "version.py") == said


def test_every_extra_of_the_project_is_looked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    assert set(software.EXTRAS) == set(declared) - {"all"}
    for extra, (distribution, _) in software.EXTRAS.items():
        assert any(line.startswith(distribution) for line in declared[extra])


def test_the_oldest_python_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=" + ".".join(map(str, software.OLDEST))


def test_a_store_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    place = tmp_path / "store"
    place.write_text("")
    (finding,) = store.store(place)
    assert finding.state == "problem"
    assert "CNAI_HOME" in finding.fix


def test_a_store_of_another_version_is_a_problem_and_stays_as_it_is(tmp_path: Path) -> None:
    mark = tmp_path / "store.json"
    mark.write_text('{"major": 99}')
    found = [f for f in store.store(tmp_path) if f.check == "store"]
    assert [f.state for f in found] == ["problem"]
    assert "99" in found[0].what
    assert mark.read_text() == '{"major": 99}'


def test_a_store_that_is_not_there_yet_is_not_made_by_looking(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    assert [f.state for f in store.store(place)] == ["ok", "ok"]
    assert not (tmp_path / "a").exists()


def test_a_warm_template_that_was_turned_off_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNAI_WARM", "false")
    (finding,) = store.template()
    assert finding.state == "note"


def page_half(folder: Path, version: str) -> Path:
    place = folder / "cnai-lab"
    place.mkdir()
    (place / "package.json").write_text(json.dumps({"version": version}))
    return folder


def test_two_halves_of_different_versions_are_told(tmp_path: Path) -> None:
    (finding,) = lab.halves([page_half(tmp_path, "99.0.0-rc.1")])
    assert finding.state == "note"
    assert "99.0.0rc1" in finding.what
    assert "restart JupyterLab" in finding.fix


def test_two_halves_of_one_version_are_well(tmp_path: Path) -> None:
    server = software.installed("cnai-sdk")
    assert server is not None
    (finding,) = lab.halves([page_half(tmp_path, server)])
    assert (finding.state, finding.what) == ("ok", f"{server}, both halves")


def test_a_page_half_that_is_missing_is_told(tmp_path: Path) -> None:
    (finding,) = lab.halves([tmp_path])
    assert "page's half" in finding.what


def test_an_old_jupyterlab_is_told() -> None:
    finding, *_ = lab.jupyterlab("4.2.0")
    assert finding.state == "note"
    assert "4.6.2" in finding.what
