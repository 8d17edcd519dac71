"""Follows names from the captured function to everything that it needs, by their live values."""

from __future__ import annotations

import builtins
import types
from typing import Any

import msgspec

from cnai_sdk.capture import expressions, imports, refusals
from cnai_sdk.capture.cells import Origins, Piece
from cnai_sdk.capture.classes import class_source, made_by_call, patched
from cnai_sdk.capture.functions import (
    Found,
    changed_defaults,
    factory,
    inside,
    refuse_notebook_syntax,
    replaced,
    source_of,
)
from cnai_sdk.capture.ledger import Ledger, Namespace
from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.live import live
from cnai_sdk.capture.lookup import (
    filled_later,
    gives,
    is_dispatcher,
    is_environment,
    is_shell_own,
    name_of,
    reach,
    same,
)
from cnai_sdk.capture.modules import public_path
from cnai_sdk.capture.names import Uses, uses
from cnai_sdk.capture.nodes import Node, Part
from cnai_sdk.capture.secrets import check_secret, check_source
from cnai_sdk.capture.statements import definition_at, text_of


class Collector(Ledger):
    """Follows live names, and enters what they are in the ledger.

    Args:
        carried: takes the local modules that are needed.
        cwd: where relative file names begin.
    """

    def require(self, name: str, namespace: Namespace, *, weak: bool = False) -> None:
        """Bind a global name of the captured code, with everything that it needs."""
        if name not in namespace:
            if not weak:
                self._absent(name, namespace)
            return
        value = namespace[name]
        if is_shell_own(name, value):
            return
        if name in self.bound:
            if not same(self.bound[name], value):
                raise refusals.two_meanings(name, cell=self.cell(name))
            return
        self.bind(name, value, namespace)

    def bind(self, name: str, value: object, namespace: Namespace) -> None:
        """Give a name of the script a value, in the way that suits the value."""
        origins = self.origins(namespace)
        self.bound[name] = value
        self.cells[name] = origins.label(name) or self.cell(name)
        if isinstance(value, types.ModuleType):
            self.enter_import(name, imports.of_module(name, value))
        elif type(value).__name__ in ("ZMQInteractiveShell", "TerminalInteractiveShell"):
            raise refusals.cannot_travel(name, value, cell=self.cell(name))
        elif not self._imported(name, value, origins) and not self._defined(
            name, value, namespace, origins
        ):
            self.give(name, value, namespace)

    def give(self, name: str, value: object, namespace: Namespace) -> None:
        """Bind a name to a value as data: as text where that is possible, else pickled."""
        self.bound[name] = value
        cell = self.cells.setdefault(name, self.origins(namespace).label(name))
        if live(value) is not None:
            raise refusals.cannot_travel(name, value, cell=self.cell(name))
        if is_environment(value):
            raise refusals.environment_copy(name, cell=cell)
        check_secret(name, value, where=cell or "the notebook")
        used: set[str] = set()
        text = self.shared_name(name, value) or expressions.expression(
            value, lambda item: self._noted(used, item, namespace)
        )
        if text is None or (text.isidentifier() and text in self.values):
            self.values[name] = value
            return
        plain = all(self.nodes[u].kind == "import" for u in used if u in self.nodes)
        if text in self.nodes and text.isidentifier():
            used.add(text)
            plain = False
        parts = (Part(text=f"{name} = {text}", source=cell),)
        kind: Any = "literal" if plain else "definition"
        self.nodes[name] = Node(
            names=(name,),
            kind=kind,
            parts=parts,
            eager=frozenset(used),
            later=filled_later(name, value, text),
        )

    def refer(self, value: Any, namespace: Namespace) -> str:
        """An expression that names a class, function or module in the script."""
        own = getattr(value, "__globals__", namespace)
        space = namespace if public_path(value) and own is not namespace else own
        for name, bound in list(self.bound.items()):
            if bound is value and name in self.nodes:
                return name
        path = str(getattr(value, "__qualname__", ""))
        if path and "<" not in path and reach(space, path) is value:
            self.require(path.split(".")[0], space)
            return path
        known = name_of(value, space)
        if known:
            self.require(known, space)
        return known or self._anonymous(value, space)

    def notebook_name(self, value: Any, namespace: Namespace) -> str | None:
        """As `refer`, or None for what a plain pickle finds by importing it."""
        found = public_path(value)
        if found is None:
            return self.refer(value, namespace)
        if self.carried.is_local(found[0]):
            self.carried.add(found[0])
        return None

    def _noted(self, used: set[str], value: Any, namespace: Namespace) -> str:
        name = self.refer(value, namespace)
        used.add(name.split(".")[0])
        return name

    def _anonymous(self, value: Any, namespace: Namespace) -> str:
        kind = str(getattr(value, "__name__", "value")).strip("<>").replace(".", "_")
        names = [kind, *(f"_{kind}_{number}" for number in range(1, 1000))]
        if not isinstance(value, types.ModuleType) and public_path(value) is None:
            names = names[1:] if kind == "lambda" else [f"_{kind}", *names[1:]]
        free = (n for n in names if n not in self.bound and n not in namespace)
        name = next(free)
        self.bind(name, value, namespace)
        return name

    def _imported(self, name: str, value: object, origins: Origins) -> bool:
        line = imports.as_written(name, value, origins)
        if line is None and callable(value):
            line = imports.by_reference(name, value)
        if line is not None:
            self.enter_import(name, line)
        return line is not None

    def _defined(self, name: str, value: Any, namespace: Namespace, origins: Origins) -> bool:
        """Bind functions, classes and what decorators made of them; False for plain data."""
        newest = next(origins.bound(name), None)
        if isinstance(value, types.FunctionType) and value.__code__.co_name == name:
            return self._function(name, value)
        if isinstance(value, type):
            return self._class(name, value, namespace, newest)
        if newest and newest[1].kind == "def" and self._decorated(name, value, newest, namespace):
            return True
        if isinstance(value, types.FunctionType) and not hasattr(value, "__wrapped__"):
            return self._function(name, value)
        if callable(value) and hasattr(value, "__wrapped__") and self._wrapped(name, value):
            return True
        if isinstance(value, types.FunctionType):
            return self._function(name, value)
        if newest and made_by_call(newest[1].node) and type(value).__module__ == "typing":
            return self._made(name, newest, namespace)
        return False

    def _function(self, name: str, function: types.FunctionType) -> bool:
        space = function.__globals__
        found = source_of(function, self.origins(space))
        if found is None:
            raise refusals.no_source(name, cell=self.cell(name))
        found, lazy_defaults = self._settled(name, function, found)
        own = found.piece.text
        reads = uses(own if found.statement else f"_ = {own}")
        free = self._closure(name, function)
        variables = set(function.__code__.co_freevars)
        self._check(name, found.piece, reads, space, without=variables | lazy_defaults)
        if found.statement and not variables and function.__code__.co_name == name:
            parts: tuple[Part, ...] = (_part(found.piece),)
        else:
            parts = factory(name, function, found, free)
        eager = (reads.eager - variables) | lazy_defaults | set(free.values())
        self.enter_definition(name, parts, reads, eager=eager, without=variables)
        return True

    def _settled(
        self, name: str, function: types.FunctionType, found: Found
    ) -> tuple[Found, frozenset[str]]:
        """The source with the defaults that the function has now."""
        space = function.__globals__
        changes, added = [], set()
        for node, argument, value in changed_defaults(found, function, gives(space)):
            text = literal(value)
            if text is None or "pathlib." in text:
                text = f"_{name.strip('_')}_{argument}"
                self.give(text, value, space)
                added.add(text)
            else:
                check_secret(argument, value, where=found.piece.source.label)
            changes.append((node, text))
        if not changes:
            return found, frozenset()
        piece = replaced(found.piece, changes)
        return Found(piece=piece, node=found.node, statement=found.statement), frozenset(added)

    def _closure(self, name: str, function: types.FunctionType) -> dict[str, str]:
        """Free variables by the names in the script that hold their values."""
        held: dict[str, str] = {}
        for variable, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            if value is function or variable == "__class__":
                continue
            held[variable] = self._hold(name, variable, value, function)
        return held

    def _hold(self, owner: str, variable: str, value: Any, function: types.FunctionType) -> str:
        name = f"_{owner.strip('_')}_{variable}"
        if isinstance(value, types.FunctionType | type | types.ModuleType):
            return self.refer(value, function.__globals__)
        if name not in self.bound:
            source = self.origins(function.__globals__).of_code(function.__code__)
            self.cells[name] = source.label if source else ""
            check_secret(variable, value, where=self.cell(name) or "the notebook")
            self.bind(name, value, function.__globals__)
        return name

    def _class(self, name: str, cls: type, namespace: Namespace, newest: Any) -> bool:
        found = class_source(cls, self.origins(namespace))
        if found is None and newest and made_by_call(newest[1].node):
            return self._made(name, newest, namespace)
        if found is None or "<locals>" in cls.__qualname__:
            raise refusals.no_class_source(name, cell=self.cell(name))
        piece, node = found
        reads = uses(piece.text)
        self._check(name, piece, reads, namespace, without={cls.__name__})
        parts, eager = [_part(piece)], set(reads.eager)
        if cls.__name__ != name:
            parts.append(Part(text=f"{name} = {cls.__name__}"))
        for attribute, value in patched(cls, node):
            text: str = literal(value) or self.refer(value, namespace)
            if callable(value):
                eager.add(text.split(".")[0])
            parts.append(Part(text=f"{name}.{attribute} = {text}"))
        self.enter_definition(name, tuple(parts), reads, eager=eager, without=set())
        return True

    def _made(self, name: str, newest: Any, namespace: Namespace) -> bool:
        source, binding = newest
        text = text_of(source.text, binding.node)
        piece = Piece(text=text, source=source, first=binding.node.lineno)
        reads = uses(text)
        self._check(name, piece, reads, namespace, without={name})
        self.enter_definition(name, (_part(piece),), reads, eager=reads.eager, without=set())
        return True

    def _decorated(self, name: str, value: Any, newest: Any, namespace: Namespace) -> bool:
        source, binding = newest
        decorators = getattr(binding.node, "decorator_list", ())

        def written_there(function: types.FunctionType) -> bool:
            code = function.__code__
            if code.co_name != name:
                return False
            return definition_at(source.text, name, code.co_firstlineno) is binding.node

        inner = inside(value, written_there) if decorators else None
        if inner is None:
            return False
        return self._with_decorators(name, inner)

    def _wrapped(self, name: str, value: Any) -> bool:
        """A decorated function without a statement of its own at the top level."""
        inner = inside(value, lambda f: f.__code__.co_name == getattr(value, "__name__", name))
        return inner is not None and self._with_decorators(name, inner)

    def _with_decorators(self, name: str, inner: types.FunctionType) -> bool:
        held: Any = self.bound[name]
        done = self._function(name, inner)
        self.bound[name] = held
        if is_dispatcher(held):
            self._dispatches(name, held, inner.__globals__)
        return done

    def _dispatches(self, name: str, dispatcher: Any, namespace: Namespace) -> None:
        """What `register` added to a singledispatch function."""
        node = self.nodes[name]
        used: set[str] = set()
        for kind, function in dispatcher.registry.items():
            if kind is not object:
                typed = self._noted(used, kind, namespace)
                text = f"{name}.register({typed}, {self._noted(used, function, namespace)})"
                line = Node(
                    names=(text,),
                    kind="definition",
                    parts=(Part(text=text),),
                    eager=frozenset({name, *used}),
                )
                self.nodes[text] = line
        self.nodes[name] = msgspec.structs.replace(node, lazy=node.lazy | used)

    def _check(
        self, name: str, piece: Piece, reads: Uses, namespace: Namespace, *, without: set[str]
    ) -> None:
        """Refuse what the source may not hold, then bind the names that it reads."""
        self.cells[name] = piece.source.label
        self.nodes.setdefault(name, Node(names=(name,), kind="definition", parts=()))
        self.pieces.append(piece)
        self.future = self.future or "from __future__ import annotations" in piece.source.text
        refuse_notebook_syntax(piece, name)
        check_source(piece.text, where=piece.source.label)
        for needed in sorted((reads.eager | reads.lazy) - without):
            if needed != name or needed not in self.bound:
                weak = needed in reads.weak | reads.sets | self.sets()
                self.require(needed, namespace, weak=weak)
        self.enter_submodules(reads, namespace)

    def _absent(self, name: str, namespace: Namespace) -> None:
        if name == "display":
            shown = (Part(text="display = print  # workers have no notebook to display in"),)
            self.nodes[name] = Node(names=(name,), kind="literal", parts=shown)
            self.bound[name] = print
        elif name == "input":
            raise refusals.asks_for_input(cell=self.last_cell())
        elif not hasattr(builtins, name):
            raise refusals.undefined(name, cell=self.last_cell())


def _part(piece: Piece) -> Part:
    return Part(text=piece.text, source=piece.source.label, line=piece.line)
