"""Reads the last traceback that a worker printed: its frames, its exception, and its chain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from cnai_sdk.model.spec import Span

Link = Literal["", "cause", "context", "member", "original"]
"""How an exception stands to the one printed after it: nothing, its direct cause, what was being
handled; or to the one printed before it: a member of that group, what that one was made from in
another process."""

_LINKS: dict[str, Link] = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
_START = "Traceback (most recent call last):"
_ORIGINAL = "Original Traceback (most recent call last):"
_GROUP_START = "Exception Group Traceback (most recent call last):"
_RANK = re.compile(r"\[rank\d+\]: ?")
_GROUP_EDGE = re.compile(r" *(?:\| ?|\+ (?=Exception Group))")
_FRAME = re.compile(r'\s*File "([^"]+)", line (\d+)(?:, in (.+))?')
_ERROR = re.compile(r"([A-Za-z_][\w.]*)(?:: ?(.*))?")
_MEMBER = re.compile(r"[ |]*\+(?:-\+)?-{10,40}(?: \d{1,4} -{10,40})?")
_CARRIED = re.compile(r"/(?:payload|cnai/job)/(?!worker/)(?:code/)?")
"""Where the code of a job lies: in the job's folder on this machine, in a pod on a cluster. There
the worker's own package is beside it."""
_LIBRARY = re.compile(r"/lib/python3\.\d+/(?:(?:site|dist)-packages/)?")
_ELSEWHERE = ("Exception in thread", "Exception ignored in")
_LONGEST_MESSAGE = 30
_DEEPEST = 8


class Frame(msgspec.Struct, frozen=True):
    """One place that the traceback names.

    Attributes:
        file: 'cell [3]', a file's name, or an absolute path.
        source: the line of code there, or ''.
        at: index of its line in the page.
    """

    file: str
    line: int
    function: str
    source: str
    at: int

    @property
    def own(self) -> bool:
        """True for the user's code, False for a library's."""
        return not self.file.startswith(("/", "<")) or bool(_CARRIED.search(self.file))

    @property
    def in_cell(self) -> bool:
        """True for a cell of the notebook."""
        return self.file.startswith("cell ")

    @property
    def shown(self) -> str:
        """The file as a person knows it: 'cell [3]', 'helpers.py', 'torch'."""
        if self.own:
            return _CARRIED.split(self.file)[-1]
        parts = _LIBRARY.split(self.file)
        return parts[-1].partition("/")[0].removesuffix(".py") if len(parts) > 1 else self.file


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """One exception of a chain.

    Attributes:
        type: its class, without its module.
        message: its first line.
        text: type and message in full, bounded.
        at: index of its line in the page.
        link: how it stands to its neighbour.
    """

    type: str
    message: str
    text: str
    frames: tuple[Frame, ...]
    at: int
    link: Link = ""

    @property
    def place(self) -> Frame | None:
        """The deepest frame in the user's own code."""
        return next((frame for frame in reversed(self.frames) if frame.own), None)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The exception that ended a worker, with those behind it, nearest first."""

    last: Raised
    behind: tuple[Raised, ...] = ()

    @property
    def root(self) -> Raised:
        """Where to look first: the direct cause, a group's first member, the original of another
        process, else the last.
        """
        meant = self.last
        for each in self.behind:
            if each.link not in ("cause", "member", "original"):
                break
            meant = each
        return meant


def read_traceback(lines: Sequence[str], spans: Sequence[Span] = ()) -> Ended | None:
    """The last traceback in a worker's lines that the worker may have ended with, or None.

    Args:
        spans: which lines of the script came from which cell, for tracebacks that other processes
            printed and that name the script.
    """
    chains = list(_chains(lines, spans))
    return _ended(chains[-1]) if chains else None


def _ended(chain: list[Raised]) -> Ended:
    for n, each in enumerate(chain):
        if each.link in ("member", "original"):
            return Ended(last=chain[n - 1], behind=(each,))
    return Ended(last=chain[-1], behind=tuple(reversed(chain[:-1])))


def _chains(lines: Sequence[str], spans: Sequence[Span]) -> Iterator[list[Raised]]:
    """Exceptions that belong together, in the order printed."""
    chain: list[Raised] = []
    at = 0
    while at < len(lines):
        text = _bare(lines[at])
        grouped = text.endswith(_GROUP_START)
        if not text.endswith(_START) and not grouped:
            at += 1
            continue
        inside = _inside(lines, at)
        link = _link_before(lines, at)
        elsewhere = at > 0 and lines[at - 1].startswith(_ELSEWHERE)
        raised, at = _read_one(lines, at + 1, spans)
        if raised is None or elsewhere:
            continue
        if inside and chain:
            chain.append(msgspec.structs.replace(raised, link=inside))
        elif link and chain:
            chain[-1] = msgspec.structs.replace(chain[-1], link=link)
            chain.append(raised)
        else:
            if chain:
                yield chain
            chain = [raised]
    if chain:
        yield chain


def _bare(line: str) -> str:
    """The line without torch's rank and the frame around a group's members."""
    line = line[match.end() :] if (match := _RANK.match(line)) else line
    for _ in range(_DEEPEST):
        if not (match := _GROUP_EDGE.match(line)):
            break
        line = line[match.end() :]
    return line


def _inside(lines: Sequence[str], at: int) -> Link:
    if _bare(lines[at]) == _ORIGINAL:
        return "original"
    return "member" if at > 0 and _MEMBER.fullmatch(lines[at - 1]) else ""


def _link_before(lines: Sequence[str], at: int) -> Link:
    for line in reversed(lines[max(at - 3, 0) : at]):
        if link := _LINKS.get(_bare(line).strip()):
            return link
    return ""


def _read_one(lines: Sequence[str], at: int, spans: Sequence[Span]) -> tuple[Raised | None, int]:
    """The exception whose frames begin at a line, and the index behind it."""
    frames: list[Frame] = []
    while at < len(lines):
        line = _bare(lines[at])
        if match := _FRAME.match(line):
            source = _source(lines, at + 1)
            file, number = _origin(match[1], int(match[2]), spans)
            frames.append(Frame(file, number, match[3] or "", source, at))
        elif line and not line[0].isspace():
            break
        at += 1
    if at == len(lines) or not (match := _ERROR.fullmatch(_bare(lines[at]))):
        return None, at
    message = _message(lines, at)
    raised = Raised(
        type=match[1].rpartition(".")[2],
        message=(match[2] or "").strip(),
        text="\n".join(message),
        frames=tuple(frames),
        at=at,
    )
    return raised, at + 1


def _origin(file: str, number: int, spans: Sequence[Span]) -> tuple[str, int]:
    *before, name = _CARRIED.split(file)
    if before and name == "script.py":
        for span in spans:
            if span.first <= number <= span.last:
                return span.source, number - span.first + span.line
    return file, number


def _source(lines: Sequence[str], at: int) -> str:
    if at >= len(lines):
        return ""
    line = _bare(lines[at])
    return "" if _FRAME.match(line) or not line.startswith("    ") else line.strip()


def _message(lines: Sequence[str], at: int) -> list[str]:
    kept = [_bare(lines[at])]
    for line in lines[at + 1 : at + _LONGEST_MESSAGE]:
        bare = _bare(line)
        if (
            bare.endswith((_START, _GROUP_START))
            or bare.strip() in _LINKS
            or _MEMBER.fullmatch(line)
        ):
            break
        kept.append(bare)
    return kept
