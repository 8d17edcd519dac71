"""What the sentences of a row may name, and how amounts are raised."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping

from cnai_sdk.explain.facts import Facts
from cnai_sdk.explain.findings import Finding
from cnai_sdk.explain.pages import plain
from cnai_sdk.explain.tracebacks import Ended, Frame, Raised
from cnai_sdk.model.event import exit_words
from cnai_sdk.model.quantity import show_bytes, show_duration

LONGEST = 200
"""Foreign text in a sentence or a line of evidence has at most so many characters."""

_MI, _GI = 2**20, 2**30


def words_of(facts: Facts, finding: Finding) -> dict[str, str]:
    """The values of a template's names; '' for what is not known."""
    workload, code = facts.workload, finding.exit_code
    limit = workload.granted.memory if workload.granted else None
    limit = limit or workload.resources.memory
    gpu = workload.granted.gpu_memory if workload.granted else None
    peak = {r.rank: r.memory for r in workload.replicas}.get(finding.rank or 0) or 0
    return {
        "worker": "a worker" if finding.rank is None else f"worker {finding.rank}",
        "Worker": "A worker" if finding.rank is None else f"Worker {finding.rank}",
        "other": "0" if finding.rank else "1",
        "rank": str(finding.rank or 0),
        "course": "",
        "longer": longer_time(2 * workload.timeout) if workload.timeout else "",
        "workers": str(len(workload.replicas)),
        "said": last_line(workload.message),
        "limit": show_bytes(limit) if limit else "",
        "double": doubled_memory(limit) if limit else "",
        "used": f" It used {show_bytes(peak)}." if limit and peak > limit else "",
        "gpu_memory": f" It was given {show_bytes(gpu)}." if gpu else "",
        "timeout": show_duration(workload.timeout) if workload.timeout else "",
        "exit": "an unknown exit code" if code is None else exit_words(code),
        **_exception_words(facts, finding),
    }


def _exception_words(facts: Facts, finding: Finding) -> Mapping[str, str]:
    ended = finding.ended
    if ended is None:
        names = ("message", "raised_by", "alone", "debug")
        kind, said = (*finding.groups[1:3], "", "")[:2]
        words = {"type": kind.rpartition(".")[2], "source": "the code"}
        return (
            dict.fromkeys(names, "") | words | ({"message": f": {clipped(said)}"} if said else {})
        )
    root = ended.root
    debug = debug_call(ended) if len(facts.workload.replicas) > 1 else ""
    return {
        "type": root.type,
        "message": f": {clipped(root.message)}" if root.message else "",
        "source": root.place.shown if root.place else "the code",
        "raised_by": raised_by(ended),
        "alone": " To debug it alone:" if debug else "",
        "debug": debug,
    }


def raised_by(ended: Ended) -> str:
    """Sentences that name the place, and the exceptions around it."""
    root, last = ended.root, ended.last
    parts = [_place_sentence(root)]
    if root.link == "cause":
        parts.append(f"It ended the worker as {_named(last)}.")
    elif root.link == "original":
        parts.append(clipped(last.message, 120))
    elif root.link == "member":
        parts.append(f"It is one of those in {_named(last)}.")
    elif ended.behind and ended.behind[0].link == "context":
        parts.append(f"It came while {_named(ended.behind[0])} was handled.")
    return " ".join(part for part in parts if part)


def _place_sentence(raised: Raised) -> str:
    place = raised.place
    if place is None:
        return ""
    where = place_words(place)
    if place.in_cell:
        where = where[0].upper() + where[1:]
    deepest = raised.frames[-1]
    by = "raised it" if deepest.own else f"called {deepest.shown}, which raised it"
    return f"{where} {by}."


def place_words(frame: Frame) -> str:
    """'cell [3], line 9'."""
    return f"{frame.shown}, line {frame.line}"


def _named(raised: Raised) -> str:
    return clipped(f"{raised.type}: {raised.message}" if raised.message else raised.type, 120)


def debug_call(ended: Ended) -> str:
    """The call that runs the same function in one worker.

    The outermost frame in a function is the function that was handed to train().
    """
    chain = (ended.last, *ended.behind)
    functions = [frame.function for raised in chain for frame in raised.frames if frame.own]
    entry = next((name for name in functions if name != "<module>"), "")
    sources = [frame.source for raised in chain for frame in raised.frames if frame.own]
    args = next((found for each in sources if (found := _arguments(entry, each)) is not None), "")
    if not entry.isidentifier() or args == _UNKNOWN:
        return "job.rerun(workers=1)"
    return f"cnai.train({entry}, workers=1{f', args={args}' if args else ''})"


_UNKNOWN = "?"


def _arguments(entry: str, source: str) -> str | None:
    """The arguments that train() was given, of the script's own line; None for another line.

    >>> _arguments("fit", "_cnai_result = fit(lr='x', layers=[1, 2])")
    "{'lr': 'x', 'layers': [1, 2]}"
    >>> _arguments("fit", "_cnai_result = fit(model)"), _arguments("fit", "x = fit(1)")
    ('?', None)
    """
    target = "_cnai_result = "
    if not source.startswith(f"{target}{entry}("):
        return None
    try:
        call = ast.parse(source.removeprefix(target), mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return _UNKNOWN
        given = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _UNKNOWN
    written = repr(given) if given else ""
    return written if None not in given and len(written) <= LONGEST else _UNKNOWN


def clipped(text: str, most: int = LONGEST) -> str:
    """The text in at most so many characters.

    >>> clipped("a long name", 7)
    'a long…'
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def last_line(text: str) -> str:
    """The last line of foreign text, cleaned and bounded: of a traceback, what it says."""
    return clipped(plain(text.strip().rpartition("\n")[2]))


def doubled_memory(limit: int) -> str:
    """Twice the memory, rounded up to a whole unit.

    >>> doubled_memory(8 * 2**30), doubled_memory(700 * 2**20), doubled_memory(50 * 2**20)
    ('16Gi', '2Gi', '100Mi')
    """
    twice = 2 * limit
    return f"{math.ceil(twice / _GI)}Gi" if twice >= _GI else f"{math.ceil(twice / _MI)}Mi"


def longer_time(seconds: float) -> str:
    """A length of time that train() takes, rounded up to a whole unit.

    >>> longer_time(75), longer_time(1200), longer_time(5000), longer_time(2.5)
    ('2m', '20m', '84m', '3s')
    """
    if seconds <= 60:
        return f"{math.ceil(seconds)}s"
    if seconds <= 7200:
        return f"{math.ceil(seconds / 60)}m"
    return f"{math.ceil(seconds / 3600)}h"


def filled(template: str, words: Mapping[str, str], groups: tuple[str, ...] = ()) -> str:
    """The sentence, with the spaces that an empty name leaves behind taken away."""
    text = template.format(*(clipped(group.strip()) for group in groups), **words)
    return re.sub(r" {2,}", " ", text).strip()
