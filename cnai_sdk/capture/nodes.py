"""The parts of a script and the order that their needs give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of the script; `source` is '' for lines that capture wrote itself."""

    text: str
    source: str = ""
    line: int = 1


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One import, value or definition of the script.

    Attributes:
        names: what it binds.
        eager: names that must be bound, and work, before it.
        lazy: names that are needed once it is called.
        later: for a container that decorators fill while it is needed: how it begins, and the
            statement that gives it its content.
    """

    names: tuple[str, ...]
    kind: Literal["import", "literal", "values", "definition"]
    parts: tuple[Part, ...]
    eager: frozenset[str] = frozenset()
    lazy: frozenset[str] = frozenset()
    later: tuple[str, str] = ("", "")


class Cycle(Exception):
    """Two parts need each other before either exists."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Nodes such that each comes after what it needs; helpers before their callers.

    Raises:
        Cycle: when no such order exists.
    """
    order = _Order({name: node for node in nodes for name in node.names})
    knots = [n for n in order.nodes() if n.later[0] and any(order.reaches(e, n) for e in n.eager)]
    if knots:
        return in_order([*order.nodes(without=knots), *(part for n in knots for part in _split(n))])
    return order.all()


def _split(node: Node) -> tuple[Node, Node]:
    """The empty container, and its content once that exists."""
    name, source = node.names[0], node.parts[0].source
    empty = Part(text=node.later[0], source=source, line=node.parts[0].line)
    return (
        Node(names=(name,), kind="literal", parts=(empty,)),
        Node(
            names=(f"{name} filled",),
            kind="definition",
            parts=(Part(text=node.later[1]),),
            eager=node.eager | {name},
        ),
    )


class _Order:
    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._done: list[Node] = []
        self._placed: set[int] = set()
        self._active: set[int] = set()
        self._closed: set[str] = set()

    def nodes(self, *, without: Iterable[Node] = ()) -> list[Node]:
        skipped = {id(node) for node in without}
        return list({id(n): n for n in self._nodes.values() if id(n) not in skipped}.values())

    def all(self) -> list[Node]:
        for name in self._nodes:
            self._place(name)
        return self._done

    def _place(self, name: str, *, must: bool = False) -> None:
        node = self._nodes.get(name)
        if node is None or id(node) in self._placed:
            return
        if id(node) in self._active:
            if must:
                raise Cycle(node.names)
            return
        self._active.add(id(node))
        for needed in sorted(node.eager - set(node.names)):
            self._place(needed, must=True)
            self._close(needed)
        for needed in sorted(node.lazy - set(node.names)):
            if not self.reaches(needed, node):
                self._place(needed)
                self._close(needed)
        if id(node) not in self._placed:
            self._placed.add(id(node))
            self._done.append(node)

    def _close(self, name: str) -> None:
        """Place everything that running `name` can need."""
        if name in self._closed or name not in self._nodes:
            return
        self._closed.add(name)
        node = self._nodes[name]
        for needed in sorted(node.lazy | node.eager):
            self._place(needed)
            self._close(needed)

    def reaches(self, start: str, end: Node) -> bool:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            node = self._nodes.get(name)
            if name in seen or node is None:
                continue
            if node is end:
                return True
            seen.add(name)
            waiting.extend(node.eager | node.lazy)
        return False
