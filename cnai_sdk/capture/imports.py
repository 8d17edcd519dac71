"""How the script imports a name that an import gave the notebook."""

from __future__ import annotations

import sys
import types

import msgspec

from cnai_sdk.capture.cells import Origins
from cnai_sdk.capture.modules import public_path


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """One import statement; `module` is what it loads."""

    text: str
    module: str


def of_module(name: str, module: types.ModuleType) -> Import:
    """The import that binds a module to a name.

    >>> import os.path
    >>> of_module("path", os.path).text
    'import posixpath as path'
    """
    real = module.__name__
    text = f"import {real}" if name == real else f"import {real} as {name}"
    return Import(text=text, module=real)


def as_written(name: str, value: object, origins: Origins) -> Import | None:
    """The notebook's own import of a name, when the name still holds what it gave."""
    for _, binding in origins.bound(name):
        if binding.kind not in ("import", "star"):
            return None
        module = sys.modules.get(binding.module)
        attribute = name if binding.kind == "star" else binding.attribute
        if module is None or not attribute:
            return None
        if getattr(module, attribute, None) is not value:
            return None
        return _from(binding.module, attribute, name)
    return None


def by_reference(name: str, value: object) -> Import | None:
    """An import that gives back this very object under a name, or None."""
    found = public_path(value)
    if found is None:
        return None
    module, attribute = found
    outer, _, inner = attribute.rpartition(".")
    if outer:
        return None
    return _from(module, inner, name)


def _from(module: str, attribute: str, name: str) -> Import:
    renamed = f" as {name}" if name != attribute else ""
    return Import(text=f"from {module} import {attribute}{renamed}", module=module)
