"""Extra packages in a pod: a small environment laid over the image's own, by pip.

What the image has already, torch above all, is seen through it and not installed again.
"""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence

from .masking import Mask

_ERROR = re.compile(r"(?:ERROR|error):\s*(.+)")
_BROKEN = re.compile(r"WARNING: Retrying .*connection broken by (.+)")
_ERRNO = re.compile(r"\[Errno -?\d+\] ([^'\"]+)")
_DONE = "complete"


def installed(layer: str, packages: Sequence[str], *, cache: str, mask: Mask) -> tuple[str, str]:
    """The interpreter that sees the packages, and '' or what went wrong.

    Args:
        layer: the environment's folder; one that is complete is used as it is.
        cache: a folder where pip keeps what it downloads, or ''.
        mask: of what is printed; an index may have a password in its address.
    """
    python = os.path.join(layer, "bin", "python")
    if os.path.exists(os.path.join(layer, _DONE)):
        return python, ""
    pip = [sys.executable, "-m", "pip", "--python", python]
    without = ["--without-pip"]
    if importlib.util.find_spec("pip") is None:
        pip, without = [python, "-m", "pip"], []
    code, words = _run([sys.executable, "-m", "venv", "--clear", *without, layer], {}, mask)
    if code:
        return python, words or f"python3 -m venv ended with exit code {code}"
    _see_the_images_own(layer)
    settings = {"PIP_CACHE_DIR": cache} if cache else {"PIP_NO_CACHE_DIR": "1"}
    code, words = _run(
        [*pip, "install", "--no-input", "--progress-bar=off", *packages], settings, mask
    )
    if code:
        return python, words or f"pip ended with exit code {code}"
    with open(os.path.join(layer, _DONE), "w", encoding="ascii"):
        return python, ""


def _see_the_images_own(layer: str) -> None:
    """Also where the image's Python is a virtual environment itself, whose own is not looked up."""
    version = "python{}.{}".format(*sys.version_info[:2])
    own = os.path.join(layer, "lib", version, "site-packages")
    beneath = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path]
    paths = [path for path in dict.fromkeys(beneath) if path.endswith(("-packages", "packages"))]
    with open(os.path.join(own, "image.pth"), "w", encoding="utf-8") as file:
        file.write("".join(f"{path}\n" for path in paths if os.path.isdir(path)))


def _run(command: Sequence[str], settings: dict[str, str], mask: Mask) -> tuple[int, str]:
    """Run a command, handing on what it prints; its code, and its own word of trouble."""
    own = {"PIP_RETRIES": "2", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**own, **settings, **os.environ},
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    error = broken = last = ""
    for line in process.stdout:
        line = mask.masked(line.encode()).decode()
        print(line, end="", flush=True)
        last = line.strip() or last
        if found := _BROKEN.match(line):
            number = _ERRNO.search(found[1])
            broken = number[1] if number else found[1].strip()
        elif found := _ERROR.match(line):
            error = found[1].strip()
    code = process.wait()
    if broken and code:
        return code, f"The package index cannot be reached: {broken}"
    return code, error or last
