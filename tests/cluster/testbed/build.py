"""Builds the cluster's programs into the user's cache, once for each set of versions."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.cluster.testbed.programs import KUBE, KUBERNETES, MODULES, PROGRAMS, Program
from tests.cluster.testbed.programs import digest as digest_of_all
from tests.cluster.testbed.toolchain import environment, find_go


class CannotBuild(Exception):
    """A program could not be built; the message has the compiler's last words."""


@dataclass(frozen=True)
class Built:
    """Where everything is.

    Attributes:
        binaries: a folder with each program, and the names under which it is called.
        manifests: NAME.yaml for each operator, NAME-extra.yaml for what comes after it.
    """

    binaries: Path
    manifests: Path

    @property
    def kubectl(self) -> Path:
        """The client, for people."""
        return self.binaries / "kubectl"


def cache() -> Path:
    """The folder of all builds."""
    return platformdirs.user_cache_path("cnai") / "testbed"


def find() -> Built | None:
    """What was built before, if it is all there."""
    root = cache() / digest_of_all()
    built = Built(root / "bin", root / "manifests")
    return built if (root / "complete").exists() else None


def build() -> Built:
    """Everything, from the cache or anew.

    Raises:
        NoToolchain: there is no Go, and none can be had.
        CannotBuild: the compiler refused, or a module cannot be fetched.
    """
    if found := find():
        return found
    root = cache() / digest_of_all()
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root / "lock"):
        if found := find():
            return found
        return _build_all(root)


def _build_all(root: Path) -> Built:
    go = find_go(cache())
    built = Built(root / "bin", root / "manifests")
    built.binaries.mkdir(exist_ok=True)
    built.manifests.mkdir(exist_ok=True)
    minutes = sum(program.minutes for program in PROGRAMS)
    _say(
        f"the first build of the test cluster takes about {minutes:.0f} minutes on two cores; "
        f"later starts take seconds ({root})"
    )
    began = time.monotonic()
    for number, program in enumerate(PROGRAMS, start=1):
        _say(f"[{number}/{len(PROGRAMS)}] {program.name}, up to {program.minutes:g} min …")
        start = time.monotonic()
        if not (built.binaries / program.name).exists():
            _compile(go, program, built)
        for link in program.links:
            (built.binaries / link).unlink(missing_ok=True)
            (built.binaries / link).symlink_to(program.name)
        if program is not KUBE:
            _render(go, program, built)
        _say(f"[{number}/{len(PROGRAMS)}] {program.name}: {time.monotonic() - start:.0f} s")
    (root / "complete").write_text(f"{time.time():.0f}\n")
    _say(f"built in {time.monotonic() - began:.0f} s")
    return built


def _compile(go: str, program: Program, built: Built) -> None:
    flags = ["-s", "-w"]
    if program is KUBE:
        flags += ["-X", f"k8s.io/component-base/version.gitVersion=v{KUBERNETES}"]
    draft = built.binaries / f".{program.name}"
    _run(
        [
            *(go, "build", "-mod=readonly", "-trimpath", "-ldflags", " ".join(flags)),
            *("-o", str(draft), program.main),
        ],
        program,
        folder=MODULES / program.name,
    )
    draft.rename(built.binaries / program.name)


def _render(go: str, program: Program, built: Built) -> None:
    """The operator's own manifests. They are copied first: a path with a host's name in it is an
    address to kustomize, and some of them fetch another operator, which has an entry of its own."""
    folder = MODULES / program.name
    asking = [go, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", program.module]
    said = _run(asking, program, folder=folder)
    source = Path(said.strip())
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
        text = _run([str(built.kubectl), "kustomize", str(Path(work, program.manifests))], program)
        extra = "\n---\n".join(Path(work, each).read_text() for each in program.extra)
    (built.manifests / f"{program.name}.yaml").write_text(text)
    if extra:
        (built.manifests / f"{program.name}-extra.yaml").write_text(extra)


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
