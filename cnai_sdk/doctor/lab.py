"""JupyterLab, and the two halves of the extension: the page's and the server's."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cnai_sdk.doctor.finding import Finding
from cnai_sdk.doctor.software import installed

OLDEST_LAB = (4, 6, 2)
_INSTALL = 'Run: pip install "cnai-sdk[lab]", and restart JupyterLab.'


def jupyterlab(found: str | None = None) -> Iterable[Finding]:
    """Whether JupyterLab is here, and recent enough.

    Args:
        found: its version; the installed one when None.
    """
    found = found or installed("jupyterlab")
    if found is None:
        what = "Not installed in this environment; the terminal and scripts work without it."
        yield Finding(check="jupyterlab", state="note", what=what, fix=_INSTALL)
        return
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if numbers < OLDEST_LAB:
        oldest = ".".join(map(str, OLDEST_LAB))
        what = f"{found} is older than {oldest}, which the side panel needs."
        yield Finding(check="jupyterlab", state="note", what=what, fix=_INSTALL)
    else:
        yield Finding(check="jupyterlab", state="ok", what=found)
    widgets = installed("ipywidgets")
    if widgets is None:
        what = "Not installed: a job shows itself as text, not as a live card."
        yield Finding(check="ipywidgets", state="note", what=what, fix=_INSTALL)
    else:
        yield Finding(check="ipywidgets", state="ok", what=f"{widgets}: the live card")


def halves(paths: Sequence[Path] | None = None) -> Iterable[Finding]:
    """Whether both halves of the extension are installed, in one version.

    Args:
        paths: folders of Lab extensions; those of this environment when None.
    """
    if installed("jupyterlab") is None:
        return
    server = installed("cnai-sdk") if importlib.util.find_spec("cnai_server_ext") else None
    page = _page_version(_folders() if paths is None else paths)
    missing = [
        name for name, found in (("server's half", server), ("page's half", page)) if found is None
    ]
    if server is None or page is None:
        yield Finding(
            check="extension",
            state="note",
            what=f"The {' and the '.join(missing)} of the JupyterLab extension is not installed, "
            "so there is no side panel.",
            fix="Run: pip install --force-reinstall --no-deps cnai-sdk, and restart JupyterLab.",
        )
    elif page != server:
        yield Finding(
            check="extension",
            state="note",
            what=f"The page's half is {page} and the server's is {server}.",
            fix="Run: pip install --force-reinstall --no-deps cnai-sdk, restart JupyterLab and "
            "reload the page.",
        )
    else:
        yield Finding(check="extension", state="ok", what=f"{server}, both halves")


def _folders() -> list[Path]:
    if importlib.util.find_spec("jupyter_core") is None:
        return [Path(sys.prefix, "share", "jupyter", "labextensions")]
    from jupyter_core.paths import jupyter_path

    return [Path(folder) for folder in jupyter_path("labextensions")]


def _page_version(folders: Sequence[Path]) -> str | None:
    for folder in folders:
        try:
            text = (folder / "cnai-lab" / "package.json").read_text(encoding="utf-8")
        except OSError:
            continue
        return as_python_writes(str(json.loads(text).get("version", "")))
    return None


def as_python_writes(version: str) -> str:
    """A version from package.json as Python's metadata has it.

    >>> as_python_writes("0.2.0-rc.1"), as_python_writes("0.1.0")
    ('0.2.0rc1', '0.1.0')
    """
    short = {"alpha": "a", "beta": "b", "rc": "rc"}
    return re.sub(r"-(alpha|beta|rc)\.?(\d+)", lambda match: short[match[1]] + match[2], version)


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (jupyterlab, halves)
