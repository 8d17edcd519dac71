"""What capture leaves behind, said in notices: top-level effects, and files not in `data`."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cnai_sdk.capture.cells import Piece, Source
from cnai_sdk.capture.names import dotted_path
from cnai_sdk.capture.statements import top_level, tree_of

_ENVIRONMENT = "changes the environment"
_EFFECTS: tuple[tuple[str, str, str], ...] = (
    (
        r"random\.seed|(np|numpy)\.random\.seed|torch\.(cuda\.)?manual_seed(_all)?|(\w+\.)?"
        r"seed_everything|(\w+\.)?set_seed",
        "sets a random seed",
        "call it inside the function",
    ),
    (
        r"torch\.set_default_(dtype|device|tensor_type)|torch\.set_float32_matmul_precision"
        r"|torch\.use_deterministic_algorithms|torch\.set_(num|num_interop)_threads"
        r"|torch\.set_printoptions|torch\.autograd\.set_detect_anomaly|torch\.set_grad_enabled"
        r"|(np|numpy)\.(seterr|set_printoptions)",
        "changes a setting of the library",
        "call it inside the function",
    ),
    (
        r"os\.environ(\.(update|setdefault|pop))?|os\.(putenv|unsetenv)|(dotenv\.)?load_dotenv",
        _ENVIRONMENT,
        "use env={...}, or secrets=[...] for a secret",
    ),
    (
        r"sys\.path\.(append|insert|extend)|site\.addsitedir",
        "changes sys.path",
        "modules of the notebook's folder travel by themselves; install the others with packages=",
    ),
    (
        r"os\.chdir",
        "changes the current directory",
        "workers start in the job's own folder; use data=[...] for files",
    ),
    (
        r"warnings\.(filterwarnings|simplefilter)|logging\.(basicConfig|disable)",
        "changes what is shown",
        "call it inside the function",
    ),
)
_KNOWN = tuple((re.compile(pattern), said, fix) for pattern, said, fix in _EFFECTS)
_MAGICS = {"cd": "os.chdir", "env": "os.environ", "set_env": "os.environ"}
_OPENS = re.compile(
    r"(\w+\.)*(open|Path|PurePath|join|listdir|scandir|walk|glob|iglob|exists|load\w*|read\w*"
    r"|from_file|from_csv|\w*Folder|\w*Dataset|from_pretrained|memmap|genfromtxt|imread)"
)


@dataclass(frozen=True)
class Effect:
    """A statement at the top level of a cell whose effect does not travel with a function.

    Attributes:
        sentence: says so, with its cell and what to do.
        on_environment: it changes the environment, which workers of this machine inherit.
    """

    sentence: str
    on_environment: bool


def effects(sources: Iterable[Source], variables: Collection[str] = ()) -> Iterator[Effect]:
    """Each known effect at the top level, from the newest cell that has it.

    Args:
        variables: of the environment, which the workers get by other means.
    """
    newest: dict[str, Effect] = {}
    for source in sources:
        for node in top_level(tree_of(source.text).body):
            call, written = _call(node)
            if _is_among(node, variables):
                continue
            for pattern, said, fix in _KNOWN:
                if call and pattern.fullmatch(call):
                    newest.pop(written, None)
                    where = f"{source.label}, line {source.line(node.lineno)}"
                    sentence = f"{where}: {written} {said}, and does not travel; {fix}."
                    newest[written] = Effect(sentence, on_environment=said == _ENVIRONMENT)
    yield from newest.values()


def _call(node: ast.stmt) -> tuple[str, str]:
    """The dotted name of what a statement calls or sets, and as it is written."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Subscript) and dotted_path(target.value) == "os.environ":
                return "os.environ", ast.unparse(target)
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if not isinstance(value, ast.Call):
        return "", ""
    if magic := magic_of(value):
        return _MAGICS.get(magic.lstrip("%"), ""), magic
    return (path := dotted_path(value.func)), path


def _is_among(node: ast.stmt, variables: Collection[str]) -> bool:
    """Whether all that a statement does is to set one of these variables."""
    name: ast.expr | str | None = None
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        (target,) = node.targets
        if isinstance(target, ast.Subscript) and dotted_path(target.value) == "os.environ":
            name = target.slice
    if isinstance(value, ast.Call) and name is None and value.args:
        if magic_of(value) in ("%env", "%set_env"):
            line = value.args[-1]
            text = line.value if isinstance(line, ast.Constant) else ""
            name = re.split(r"[=\s]", str(text).strip())[0]
        elif dotted_path(value.func) in ("os.environ.setdefault", "os.putenv"):
            name = value.args[0]
    written = name.value if isinstance(name, ast.Constant) else name
    return isinstance(written, str) and written in variables


def magic_of(call: ast.Call) -> str:
    """'%cd' or '!' for a call that IPython writes in place of its own syntax, else ''."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Call):
        return ""
    if dotted_path(function.value.func) != "get_ipython":
        return ""
    if function.attr in ("system", "getoutput"):
        return "!"
    if function.attr in ("run_line_magic", "run_cell_magic") and call.args:
        name = call.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            sign = "?" if name.value.startswith("pinfo") else f"%{name.value}"
            return sign if function.attr == "run_line_magic" else f"%{sign}"
    return ""


def paths_not_in_data(
    pieces: Iterable[Piece], texts: Iterable[tuple[str, object]], *, data: Sequence[str], cwd: Path
) -> Iterator[str]:
    """A sentence for each relative path that exists here and that the workers do not get.

    Args:
        pieces: the captured source.
        texts: captured values with the cell that each comes from.
        data: the call's own `data` argument.
        cwd: where relative paths begin.
    """
    said: set[str] = set()
    for where, path in [*_written(pieces), *_valued(texts)]:
        if path not in said and _is_here(path, cwd) and not _covered(path, data):
            said.add(path)
            yield f'{where}: {path!r} is beside the notebook; add data=["{path}"] to send it.'


def _written(pieces: Iterable[Piece]) -> Iterator[tuple[str, str]]:
    for piece in pieces:
        for node in ast.walk(tree_of(piece.text)):
            if not isinstance(node, ast.Call):
                continue
            if _writes(node):
                continue
            opens = _OPENS.fullmatch(dotted_path(node.func)) is not None
            named = [k.value for k in node.keywords if k.arg not in ("mode", "encoding")]
            for number, value in enumerate([*node.args, *named]):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    first = opens and (number == 0 or number >= len(node.args))
                    if first or _looks_like_path(value.value):
                        yield f"{piece.source.label}, line {_line(piece, value)}", value.value


def _writes(call: ast.Call) -> bool:
    """Whether it opens a file to write it."""
    mode = call.args[1] if len(call.args) > 1 else None
    mode = next((k.value for k in call.keywords if k.arg == "mode"), mode)
    if dotted_path(call.func) != "open" or not isinstance(mode, ast.Constant):
        return False
    return bool(set("wax") & set(str(mode.value)))


def _line(piece: Piece, node: ast.expr) -> int:
    return piece.source.line(piece.first + node.lineno - 1)


def _valued(texts: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    for where, value in texts:
        if isinstance(value, Path):
            yield where, str(value)
        elif isinstance(value, str) and _looks_like_path(value):
            yield where, value


def _looks_like_path(text: str) -> bool:
    return "\n" not in text and ("/" in text or bool(PurePosixPath(text).suffix))


def _is_here(path: str, cwd: Path) -> bool:
    if not path or len(path) > 1000 or "\0" in path or os.path.isabs(path):
        return False
    if path in (".", "..") or path.startswith(("../", "~")):
        return False
    return (cwd / path).exists()


def _covered(path: str, data: Sequence[str]) -> bool:
    wanted = PurePosixPath(os.path.normpath(path))
    sent = [PurePosixPath(os.path.normpath(given)) for given in data]
    return any(wanted == given or given in wanted.parents for given in sent)
