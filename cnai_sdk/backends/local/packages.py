"""Extra packages for a job: an environment layered over the caller's, made once and reused.

pip does the work, from inside a small virtual environment that also sees the caller's packages, so
what is installed already (torch above all) is not installed again.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_ERROR = re.compile(rb"(?:ERROR|error):\s*(.+)")
_BROKEN = re.compile(rb"WARNING: Retrying .*connection broken by (.+)")
_ERRNO = re.compile(r"\[Errno -?\d+\] ([^'\"]+)")
_RETRIES = "2"
"""pip's own five keep a person waiting for most of a minute before they say the same."""


class Layer:
    """One such environment; its folder's name is a digest of what is in it.

    Args:
        parent: the folder that holds all of them.
        packages: requirement strings.
        interpreter: the caller's Python.
        environment: the caller's variables, for pip's own configuration.
    """

    def __init__(
        self,
        parent: Path,
        *,
        packages: Sequence[str],
        interpreter: str,
        environment: Mapping[str, str],
    ) -> None:
        self._packages = tuple(packages)
        self._interpreter = interpreter
        self._environment = dict(environment)
        self._beneath = _site_packages(interpreter)
        self.root = parent / self._digest()
        self.python = self.root / "bin" / "python"

    def _digest(self) -> str:
        digest = hashlib.sha256(repr((sorted(self._packages), self._interpreter)).encode())
        for path in self._beneath:
            names = sorted(p.name for p in Path(path).glob("*.dist-info"))
            digest.update(repr((path, names)).encode())
        return digest.hexdigest()[:16]

    def ensure(
        self,
        *,
        say: Callable[[bytes], None],
        wait: Callable[[int], None],
        pause: Callable[[], None],
        stopped: Callable[[], bool],
    ) -> str:
        """Make it unless it is there; '' or a sentence that says what went wrong.

        Args:
            say: takes what the installer prints.
            wait: returns when the descriptor can be read, or the job was asked to stop.
            pause: returns after a moment, while another job makes the same environment.
            stopped: whether it was.
        """
        self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        alone = os.open(f"{self.root}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _alone(alone, say, pause, stopped):
                return ""
            if (self.root / "complete").exists():
                say(f"Using the environment {self.root.name}, made earlier\n".encode())
                return ""
            shutil.rmtree(self.root, ignore_errors=True)
            problem = self._make(say, wait, stopped)
            if problem or stopped():
                shutil.rmtree(self.root, ignore_errors=True)
                return problem
            (self.root / "complete").touch()
            return ""
        finally:
            os.close(alone)

    def _make(
        self, say: Callable[[bytes], None], wait: Callable[[int], None], stopped: Callable[[], bool]
    ) -> str:
        steps = [
            [self._interpreter, "-m", "venv", str(self.root)],
            [str(self.python), "-m", "pip", "install", "--no-input", *self._packages],
        ]
        for number, step in enumerate(steps):
            code, last = _run(step, self._environment, say, wait, stopped)
            if stopped():
                return ""
            if code:
                return last or f"{' '.join(step[:3])} ended with exit code {code}"
            if number == 0:
                self._lay_over()
        return ""

    def _lay_over(self) -> None:
        """See the caller's packages behind the own ones."""
        own = next(self.root.glob("lib/python*/site-packages"))
        (own / "caller.pth").write_text("".join(f"{path}\n" for path in self._beneath))

    def shadowed(self) -> list[str]:
        """Packages of the caller that this environment replaces by another version."""
        own = next(self.root.glob("lib/python*/site-packages"))
        beneath = _versions(self._beneath)
        mine = _versions([str(own)])
        return [
            f"{name} {mine[name]} stands before {beneath[name]} of your environment"
            for name in sorted(mine)
            if name in beneath and beneath[name] != mine[name] and name not in ("pip", "setuptools")
        ]


def _alone(
    lock: int,
    say: Callable[[bytes], None],
    pause: Callable[[], None],
    stopped: Callable[[], bool],
) -> bool:
    """Take the lock; False when the job was asked to stop while it waited."""
    told = False
    while not stopped():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if not told:
                say(b"Waiting for another job that installs the same packages\n")
            told = True
            pause()
    return False


def _versions(paths: list[str]) -> dict[str, str]:
    return {
        d.metadata["Name"].lower(): d.version
        for d in importlib.metadata.distributions(path=paths)
        if d.metadata["Name"]
    }


def _site_packages(interpreter: str) -> list[str]:
    """The caller's folders of packages, found by the caller's own interpreter."""
    code = (
        "import json, site, sysconfig; "
        "print(json.dumps([*site.getsitepackages(), sysconfig.get_path('purelib')]))"
    )
    found = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True)
    paths: list[str] = json.loads(found.stdout)
    return list(dict.fromkeys(path for path in paths if Path(path).is_dir()))


def _run(
    command: list[str],
    environment: Mapping[str, str],
    say: Callable[[bytes], None],
    wait: Callable[[int], None],
    stopped: Callable[[], bool],
) -> tuple[int, str]:
    """Run a command, handing on what it prints; its code, and its last word of trouble."""
    words = _Words()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PIP_RETRIES": _RETRIES, **environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    while True:
        wait(descriptor)
        if stopped():
            process.kill()
            break
        try:
            data = os.read(descriptor, 2**16)
        except BlockingIOError:
            continue
        if not data:
            break
        say(data)
        words.feed(data)
    return process.wait(), words.trouble


class _Words:
    """What went wrong, in the installer's own words; an index out of reach comes before the rest,
    since pip then says only that it found nothing."""

    def __init__(self) -> None:
        self._rest = b""
        self._error = ""
        self._broken = ""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if broken := _BROKEN.match(line):
                said = broken[1].decode("utf-8", "replace")
                number = _ERRNO.search(said)
                self._broken = number[1] if number else said
            elif error := _ERROR.match(line):
                self._error = error[1].decode("utf-8", "replace").strip()

    @property
    def trouble(self) -> str:
        if self._broken:
            return f"The package index cannot be reached: {self._broken}"
        return self._error
