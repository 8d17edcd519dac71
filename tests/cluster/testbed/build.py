"""Builds the cluster's programs into the user's cache, each once for its versions."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.cluster.testbed.programs import KUBE, KUBERNETES, MODULES, PROGRAMS, Program
from tests.cluster.testbed.toolchain import environment, find_go


class CannotBuild(Exception):
    """A program could not be built; the message has the compiler's last words."""


@dataclass(frozen=True)
class Built:
    """Where everything is: a folder for each program, with its binary, the names under which that
    is called, and its manifests.

    Attributes:
        root: the folder of all of them.
    """

    root: Path

    def folder(self, program: Program) -> Path:
        """Of one program."""
        return self.root / program.key

    def binary(self, name: str) -> Path:
        """A program's, or one of the names under which it is called."""
        program = next(each for each in PROGRAMS if name in (each.name, *each.links))
        return self.folder(program) / name

    def manifests(self, program: Program) -> list[Path]:
        """A file to apply, and one for when the operator is ready, as far as there are such."""
        names = ("manifests.yaml", "extra.yaml")
        return [path for path in (self.folder(program) / name for name in names) if path.exists()]

    @property
    def kubectl(self) -> Path:
        """The client, for people."""
        return self.binary("kubectl")

    def has(self, program: Program) -> bool:
        """Whether one is there with all that belongs to it."""
        return (self.folder(program) / "complete").exists()


def cache() -> Path:
    """The folder of all builds."""
    return platformdirs.user_cache_path("cnai") / "testbed"


def find(names: Iterable[str] = ()) -> Built | None:
    """What was built before, if it is all there; `names` as for `build`."""
    built = Built(cache())
    return None if _missing(built, names) else built


def build(names: Iterable[str] = ()) -> Built:
    """Everything that every cluster has, from the cache or anew.

    Args:
        names: what is built besides, of the programs that have to be asked for.

    Raises:
        NoToolchain: there is no Go, and none can be had.
        CannotBuild: the compiler refused, or a module cannot be fetched.
    """
    if found := find(names):
        return found
    built = Built(cache())
    built.root.mkdir(parents=True, exist_ok=True)
    with _alone(built.root / "lock"):
        _build(built, _missing(built, names))
    return built


def _missing(built: Built, names: Iterable[str]) -> list[Program]:
    wanted = (each for each in PROGRAMS if not each.asked or each.name in names)
    return [each for each in wanted if not built.has(each)]


def _build(built: Built, programs: list[Program]) -> None:
    if not programs:
        return
    go = find_go(built.root)
    minutes = sum(program.minutes for program in programs)
    _say(
        f"building {', '.join(program.name for program in programs)} for the test cluster takes "
        f"up to {minutes:g} minutes on two cores; later starts take seconds ({built.root})"
    )
    began = time.monotonic()
    for number, program in enumerate(programs, start=1):
        _say(f"[{number}/{len(programs)}] {program.name}, up to {program.minutes:g} min …")
        start = time.monotonic()
        folder = built.folder(program)
        folder.mkdir(exist_ok=True)
        if program.main:
            _compile(go, program, folder)
        else:
            _run([go, "mod", "download", program.module], program, folder=MODULES / program.name)
        for link in program.links:
            (folder / link).unlink(missing_ok=True)
            (folder / link).symlink_to(program.name)
        if program.manifests:
            _render(go, program, built)
        (folder / "complete").write_text(f"{time.time():.0f}\n")
        _say(f"[{number}/{len(programs)}] {program.name}: {time.monotonic() - start:.0f} s")
    _say(f"built in {time.monotonic() - began:.0f} s")


def _compile(go: str, program: Program, folder: Path) -> None:
    flags = ["-s", "-w"]
    if program is KUBE:
        flags += ["-X", f"k8s.io/component-base/version.gitVersion=v{KUBERNETES}"]
    draft = folder / f".{program.name}"
    _run(
        [
            *(go, "build", "-mod=readonly", "-trimpath", "-ldflags", " ".join(flags)),
            *("-o", str(draft), program.main),
        ],
        program,
        folder=MODULES / program.name,
    )
    draft.rename(folder / program.name)


def _render(go: str, program: Program, built: Built) -> None:
    """The operator's own manifests."""
    asking = [go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", program.module]
    said = _run(asking, program, folder=MODULES / program.name)
    source = Path(said.strip())
    if program.manifests.endswith(".yaml"):
        text = (source / program.manifests).read_text()
    else:
        text = _kustomized(source, program, built)
    (built.folder(program) / "manifests.yaml").write_text(text)
    if program.extra:
        extra = "\n---\n".join((source / each).read_text() for each in program.extra)
        (built.folder(program) / "extra.yaml").write_text(extra)


def _kustomized(source: Path, program: Program, built: Built) -> str:
    """They are copied first: a path with a host's name in it is an address to kustomize, and some
    of them fetch another operator, which has an entry of its own."""
    top = program.manifests.split("/")[0]
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work, top)
        shutil.copytree(source / top, copy)
        for path in copy.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for path in copy.rglob("kustomization.yaml"):
            lines = path.read_text().splitlines()
            kept = [line for line in lines if not any(word in line for word in program.leave_out)]
            path.write_text("\n".join(kept) + "\n")
        command = [str(built.kubectl), "kustomize", str(Path(work, program.manifests))]
        return _run(command, program)


def _run(command: list[str], program: Program, *, folder: Path | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-20:])
        raise CannotBuild(f"{program.name} could not be built ({' '.join(command)}):\n{last}")
    return done.stdout


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process builds the test cluster; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"testbed: {text}", file=sys.stderr, flush=True)
