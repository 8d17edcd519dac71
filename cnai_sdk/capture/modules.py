"""Modules: those that an environment installs, and those of the notebook's folder, which travel."""

from __future__ import annotations

import ast
import os
import site
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from cnai_sdk.capture.secrets import check_source
from cnai_sdk.errors import CaptureError

_MAIN = ("__main__", "__mp_main__")  # the second is what multiprocessing calls it in a child
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})


def is_local(name: str, *, roots: Iterable[Path]) -> bool:
    """Whether a loaded module belongs to the notebook's folder rather than to an environment.

    Args:
        name: a name in `sys.modules`.
        roots: the notebook's folder and the current directory.
    """
    top = name.split(".")[0]
    if top == "cnai_sdk" or top in sys.stdlib_module_names or name in _MAIN:
        return False
    module = sys.modules.get(name)
    if module is None:
        return False
    return any(_is_local_path(place, tuple(roots)) for place in _places(module))


def _places(module: types.ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    if file:
        return [os.path.realpath(file)] if str(file).endswith(".py") else []
    return [os.path.realpath(place) for place in getattr(module, "__path__", ())]


def _is_local_path(place: str, roots: tuple[Path, ...]) -> bool:
    if {"site-packages", "dist-packages"} & set(Path(place).parts):
        return False
    if any(_under(place, str(root)) for root in roots):
        return True
    return not any(_under(place, folder) for folder in _environment())


def _under(place: str, folder: str) -> bool:
    real = os.path.realpath(folder)
    return place == real or place.startswith(real.rstrip(os.sep) + os.sep)


@lru_cache(maxsize=1)
def _environment() -> tuple[str, ...]:
    """Folders that every process of this interpreter imports from, editable installs included."""
    folders = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), sys.base_prefix]
    folders += filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sites = [
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        site.getusersitepackages(),
    ]
    for folder in sites:
        for path in Path(folder).glob("*.pth"):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            folders += [line.strip() for line in lines if os.path.isdir(line.strip())]
    return tuple(folder for folder in folders if folder)


class Carried:
    """The local modules that travel: path under 'code/' → content.

    Args:
        roots: the notebook's folder and the current directory.
    """

    def __init__(self, *, roots: Iterable[Path]) -> None:
        self._roots = tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in roots))
        self.files: dict[str, bytes] = {}

    def is_local(self, name: str) -> bool:
        """Whether a module would be carried."""
        return is_local(name, roots=self._roots)

    def add(self, name: str) -> None:
        """Carry a loaded local module, the package around it, and what they import locally."""
        root = self._root_of(name)
        if root is None:
            raise CaptureError(
                f"The module {name} cannot be carried: its file is not where its name says.",
                next_step="put it in the notebook's folder, or install it",
                name=name,
            )
        self._follow(root, name.split("."))

    def add_imports_of(self, text: str) -> None:
        """Carry the local modules that a script imports."""
        for parts in _imports(text, []):
            for root in self._roots:
                self._follow(root, parts)

    def _root_of(self, name: str) -> Path | None:
        """The folder that `import name` starts from."""
        parts = name.split(".")
        for place in _places(sys.modules[name]):
            path = Path(place)
            if path.name == "__init__.py":
                path = path.parent
            for root in path.parents[len(parts) - 1 : len(parts)]:
                if root.joinpath(*parts) == path.with_suffix(
                    "" if path.suffix == ".py" else path.suffix
                ):
                    return root
        return None

    def _follow(self, root: Path, parts: list[str]) -> None:
        """Carry what `import a.b.c` reads under a root; silent where nothing is there."""
        if parts[0] == "cnai_sdk" or parts[0] in sys.stdlib_module_names:
            return
        for depth in range(1, len(parts) + 1):
            base = root.joinpath(*parts[:depth])
            if (base / "__init__.py").is_file():
                self._package(root, base)
            elif base.with_name(base.name + ".py").is_file():
                self._file(root, base.with_name(base.name + ".py"))

    def _package(self, root: Path, folder: Path) -> None:
        for at, folders, files in os.walk(folder):
            folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith("."))
            for file in sorted(files):
                if file.endswith((".py", ".pyi")):
                    self._file(root, Path(at, file))

    def _file(self, root: Path, path: Path) -> None:
        place = path.relative_to(root).as_posix()
        key = f"code/{place}"
        if key in self.files:
            return
        content = path.read_bytes()
        text = content.decode("utf-8", errors="replace")
        check_source(text, where=place)
        self.files[key] = content
        package = list(path.relative_to(root).parent.parts)
        for parts in _imports(text, package):
            for start in dict.fromkeys((root, *self._roots)):
                self._follow(start, parts)


def _imports(text: str, package: list[str]) -> Iterator[list[str]]:
    """Modules that a file may import, relative imports resolved."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            base = [*up, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield [*base, alias.name]


def public_path(value: object) -> tuple[str, str] | None:
    """The shortest module and name that give back this very object, or None.

    >>> import json
    >>> public_path(json.dumps)
    ('json', 'dumps')
    """
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    home = getattr(value, "__module__", None)
    if not isinstance(name, str) or not isinstance(home, str) or home in _MAIN:
        return None
    parts = home.split(".")
    public = [p for i, p in enumerate(parts) if not any(q.startswith("_") for q in parts[: i + 1])]
    for module in dict.fromkeys((".".join(public), home)):
        if module and _reach(sys.modules.get(module), name) is value:
            return module, name
    return None


def _reach(start: object, dotted: str) -> object:
    for part in dotted.split("."):
        start = getattr(start, part, None)
    return start
