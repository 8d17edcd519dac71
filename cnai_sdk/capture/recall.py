"""The same script, called with other arguments."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping

from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.secrets import check_secret
from cnai_sdk.errors import InvalidRequest

_CALL = "    _cnai_result = "


def with_arguments(script: str, changes: Mapping[str, object]) -> str:
    """The script with some keyword arguments of its last line, the call, replaced or added.

    Raises:
        InvalidRequest: the function has no such argument, a value has no literal form, or the
            script does not end in a call.

    >>> with_arguments("if x:\\n    _cnai_result = f(lr=0.1, n=2)\\n", {"lr": 1.0})
    'if x:\\n    _cnai_result = f(lr=1.0, n=2)\\n'
    """
    head, found, call = script.rstrip().rpartition(_CALL)
    tree = ast.parse(call, mode="eval").body if found else None
    if not isinstance(tree, ast.Call):
        raise InvalidRequest(
            "This job's arguments cannot be changed.",
            why="Its script does not end in a call of a captured function.",
            next_step="Call cnai.train again with args={...}.",
        )
    kept = {keyword.arg: keyword for keyword in tree.keywords}
    _refuse_unknown(changes, _parameters(head, tree.func))
    for name, value in changes.items():
        check_secret(name, value, where="args")
        text = literal(value)
        if text is None:
            raise InvalidRequest(
                f"args[{name!r}] is {type(value).__name__}, which a rerun cannot write down.",
                next_step="Give numbers, text, lists or dicts, or call cnai.train again.",
            )
        kept[name] = ast.keyword(arg=name, value=ast.parse(text, mode="eval").body)
    tree.keywords = list(kept.values())
    return f"{head}{_CALL}{ast.unparse(tree)}\n"


def _parameters(definitions: str, called: ast.expr) -> list[str] | None:
    """The names that the called function takes; None when the script does not tell."""
    name = called.id if isinstance(called, ast.Name) else ""
    found = None
    for node in ast.parse(definitions + "    pass\n").body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            found = node
    if found is None or found.decorator_list or found.args.kwarg is not None:
        return None
    return [argument.arg for argument in (*found.args.args, *found.args.kwonlyargs)]


def _refuse_unknown(changes: Mapping[str, object], known: list[str] | None) -> None:
    for name in changes:
        if known is None or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        raise InvalidRequest(
            f"The function has no argument {name!r}.",
            why=f"Its arguments are {', '.join(known)}." if known else "It takes none.",
            next_step=f"Write {near[0]}." if near else f"Leave {name} out of args.",
        )
