"""What is done around the import of a library, if and when the program imports it."""

import gc
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

Around = Callable[[ModuleType, Callable[[ModuleType], None]], None]
"""Gets the module that is being imported and what runs its code, and calls that."""


def around(name: str, act: Around) -> None:
    """When `name` is imported, let `act` run its code."""
    sys.meta_path.insert(0, _Finder(name, act))


def now_or_later(name: str, act: Around, then: Callable[[ModuleType], None]) -> None:
    """Let `act` run the code of `name` when it is imported, and do `then` with the module: at once
    when it is loaded."""

    def both(module: ModuleType, execute: Callable[[ModuleType], None]) -> None:
        act(module, execute)
        then(module)

    if name in sys.modules:
        then(sys.modules[name])
    else:
        around(name, both)


def without_collector(module: ModuleType, execute: Callable[[ModuleType], None]) -> None:
    """Import without cyclic garbage collection: what an import makes stays.

    A tenth of the time that torch takes: its import makes a million objects, and the collector
    walks over all of them again and again.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        execute(module)
    finally:
        if collecting:
            gc.enable()


class _Finder(MetaPathFinder):
    """Finds its module once, then steps aside."""

    def __init__(self, name: str, act: Around) -> None:
        self._name = name
        self._act = act

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Around(spec.loader, self._act)
        return spec


class _Around(Loader):
    def __init__(self, inner: Loader, act: Around) -> None:
        self._inner = inner
        self._act = act

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._act(module, self._inner.exec_module)
