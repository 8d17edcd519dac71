"""What the SDK says in the panel is said in Chinese too: all of it, and nothing that is gone."""

from __future__ import annotations

import ast
import functools
import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from cnai_sdk.backends.kubernetes.standing_words import _NODES, _plural
from cnai_sdk.explain.catalogue import Row, rows

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cnai_sdk" / "locale" / "zh_CN" / "sentences"
HAN = re.compile(r"[\u4e00-\u9fff]")
FIELD = re.compile(r"\{\w*\}")
WORD = re.compile(r"[A-Za-z]{2,}")

SPEAKING = (
    "cnai_sdk/explain/*.py",
    "cnai_sdk/backends/local/*.py",
    "cnai_sdk/backends/record/*.py",
    "cnai_sdk/backends/kubernetes/*.py",
    "cnai_sdk/backends/kubernetes/kinds/*.py",
    "cnai_sdk/gpu/*.py",
    "cnai_sdk/gpu/cluster/*.py",
    "cnai_sdk/model/event.py",
    "cnai_sdk/model/name.py",
    "cnai_sdk/model/quantity.py",
    "cnai_sdk/model/quota.py",
    "cnai_sdk/model/spec.py",
    "cnai_sdk/argument_names.py",
    "cnai_sdk/arguments.py",
    "cnai_sdk/config.py",
    "cnai_sdk/data.py",
    "cnai_sdk/places.py",
    "cnai_sdk/remote.py",
    "cnai_sdk/secrets.py",
    "cnai_sdk/training.py",
    "cnai_sdk/worker/*.py",
    "server_ext/cnai_server_ext/*.py",
)
"""Modules of which a page may show what they say. What `capture` and the other verbs refuse is said
in a notebook or a terminal alone."""

SILENT = frozenset(
    {"app.py", "catalogue.py", "openapi.py", "schema.py", "slices.py", "tracebacks.py"}
)
"""Modules of those folders that say nothing to a person: they read, or describe an interface."""

CALLS = re.compile(r"re\.\w+|cast|(?:\w+\.)*(?:log|_log|_LOG)\.\w+")
"""Calls whose texts are patterns, types, or for the log of the server."""

CODE = re.compile(
    r"\\|\n|\(\?|\.\*|\w\|\w|\[\^|^_\w+ =|^cnai\.train\("
    r"|^(?:SELECT|INSERT|DELETE|UPDATE|PRAGMA|BEGIN|import|kubectl|aws|hf|nvidia-smi) "
)
"""What only code, a pattern or a command has."""

NOT_SAID = {
    "what a cluster, a database or a registry says, to know it by": {
        "Insufficient cpu",
        "Insufficient ephemeral-storage",
        "Insufficient memory",
        "Too many pods",
        "cannot allocate all claims",
        "no nodes available",
        "no such table",
        "not a database",
        "were unschedulable",
    },
    "what a program reads": {
        "--repo-type dataset",
        "Object | None",
        "_Copied | None",
        "attachment; filename=\"{}\"; filename*=UTF-8''{}",
        "device.attributes['{}'].{} == '{}'",
        "device.capacity['{}'].memory.compareTo(quantity('{}Mi')) >= 0",
        "sandbox; default-src 'none'",
        "str | None",
        "text/plain; charset=utf-8",
    },
    "why a socket closes, for whoever debugs the page": {
        "internal error",
        "message too big",
        "no start",
        "the first message is start",
        "too many messages",
    },
    "a short name of a cause, which the sentence beside it says": {
        "cgroup limit",
        "connection lost",
        "connection refused",
        "no such host",
    },
    "for the log of a program, or of a worker": {
        "Fetched {}{}: {}, {} in {} s",
        "Informer({}, {} objects, problem={})",
    },
    "the same in both languages": {"GPU, MIG {}"},
}
"""Texts that look like a sentence of ours, and why each has no translation."""

SAME_IN_CHINESE = {"GPU: {held}", "Worker {rank}", "Worker {rank}: {why}"}

IN_VALUES = {"{metric} is {value}": ["{metric} is NaN", "{metric} is nan", "{metric} is inf"]}
"""A template that would fit anything is translated with its values in it."""


@functools.cache
def catalogue() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        found |= tomllib.loads(path.read_text(encoding="utf-8"))["sentences"]
    return found


def plain(text: str) -> str:
    """Its words alone, in small letters."""
    return " ".join(re.sub(r"[^\w=/%<>+-]+", " ", text).lower().split())


def pieces(template: str) -> list[str]:
    """The words of a template that stand fast, between its fields."""
    return [piece for piece in map(plain, FIELD.split(template)) if piece]


def fields(template: str) -> list[str]:
    return sorted(set(FIELD.findall(template)))


# -- what the code says ------------------------------------------------------------------------


def variants(node: ast.expr) -> list[str]:
    """The texts that an expression can be, with '{}' for what is not known here."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=yes, orelse=no):
            return [*variants(yes), *variants(no)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [a + b for a, b in itertools.product(variants(left), variants(right))]
        case ast.JoinedStr(values=parts):
            return ["".join(each) for each in itertools.product(*map(variants, parts))]
        case ast.FormattedValue(value=value):
            return variants(value)
        case _:
            return ["{}"]


def texts(node: ast.AST) -> Iterator[str]:
    """What is written in code, but for its documentation, patterns, queries and logs."""
    inner: Iterable[ast.AST] = ast.iter_child_nodes(node)
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Compare() | ast.keyword(arg="summary"):
            return
        case ast.Call(func=called) if CALLS.fullmatch(ast.unparse(called)):
            return
        case ast.JoinedStr() | ast.Constant() | ast.BinOp(op=ast.Add()):
            yield from variants(node)
            inner = [part.value for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]
    for each in inner:
        yield from texts(each)


@functools.cache
def texts_of(path: Path) -> tuple[str, ...]:
    return tuple(texts(ast.parse(path.read_text(encoding="utf-8"))))


def prose(text: str) -> bool:
    """Whether it is of a sentence: two words at least, and no code."""
    words = WORD.findall(FIELD.sub(" ", text))
    return len(words) > 1 and " " in text.strip() and not CODE.search(text.strip())


def speaking() -> list[Path]:
    found = [path for glob in SPEAKING for path in sorted(ROOT.glob(glob))]
    return [path for path in found if path.name not in SILENT]


def said_by(row: Row) -> Iterator[str]:
    yield from (row.short, row.happened, row.why, row.fix, row.then, *row.refused.values())


@functools.cache
def written() -> str:
    """Every piece of a text of the SDK and of its server half, one a line."""
    modules = [*ROOT.glob("cnai_sdk/**/*.py"), *ROOT.glob("server_ext/**/*.py")]
    found = [text for path in modules for text in texts_of(path)]
    found += [text for row in rows() for text in said_by(row)]
    found += [_plural(words) for _, words in _NODES]
    return "\n".join(["", *{piece for text in found for piece in pieces(text)}, ""])


@functools.cache
def put_together(piece: str, before: str = "") -> bool:
    """Whether it is a text of the code, or the end of one and the beginning of the next."""
    if f"{before}{piece}" in written():
        return True
    words = piece.split()
    return any(
        f"{before}{' '.join(words[:n])}\n" in written()
        and put_together(" ".join(words[n:]), before="\n")
        for n in range(1, len(words))
    )


# -- the tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_all_that_a_row_says_is_said_in_chinese(row: Row) -> None:
    said = [text for text in said_by(row) if WORD.search(FIELD.sub("", text))]
    wanted = [key for text in said for key in IN_VALUES.get(text, [text])]
    assert [key for key in wanted if key not in catalogue()] == []


@pytest.mark.parametrize("path", speaking(), ids=lambda path: str(path.relative_to(ROOT)))
def test_all_that_a_module_says_is_said_in_chinese(path: Path) -> None:
    excused = {text for texts in NOT_SAID.values() for text in texts}
    said = {text.strip() for text in texts_of(path) if prose(text)} - excused
    assert sorted(text for text in said if not translated(text)) == []


def translated(text: str) -> bool:
    """Whether a template has all of it, in its order; a text may be a part of a sentence."""
    parts = pieces(text)
    longest = max(parts, key=len)
    wanted = re.compile(".*".join(map(re.escape, parts)))
    return any(longest in key and wanted.search(key) for key in plain_keys())


@functools.cache
def plain_keys() -> list[str]:
    return [" ".join(pieces(key)) for key in catalogue()]


def test_what_is_excused_is_still_written() -> None:
    known = {text.strip() for path in speaking() for text in texts_of(path)}
    assert [text for texts in NOT_SAID.values() for text in texts if text not in known] == []


def test_a_translation_of_what_nobody_says_any_more_is_gone() -> None:
    """Otherwise the catalogue grows with each sentence that is written anew."""
    gone = [key for key in catalogue() for piece in pieces(key) if not put_together(piece)]
    assert gone == []


def test_a_sentence_of_nobody_is_known_for_one() -> None:
    """What makes the test above fail: neither new words nor known ones put otherwise."""
    assert put_together("no node has room")
    assert put_together(plain("No node has room: the only one has too few free cores"))
    assert not put_together("the zebra has left the queue")
    assert not put_together("waits until all of the queue is free again")


def test_a_sentence_is_translated_once() -> None:
    """The matcher knows no full stop and no capital at the start; the rows' own are as they are."""
    files = [tomllib.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.toml")]
    times = Counter(key for file in files for key in file["sentences"])
    assert [key for key, found in times.items() if found > 1] == []
    of_rows = {text for row in rows() for text in said_by(row)}
    alike = Counter(FIELD.sub("{}", key).rstrip(".").lower() for key in catalogue())
    more = [key for key in catalogue() if alike[FIELD.sub("{}", key).rstrip(".").lower()] > 1]
    values = {value for each in IN_VALUES.values() for value in each}
    assert [key for key in more if key not in of_rows | values] == []


def test_a_translation_has_the_fields_of_its_sentence() -> None:
    other = [key for key, said in catalogue().items() if fields(said) != fields(key)]
    assert other == []


def test_a_translation_is_chinese() -> None:
    found = {key for key, said in catalogue().items() if not HAN.search(said)}
    assert found == SAME_IN_CHINESE


def test_chinese_is_typeset_as_chinese() -> None:
    """A space between Chinese and Latin, and Chinese marks after Chinese."""
    wrong = re.compile(r"[\u4e00-\u9fff](?:[A-Za-z0-9]|[,.;:?!](?!\w))|[A-Za-z0-9][\u4e00-\u9fff]")
    assert [said for said in catalogue().values() if wrong.search(said)] == []
