"""capture(): a function and its arguments become a payload."""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import shlex
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cnai_sdk.capture.collector import Collector
from cnai_sdk.capture.effects import effects, paths_not_in_data
from cnai_sdk.capture.functions import inside
from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.lookup import name_of
from cnai_sdk.capture.modules import Carried
from cnai_sdk.capture.nodes import Cycle, Node, Part, in_order
from cnai_sdk.capture.script import assembled
from cnai_sdk.capture.secrets import check_secret
from cnai_sdk.capture.values import PYTHON, pickled
from cnai_sdk.errors import CaptureError, InvalidRequest
from cnai_sdk.model.quantity import show_given
from cnai_sdk.model.spec import Payload


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """A function that can travel, and what its author should know.

    Attributes:
        notices: sentences for a person, each with the cell that it is about.
        inherited: those of them about the environment, which some workers begin with.
        origin_cell: 'cell [3]' or a file's name, where the function itself is defined; '' unknown.
        title: the function's name, for a workload's default name.
    """

    payload: Payload
    notices: tuple[str, ...]
    inherited: frozenset[str] = frozenset()
    origin_cell: str
    title: str


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    """What is called: an expression of the script, and arguments that partials brought."""

    expression: str
    positional: tuple[object, ...] = ()
    named: dict[str, object] = {}


def capture(
    fn: Callable[..., Any],
    args: Mapping[str, object],
    *,
    data: Sequence[str] = (),
    variables: Collection[str] = (),
    limit: int = 10 * 2**20,
    cwd: Path | None = None,
) -> Captured:
    """Everything that a worker needs to run `fn(**args)`.

    Args:
        fn: a function, lambda, partial, bound method or callable object.
        args: keyword arguments for fn.
        data: relative paths that the workers get by other means; they draw no notice.
        variables: of the environment, which they get by other means too.
        limit: bytes of pickled values that may travel.
        cwd: the notebook's folder; the current directory when not given.

    Raises:
        InvalidRequest: fn cannot be called with these arguments.
        CaptureError: a name that fn needs cannot travel.
        SecretRefused: an argument or a captured value is a secret.
    """
    title = _title(fn)
    _check_kind(fn, title)
    _check_arguments(fn, args, title)
    for name, value in args.items():
        check_secret(name, value, where="args")
    folder = Path(os.path.abspath(cwd or _here()))
    carried = Carried(roots=(folder, _here()))
    collector = Collector(carried=carried, cwd=folder)
    space = _namespace(fn)
    target = _target(fn, title, space, collector)
    call = _call(target, args, space, collector)
    nodes, files = _with_values(collector, space, limit)
    script, spans = assembled(nodes, call=call, future=collector.future)
    payload = Payload(
        entry=target.expression,
        files={"script.py": script.encode(), **carried.files, **files},
        spans=spans,
        python=PYTHON if files else None,
    )
    left = list(effects(collector.origins(space).sources, variables))
    notices = (
        *(effect.sentence for effect in left),
        *paths_not_in_data(collector.pieces, collector.literals(), data=data, cwd=folder),
        *_about(collector),
    )
    origin = collector.cell(target.expression.split(".")[0])
    if target.expression.isidentifier() and not target.expression.startswith("_"):
        title = target.expression
    inherited = frozenset(effect.sentence for effect in left if effect.on_environment)
    return Captured(
        payload=payload, notices=notices, inherited=inherited, origin_cell=origin, title=title
    )


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was deleted under this process
        return Path("/")


def _title(fn: Any) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__name__", None) or type(fn).__name__.lower()
    return str(name).strip("<>")


def _no_function(value: object) -> InvalidRequest:
    step = "pass the function itself, such as train(digits), not digits()."
    kind = type(value).__name__
    what = f"A value of the type {kind} is not a function: it cannot be called."
    if value is None:
        what = "None is not a function."
    elif isinstance(value, str | Path) and str(value).endswith(".py"):
        what = f"{show_given(str(value))} names a file, and is not a function."
        run = f"cnai train {shlex.quote(str(value))}"
        step = f"run a script by the command {run}, or pass one of its functions."
    elif isinstance(value, str):  # it is not repeated, since it may be anything
        what = "A text is not a function."
        step = "pass the function itself, without quotes, such as train(digits)."
    return InvalidRequest(what, next_step=step)


def _check_kind(fn: Any, title: str) -> None:
    if not callable(fn):
        raise _no_function(fn)
    if isinstance(fn, type):
        raise InvalidRequest(
            f"{title} is a class; calling it only makes an object.",
            next_step=f"pass a method of an object, such as {title}(...).fit.",
        )
    inner = inspect.unwrap(fn)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        raise InvalidRequest(
            f"{title} is an async function; a worker would only make a coroutine of it.",
            next_step="pass a plain function that calls asyncio.run(...) inside.",
        )
    if inspect.isgeneratorfunction(inner):
        raise InvalidRequest(
            f"{title} is a generator function; calling it runs none of its lines.",
            next_step="use cnai.report(...) in place of yield, or loop over it in a function.",
        )


def _check_arguments(fn: Any, args: Mapping[str, object], title: str) -> None:
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return
    kinds = {p.kind for p in parameters.values()}
    named = [
        n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    for given in args:
        if given not in named and inspect.Parameter.VAR_KEYWORD not in kinds:
            near = difflib.get_close_matches(str(given), named, n=1)
            raise InvalidRequest(
                f"{title} has no argument {given!r}.",
                why=f"its arguments are {', '.join(named)}." if named else "it takes none.",
                next_step=f"write {near[0]}." if near else f"leave {given} out of args.",
            )
    missing = [
        n
        for n, p in parameters.items()
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and (n not in args or p.kind is p.POSITIONAL_ONLY)
    ]
    if missing:
        given = ", ".join(f"{name!r}: ..." for name in missing)
        raise InvalidRequest(
            f"{title} is missing the argument{'s' * (len(missing) > 1)} {', '.join(missing)}.",
            why="the function gives no default for it.",
            next_step=f"pass args={{{given}}}, or give a default.",
        )


def _namespace(fn: Any) -> dict[str, Any]:
    """The globals that the function's names are looked up in."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = getattr(fn, "__func__", fn)
    shell = _user_namespace()
    if isinstance(fn, types.FunctionType) and not hasattr(fn, "__wrapped__"):
        wrapped = shell is not None and any(value is fn for value in list(shell.values()))
        return shell if wrapped and shell is not None else fn.__globals__
    inner = inside(fn, lambda f: not hasattr(f, "__wrapped__") and f.__name__ == _title(fn))
    if inner is None and not isinstance(fn, types.FunctionType):
        inner = vars(type(fn)).get("__call__")
    found = getattr(inner, "__globals__", None)
    return found or shell or vars(sys.modules["__main__"])


def _user_namespace() -> dict[str, Any] | None:
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    shell = get_ipython()  # type: ignore[no-untyped-call]
    return None if shell is None else shell.user_ns


def _target(fn: Any, title: str, space: dict[str, Any], collector: Collector) -> _Target:
    if isinstance(fn, functools.partial):
        inner = _target(fn.func, title, space, collector)
        return _Target(
            expression=inner.expression,
            positional=(*inner.positional, *fn.args),
            named={**inner.named, **fn.keywords},
        )
    if isinstance(fn, types.MethodType):
        owner = fn.__self__
        name = (
            collector.refer(owner, space)
            if isinstance(owner, type)
            else _named(owner, type(owner).__name__.lower(), space, collector)
        )
        return _Target(expression=f"{name}.{fn.__name__}")
    if isinstance(fn, types.FunctionType | types.BuiltinFunctionType):
        return _Target(expression=collector.refer(fn, space))
    return _Target(expression=_named(fn, title, space, collector))


def _named(value: Any, fallback: str, space: dict[str, Any], collector: Collector) -> str:
    """The notebook's own name for an object, or one made for it."""
    known = name_of(value, space)
    if known:
        collector.require(known, space)
        return known
    name = f"_{fallback}"
    collector.bind(name, value, space)
    return name


def _call(
    target: _Target, args: Mapping[str, object], space: dict[str, Any], collector: Collector
) -> str:
    texts = [
        _argument(f"{number}", value, space, collector)
        for number, value in enumerate(target.positional)
    ]
    for name, value in {**target.named, **args}.items():
        texts.append(f"{name}={_argument(name, value, space, collector)}")
    return f"{target.expression}({', '.join(texts)})"


def _argument(name: str, value: object, space: dict[str, Any], collector: Collector) -> str:
    text = literal(value)
    if text is not None and "pathlib." not in text:
        check_secret(name, value, where="args")
        return text
    if isinstance(value, types.FunctionType | type):
        return collector.refer(value, space)
    held = f"_arg_{name}"
    collector.give(held, value, space)
    return held


def _with_values(
    collector: Collector, space: dict[str, Any], limit: int
) -> tuple[list[Node], dict[str, bytes]]:
    """The nodes in order, with the values in one file, or one each where that has no order."""
    files, loads = _pickles(collector, space, limit, together=True)
    try:
        return in_order([*loads, *collector.nodes.values()]), files
    except Cycle:
        files, loads = _pickles(collector, space, limit, together=False)
    try:
        return in_order([*loads, *collector.nodes.values()]), files
    except Cycle as cycle:
        name = cycle.names[0]
        raise CaptureError(
            f"{name} needs itself before it is defined.",
            why="a definition reads a value at once that is made from the same definition.",
            next_step="set that value in the function's body instead of a default or decorator.",
            name=name,
            cell=collector.cell(name),
        ) from None


def _pickles(
    collector: Collector, space: dict[str, Any], limit: int, *, together: bool
) -> tuple[dict[str, bytes], list[Node]]:
    while True:
        before = dict(collector.values)
        groups = [before] if together else [{name: value} for name, value in before.items()]
        files: dict[str, bytes] = {}
        loads: list[Node] = []
        for number, group in enumerate(filter(None, groups), 1):
            used: set[str] = set()

            def refer(value: Any, used: set[str] = used) -> str | None:
                name = collector.notebook_name(value, space)
                used.update({name.split(".")[0]} if name else ())
                return name

            path = f"values/{number}.pkl"
            files[path] = pickled(
                group, refer=refer, limit=limit, where=collector.cell, seen=collector.shares
            )
            loads.append(_load(path, tuple(group), used, map(collector.cell, group)))
        if collector.values.keys() == before.keys():
            return files, loads


def _load(path: str, names: tuple[str, ...], used: Iterable[str], cells: Iterable[str]) -> Node:
    left = ", ".join(names) if len(names) > 1 else f"({names[0]},)"
    where = ", ".join(dict.fromkeys(filter(None, cells)))
    said = f"# values of {where}\n" if where else ""
    part = Part(text=f'{said}{left} = _cnai_load("{path}")')
    return Node(names=names, kind="values", parts=(part,), eager=frozenset(used))


def _about(collector: Collector) -> Iterable[str]:
    if "display" in collector.nodes and collector.nodes["display"].kind == "literal":
        yield "display() prints in a job: workers have no notebook to display in."
