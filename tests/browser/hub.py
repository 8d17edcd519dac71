"""A real JupyterHub with its real proxy, and one person's server behind it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from .conftest import OVERRIDES, end

STARTS_WITHIN = 90.0
PROXY = Path(__file__).parents[2] / "node_modules" / ".bin" / "configurable-http-proxy"
CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home/{{username}}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 90
c.Spawner.environment = {environment!r}
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.auth_token = "{token}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.last_activity_interval = 2
c.JupyterHub.services = [{{"name": "watcher", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "watcher", "services": ["watcher"], "scopes": ["list:users", "read:users:activity"]}}
]
"""


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A running hub.

    Attributes:
        base: what a browser opens.
        home: the person's files.
        proxy: the proxy's own interface.
        token: of the proxy's interface and of the hub's.
        env: the variables of the person's server.
    """

    base: str
    home: Path
    proxy: str
    token: str
    env: Mapping[str, str]
    user: str = "student"

    def sign_in(self, page: Page) -> None:
        """Sign in, and wait until JupyterLab stands on the person's own server."""
        page.goto(f"{self.base}hub/login?next=/hub/spawn")
        page.get_by_label("Username").fill(self.user)
        page.get_by_label("Password").fill("any")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=120_000)

    def activity(self) -> datetime:
        """When the proxy last saw bytes to or from the person's server."""
        routes = _ask(f"{self.proxy}/api/routes", self.token)
        return _when(routes[f"/user/{self.user}"]["last_activity"])

    def hub_activity(self) -> datetime:
        """The same as the hub knows it, by which idle servers are ended."""
        for person in _ask(f"{self.base}hub/api/users", self.token):
            if person["name"] == self.user:
                return _when(person["last_activity"])
        raise LookupError(self.user)


@contextmanager
def run_hub(folder: Path, settings: dict[str, dict[str, object]]) -> Iterator[Hub]:
    """JupyterHub on free ports, ended by its pid, with its proxy and its servers.

    Args:
        folder: an empty one for everything that it writes.
        settings: what plugins have as their defaults, by plugin.
    """
    port, hub, api = _free_ports(3)
    token, user = secrets.token_hex(24), Hub.user
    config, home = folder / "jupyterhub_config.py", folder / "home" / user
    labconfig = folder / "config" / "labconfig"
    for made in (home, labconfig):
        made.mkdir(parents=True)
    overrides = json.dumps({**OVERRIDES, **settings})
    (labconfig / "default_setting_overrides.json").write_text(overrides)
    environment = {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "CNAI_HOME": str(folder / "cnai"),
        "CNAI_CONFIG": str(folder / "cnai.toml"),
        # By itself the server tells the hub every 5 minutes, and that a job runs there.
        "JUPYTERHUB_ACTIVITY_INTERVAL": "3600",
        "PATH": os.environ["PATH"],
    }
    config.write_text(
        CONFIG.format(
            port=port,
            hub=hub,
            api=api,
            folder=folder,
            token=token,
            python=sys.executable,
            proxy=str(PROXY),
            environment=environment,
        )
    )
    log = folder / "hub.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    base, proxy = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{api}"
    try:
        until(lambda: process.poll() is not None or _answers(f"{base}hub/health"), STARTS_WITHIN)
        if process.poll() is not None:
            raise RuntimeError(f"the hub ended:\n{log.read_text(errors='replace')[-4000:]}")
        yield Hub(base=base, home=home, proxy=proxy, token=token, env=environment)
    finally:
        end(process)


def until(holds: Callable[[], object], seconds: float) -> None:
    """Wait until something holds that has no channel to say so."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def _ask(address: str, token: str) -> Any:
    request = urllib.request.Request(address, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until the last is found."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
