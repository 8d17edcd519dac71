"""Secrets are refused by their name or their shape; a refusal never prints the value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from cnai_sdk.errors import SecretRefused

_SHAPES = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bAIza[A-Za-z0-9_-]{30,}|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ALWAYS = frozenset(
    ["password", "passwd", "secret", "secrets", "credential", "credentials", "passphrase"]
)
_SOMETIMES = frozenset(["token", "key", "apikey"])
_ABOUT = frozenset(  # api_key_file, TOKEN_TYPE: about a secret, not one
    [
        "file",
        "path",
        "name",
        "type",
        "column",
        "columns",
        "field",
        "index",
        "len",
        "length",
        "count",
        "size",
        "dir",
        "env",
        "var",
        "url",
        "fn",
    ]
)
_OTHER = frozenset(  # what else a token or a key is, in text models and tables
    [
        "pad",
        "eos",
        "bos",
        "unk",
        "sep",
        "cls",
        "mask",
        "special",
        "start",
        "end",
        "stop",
        "next",
        "first",
        "last",
        "new",
        "image",
        "audio",
        "blank",
        "sort",
        "group",
        "primary",
        "foreign",
        "partition",
        "dict",
        "state",
        "cache",
        "metric",
        "label",
        "index",
        "max",
        "min",
        "by",
        "row",
        "col",
        "join",
        "lookup",
        "hot",
        "prng",
        "random",
        "query",
        "attention",
        "value",
    ]
)
_SPECIAL = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\s*", re.DOTALL)
_DEPTH = 8
_ITEMS = 10_000


def check_secret(name: str, value: object, *, where: str) -> None:
    """Refuse a value whose name or shape says that it is a secret.

    Args:
        name: the name that it goes by, such as 'HF_TOKEN'.
        value: looked into when it is a container; keys of a dict count as names.
        where: how the refusal calls the place, such as 'args' or 'cell [3]'.

    Raises:
        SecretRefused: names the value, and never shows it.

    >>> check_secret("max_tokens", 512, where="args")
    >>> check_secret("HF_TOKEN", "abc", where="env")
    Traceback (most recent call last):
        ...
    cnai_sdk.errors.SecretRefused: HF_TOKEN in env looks like a secret, and is not sent.
    Why: it would be written into the job's script and the store, where others can read it.
    What to do: pass secrets=["HF_TOKEN"] and read os.environ["HF_TOKEN"] inside the function.
    """
    room = [_ITEMS]
    for spelled, key, text in _texts(name, name, value, 0, room):
        if named_secret(key, text) or _SHAPES.search(text):
            raise _refusal(spelled, key, where)


def check_source(text: str, *, where: str) -> None:
    """Refuse source that has a secret written in it.

    Args:
        text: Python source.
        where: the cell or file that it comes from.

    Raises:
        SecretRefused: names the line.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for name, node in _strings(tree):
        value = node.value if isinstance(node.value, str) else str(node.value)
        if _SHAPES.search(value) or (name and named_secret(name, value)):
            raise _refusal(name or "a string", name, f"{where}, line {node.lineno}")


def named_secret(name: str, text: str) -> bool:
    """Whether text under that name counts as a secret.

    >>> named_secret("api_key", "abc"), named_secret("pad_token", "<pad>"), named_secret("key", "a")
    (True, False, False)
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _ABOUT or _SPECIAL.fullmatch(text):
        return False
    if _ALWAYS & set(words):
        return True
    if not _SOMETIMES & set(words) or _OTHER & set(words):
        return False
    if len(words) == 1 and not name.isupper() and name.lower() != "apikey":
        return len(text) >= 16 and any(c.isdigit() for c in text) and not re.search(r"\s", text)
    return True


def _texts(
    spelled: str, key: str, value: object, depth: int, room: list[int]
) -> Iterator[tuple[str, str, str]]:
    room[0] -= 1
    if room[0] < 0 or depth > _DEPTH:
        return
    if isinstance(value, str):
        yield spelled, key, value
    elif isinstance(value, bytes | bytearray):
        yield spelled, key, bytes(value[:65536]).decode("latin-1")
    elif isinstance(value, Mapping):
        for inner, item in list(value.items()):
            name = inner if isinstance(inner, str) else key
            yield from _texts(f"{spelled}[{_shown(inner)}]", name, item, depth + 1, room)
    elif isinstance(value, list | tuple | set | frozenset):
        for number, item in enumerate(value):
            yield from _texts(f"{spelled}[{number}]", key, item, depth + 1, room)
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        for inner, item in list(vars(value).items()):
            yield from _texts(f"{spelled}.{inner}", inner, item, depth + 1, room)


def _shown(key: object) -> str:
    if isinstance(key, str):
        return "a key that is itself a secret" if _SHAPES.search(key) else repr(key)
    return type(key).__name__


def _strings(tree: ast.AST) -> Iterator[tuple[str, ast.Constant]]:
    """String constants, each with the name that it is given, or ''."""
    named: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _name(named, target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            _name(named, node.target, node.value)
        elif isinstance(node, ast.keyword) and node.arg:
            named[id(node.value)] = node.arg
        elif isinstance(node, ast.Dict):
            for key, item in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    named[id(item)] = key.value
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            first = len(positional) - len(node.defaults)
            pairs = [*zip(positional[first:], node.defaults, strict=True)]
            for arg, default in [*pairs, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]:
                named[id(default)] = arg.arg
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield named.get(id(node), ""), node


def _name(named: dict[int, str], target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        named[id(value)] = target.id
    elif isinstance(target, ast.Attribute):
        named[id(value)] = target.attr
    elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        named[id(value)] = str(target.slice.value)


def _refusal(spelled: str, name: str, where: str) -> SecretRefused:
    wanted = name.upper() if name.isidentifier() else "MY_TOKEN"
    return SecretRefused(
        f"{spelled} in {where} looks like a secret, and is not sent.",
        why="it would be written into the job's script and the store, where others can read it.",
        next_step=f'pass secrets=["{wanted}"] and read os.environ["{wanted}"] inside the function.',
    )
