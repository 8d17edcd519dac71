"""A real JupyterLab and a real browser. Never here: a page, or a route, that only tests know."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from .terminal import Terminal, terminal

STARTS_WITHIN = 90.0
SLOW = 90_000
"""Milliseconds within which all that a test waits for in a page comes, also on a machine that
stands still for seconds. It is no measure of speed; that is in `bench/`."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


expect.set_options(timeout=SLOW)


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A running server: the folder its files are in, where it answers, and its token.

    Attributes:
        env: the variables of its own; a program that has them uses the same store.
    """

    root: Path
    base: str
    token: str
    log: Path
    pid: int
    env: Mapping[str, str]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(urlsplit(self.base).port or 0)

    def url(self, path: str = "lab") -> str:
        """The address of a page, with the token: `lab`, `lab/tree/x.ipynb`, `tree`."""
        separator = "&" if "?" in path else "?"
        reset = "&reset" if path.startswith("lab") else ""
        return f"{self.base}{quote(path, safe='/?=&')}{separator}token={self.token}{reset}"

    def api(self, path: str, *, method: str = "GET", body: object = None) -> object:
        """Ask the server's REST interface, as the token's owner."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def set(self, plugin: str, **values: object) -> None:
        """Write a person's settings of a plugin; a page reads them as it opens."""
        raw = json.dumps(values)
        self.api(f"lab/api/settings/{plugin}", method="PUT", body={"raw": raw})


@contextmanager
def run_lab(
    folder: Path,
    *,
    command: Sequence[str] = ("lab",),
    port: int = 0,
    token: str = "",
    settings: Mapping[str, Mapping[str, object]] | None = None,
    **env: str,
) -> Iterator[Lab]:
    """JupyterLab on a free port with a token and settings of its own, ended by its pid.

    Args:
        folder: for its files, settings and log; empty, or that of a server that has ended.
        command: the Jupyter application and further arguments, e.g. `("notebook",)`.
        port: where it listens, rather than on a free port.
        token: rather than a new one.
        settings: what plugins have as their defaults, by plugin.
        env: variables to set beside those of this process.
    """
    root, runtime, config = folder / "root", folder / "runtime", folder / "config"
    for made in (root, runtime, folder / "settings", config / "labconfig"):
        made.mkdir(parents=True, exist_ok=True)
    overrides = json.dumps({**OVERRIDES, **(settings or {})})
    (config / "labconfig" / "default_setting_overrides.json").write_text(overrides)
    token, log = token or secrets.token_hex(24), folder / "server.log"
    own = {
        "JUPYTER_TOKEN": token,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "CNAI_HOME": str(folder / "cnai"),
        "CNAI_CONFIG": str(folder / "cnai.toml"),
        **env,
    }
    name, *arguments = command
    with log.open("ab") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter", name, "--no-browser", "--allow-root"),
                *(f"--port={port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={root}", *arguments),
            ],
            cwd=root,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        base = _until(lambda: _answers(runtime, server.pid, token), server, log)
        yield Lab(root=root, base=base, token=token, log=log, pid=server.pid, env=own)
    finally:
        end(server)


def end(server: subprocess.Popen[bytes]) -> None:
    """End a process that this one started, and wait until it has."""
    server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _answers(runtime: Path, pid: int, token: str) -> str | None:
    record = runtime / f"jpserver-{pid}.json"
    try:
        base = str(json.loads(record.read_text())["url"])
        request = urllib.request.Request(
            f"{base}api/status", headers={"Authorization": f"token {token}"}
        )
        with urllib.request.urlopen(request, timeout=5):
            return base
    except (OSError, ValueError):
        return None


def _until(ask: Callable[[], str | None], server: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < ends and server.poll() is None:
        if answer := ask():
            return answer
        # The server has no channel to say that it is up: its record appears, then it answers.
        time.sleep(0.1)
    said = log.read_text(errors="replace")[-4000:]
    raise RuntimeError(f"the server did not start (exit code {server.poll()}):\n{said}")


def browser() -> str | None:
    """The system's Chromium where there is one, Playwright's own download elsewhere."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser last: once it has started, its event loop runs on, and no other can start."""
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the whole run."""
    with run_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def outside(lab: Lab, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in the store of `lab`, which it leaves empty."""
    with terminal(lab.env, tmp_path / "outside") as opened:
        yield opened


@pytest.fixture(scope="session")
def shots(pytestconfig: pytest.Config) -> Path:
    """Where screenshots go, to be looked at: `build/shots`, which git ignores."""
    folder = pytestconfig.rootpath / "build" / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Ours for every test."""
    executable = {"executable_path": found} if (found := browser()) else {}
    return {**browser_type_launch_args, **executable, "args": FLAGS, "headless": True}


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """Of every page: what it is asked to do has time."""
    context.set_default_timeout(SLOW)
    return context


@pytest.fixture
def sharp(browser: Browser) -> Iterator[Page]:
    """A page of 1440 by 808 points with two pixels to the point."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 808}, device_scale_factor=2, reduced_motion="reduce"
    )
    context.set_default_timeout(SLOW)
    yield context.new_page()
    context.close()


@pytest.fixture
def kept(shots: Path) -> Path:
    """Where the pictures go; SHOTS names another folder."""
    folder = Path(os.environ.get("SHOTS") or shots)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
