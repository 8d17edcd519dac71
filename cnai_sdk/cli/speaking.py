"""What errors and verdicts say, in the words of a terminal.

They are written for who calls Python: `workers=2`, `cnai.jobs()`. Who typed `--workers 2` reads
that back.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnai_sdk.notices import say

if TYPE_CHECKING:
    from cnai_sdk.errors import CnaiError
    from cnai_sdk.model.diagnosis import Diagnosis

_OPTIONS = {
    name: f"--{name.replace('_', '-')}"
    for name in (
        *("workers", "cpu", "memory", "gpu", "gpu_memory", "gpu_model", "isolation", "timeout"),
        *("queue", "priority", "name", "retries", "env", "data", "outputs", "image", "shm"),
        *("count", "context", "namespace", "operator", "rank", "tail"),
    )
} | {"secrets": "--secret", "packages": "--package"}

_VALUE = r""""[^"]*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|-?\d+(?:\.\d+)?\w*"""
_ARGUMENT = re.compile(rf"(?<![\w.-])(?P<name>{'|'.join(_OPTIONS)})=(?P<value>{_VALUE})?")
_LEFT_OUT = re.compile(rf"(?P<leave>[Ll]eave )(?P<name>{'|'.join(_OPTIONS)})(?= out\b)")
_HAS = re.compile(r"^(?P<name>data|env|packages|secrets)(?= has )")
_SAID_BY_A_CLUSTER = re.compile(r"\b(?:requested|used|limited): \S+")

_ON_A_JOB = re.compile(
    r'cnai\.job\("(?P<name>[^"]+)"\)(?:\.(?P<verb>stop|delete)\(\)|(?P<attach> attaches to it))'
)
_OF_THE_JOB = re.compile(
    r"\bjob\.(?P<verb>rerun|logs|stop|delete|suspend|resume)\((?P<given>.*?)\)"
)
_TRAIN = re.compile(r"\bcnai\.train\(\w+, (?P<given>.*?)\)")
_USE = re.compile(r"""\bcnai\.use\(["'](?P<place>\w+)["'](?:, (?P<given>.*?))?\)""")
_NAMED = {
    "cnai.jobs()": "cnai jobs",
    "cnai.quota()": "cnai quota",
    "cnai.gpus()": "cnai doctor",
    "cnai.train": "cnai train",
    "cnai.use": "cnai use",
}
_BARE = re.compile(rf"(?:{'|'.join(map(re.escape, _NAMED))})(?![\w(])")


def spoken(text: str, job: str = "JOB") -> str:
    """The text with calls and arguments of Python as commands and options.

    Args:
        job: the name of the job that the text calls `job`.

    >>> spoken('Write memory="8Gi", or packages=["a", "b>1"]; or leave gpu_memory out.')
    "Write --memory 8Gi, or --package a --package 'b>1'; or leave --gpu-memory out."
    >>> spoken('job.rerun(workers=1, env={"A": "1"})', "digits")
    'cnai rerun digits --workers 1 --env A=1'
    >>> spoken('cnai.job("fit").stop() stops it; cnai.use("kubernetes", namespace="a") too.')
    'cnai stop fit stops it; cnai use kubernetes --namespace a too.'
    >>> spoken("Write gpu=0.5 or gpu=1.")
    'Write --gpu 0.5 or --gpu 1.'
    >>> spoken("In a notebook, call cnai.train(fn).")
    'In a notebook, call cnai.train(fn).'
    """
    text = _ON_A_JOB.sub(_on_a_job, text)
    text = commands_of(text, job)
    text = _TRAIN.sub(lambda m: _command("train SCRIPT.py", m["given"]), text)
    text = _USE.sub(lambda m: _command(f"use {m['place']}", m["given"]), text)
    text = _BARE.sub(lambda m: _NAMED[m[0]], text)
    text = text.replace("the notebook's folder", "the current folder")
    parts, done = [], 0
    for foreign in _SAID_BY_A_CLUSTER.finditer(text):
        parts += [_options(text[done : foreign.start()]), foreign[0]]
        done = foreign.end()
    return "".join([*parts, _options(text[done:])])


def commands_of(text: str, job: str) -> str:
    """The text with what is called on `job` as commands; the rest stays Python's.

    >>> commands_of("Write workers=1, or look: job.logs(rank=1, tail=50)", "digits")
    'Write workers=1, or look: cnai logs digits --rank 1 --tail 50'
    """
    return _OF_THE_JOB.sub(lambda m: _options(_command(f"{m['verb']} {job}", m["given"])), text)


def _options(text: str) -> str:
    text = _ARGUMENT.sub(lambda m: _option(m["name"], m["value"]), text)
    text = _LEFT_OUT.sub(lambda m: m["leave"] + _OPTIONS[m["name"]], text)
    return _HAS.sub(lambda m: _OPTIONS[m["name"]], text)


def _on_a_job(found: re.Match[str]) -> str:
    if found["attach"]:
        return f"cnai status {found['name']} shows it"
    return f"cnai {found['verb']} {found['name']}"


def _command(words: str, given: str | None) -> str:
    arguments = [f"{m['name']}={m['value']}" for m in _ARGUMENT.finditer(given or "")]
    return " ".join(["cnai", words, *arguments])


def _option(name: str, written: str | None) -> str:
    option = _OPTIONS[name]
    if not written:
        return option
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return f"{option} {written}"  # such as 1g, or {...}
    if isinstance(value, dict):
        value = [f"{key}={each}" for key, each in value.items()]
    each_of = value if isinstance(value, list) else [value]
    return " ".join(f"{option} {shlex.quote(str(each))}" for each in each_of)


def speak(error: CnaiError, job: str = "JOB") -> CnaiError:
    """The error, with its sentences in the words of a terminal."""
    error.what = spoken(error.what, job)
    error.why = spoken(error.why, job)
    error.next_step = spoken(error.next_step, job)
    return error


def say_notices(notices: Sequence[str]) -> None:
    """What should be known of a job that was submitted."""
    say([spoken(notice) for notice in notices])


def verdict_in_terminal(diagnosis: Diagnosis, job: str, *, whole: bool) -> Diagnosis:
    """The verdict on a job, in the words of a terminal.

    Args:
        whole: also its arguments, since a terminal started it; a notebook's are corrected there.
    """
    import msgspec

    say = spoken if whole else commands_of
    said = {part: say(getattr(diagnosis, part), job) for part in ("why", "fix", "code")}
    return msgspec.structs.replace(diagnosis, **said)
