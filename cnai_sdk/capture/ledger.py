"""What the script is made of so far: its parts, its values, and where each name came from."""

from __future__ import annotations

import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cnai_sdk.capture import imports
from cnai_sdk.capture.cells import Origins, Piece
from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.lookup import containers
from cnai_sdk.capture.modules import Carried
from cnai_sdk.capture.names import Uses, uses
from cnai_sdk.capture.nodes import Node, Part

Namespace = dict[str, Any]


class Ledger:
    """The record that capture writes while it follows names.

    Args:
        carried: takes the local modules that are needed.
        cwd: where relative file names begin.
    """

    def __init__(self, *, carried: Carried, cwd: Path) -> None:
        self.nodes: dict[str, Node] = {}
        self.values: dict[str, object] = {}
        self.pieces: list[Piece] = []
        self.future = False
        self.carried = carried
        self._cwd = cwd
        self.bound: dict[str, object] = {}
        self.cells: dict[str, str] = {}
        self._spaces: dict[int, Origins] = {}
        self.mutable: dict[int, str] = {}

    def origins(self, namespace: Namespace) -> Origins:
        """The sources of a namespace, read once."""
        found = self._spaces.get(id(namespace))
        if found is None:
            found = self._spaces[id(namespace)] = Origins(namespace, cwd=self._cwd)
        return found

    def cell(self, name: str) -> str:
        """The cell that bound a name of the script, or ''."""
        return self.cells.get(name, "")

    def literals(self) -> Iterable[tuple[str, object]]:
        """Values that the script writes down, each with its cell."""
        for name, node in self.nodes.items():
            if node.kind == "literal":
                yield self.cell(name) or name, self.bound[name]

    def shares(self, value: object) -> None:
        """Told of a container inside a pickled value: a name for it is pickled beside it."""
        name = self.mutable.get(id(value))
        if name is not None and name in self.nodes and self.nodes[name].kind == "literal":
            del self.nodes[name]
            self.values[name] = self.bound[name]

    def shared_name(self, name: str, value: object) -> str | None:
        """The name that already stands for this very container."""
        if literal(value) is None:
            return None
        for number, part in enumerate(containers(value)):
            other = self.mutable.setdefault(id(part), name)
            if other != name and self.bound.get(other) is not value:
                self.shares(part)
                self.values[name] = value
                return name
            if other != name and number == 0:
                return other
        return None

    def enter_import(self, name: str, line: imports.Import) -> None:
        if self.carried.is_local(line.module):
            self.carried.add(line.module)
        self.nodes[name] = Node(names=(name,), kind="import", parts=(Part(text=line.text),))

    def enter_definition(
        self, name: str, parts: tuple[Part, ...], reads: Uses, *, eager: Any, without: set[str]
    ) -> None:
        lazy = (reads.lazy | reads.sets) - without - set(eager)
        self.nodes[name] = Node(
            names=(name,),
            kind="definition",
            parts=parts,
            eager=frozenset(eager) - {name},
            lazy=frozenset(lazy) - {name},
        )

    def sets(self) -> set[str]:
        """Names that the captured code itself makes global."""
        return {name for piece in self.pieces for name in uses(statement(piece)).sets}

    def enter_submodules(self, reads: Uses, namespace: Namespace) -> None:
        """`import a.b` of another cell, for code that says `a.b.c`."""
        imported = self.origins(namespace).imported()
        for path in sorted(reads.dotted):
            first, *rest = path.split(".")
            module = namespace.get(first)
            if not isinstance(module, types.ModuleType):
                continue
            for depth in range(1, len(rest) + 1):
                real = ".".join([module.__name__, *rest[:depth]])
                if real in imported and real not in self.nodes:
                    self.enter_import(real, imports.Import(text=f"import {real}", module=real))

    def last_cell(self) -> str:
        return self.pieces[-1].source.label if self.pieces else ""


def statement(piece: Piece) -> str:
    return piece.text if "\n" in piece.text or "lambda" not in piece.text else f"_ = {piece.text}"
