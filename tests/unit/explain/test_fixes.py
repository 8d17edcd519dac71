"""What a fix tells to write exists: every function, argument and command that it names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import cnai_sdk
from cnai_sdk.cli.app import app
from cnai_sdk.client import Client
from cnai_sdk.explain.catalogue import Row, rows
from cnai_sdk.explain.wording import filled
from cnai_sdk.training import TrainJob

ARGUMENTS = set(inspect.signature(Client.train).parameters) - {"self", "fn", "unknown"}
FUNCTIONS = {
    **{f"cnai.{name}": getattr(cnai_sdk, name) for name in cnai_sdk.__all__},
    "cnai.train": Client.train,
    "DataLoader": "torch.utils.data:DataLoader",
    "DistributedDataParallel": "torch.nn.parallel:DistributedDataParallel",
    "labels.max": "torch:Tensor.max",
    "labels.min": "torch:Tensor.min",
    "model.join": "torch.nn.parallel:DistributedDataParallel.join",
    "model.parameters": "torch.nn:Module.parameters",
    "model.state_dict": "torch.nn:Module.state_dict",
    "x.float": "torch:Tensor.float",
    "y.long": "torch:Tensor.long",
    "int": int,
}
WORDS = {
    "rank": "1", "other": "0", "double": "16Gi", "longer": "20m", "package": "opencv-python",
    "source": "cell [3]", "debug": "cnai.train(digits, workers=1)", "worker": "worker 1",
    "Worker": "Worker 1", "advice": "", "alone": "", "found": "", "course": "", "used": "",
}  # fmt: skip


def text_of(row: Row) -> str:
    groups = ("x",) * ((row.pattern.groups if row.pattern else 0) + 1)
    known = {**dict.fromkeys(("said", "limit", "timeout", "exit", "type", "message"), ""), **WORDS}
    return "\n".join(filled(text, known, groups) for text in (row.fix, row.code))


def calls_in(text: str) -> Iterator[str]:
    """Each outermost call that the text holds, with its balanced parentheses."""
    end = 0
    for match in re.finditer(r"[A-Za-z_][\w.]*\(", text):
        if match.start() < end:
            continue
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text[match.start() : end]


def function_named(name: str) -> Any:
    if name.startswith("job."):
        return inspect.getattr_static(TrainJob, name.removeprefix("job."))
    known = FUNCTIONS.get(name, name)
    if isinstance(known, str):
        pytest.importorskip("torch")
        module, _, path = known.partition(":") if ":" in known else known.rpartition(".")
        known = importlib.import_module(module)
        for part in path.split("."):
            known = getattr(known, part)
    return known


def keywords_of(function: Callable[..., Any]) -> set[str]:
    if function is TrainJob.rerun:
        return ARGUMENTS
    parameters = inspect.signature(function).parameters
    return ARGUMENTS if function is Client.train else set(parameters)


def takes_any(function: Callable[..., Any]) -> bool:
    kinds = {each.kind for each in inspect.signature(function).parameters.values()}
    return function is cnai_sdk.report and inspect.Parameter.VAR_KEYWORD in kinds


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_every_call_that_a_fix_names_can_be_made(row: Row) -> None:
    for call in calls_in(text_of(row)):
        for node in ast.walk(ast.parse(call, mode="eval")):
            if isinstance(node, ast.Call):
                function = function_named(ast.unparse(node.func))
                named = {keyword.arg for keyword in node.keywords}
                if named and not takes_any(function):
                    assert named <= keywords_of(function), call


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_an_argument_that_stands_alone_is_one_of_train(row: Row) -> None:
    text = text_of(row)
    for call in calls_in(text):
        text = text.replace(call, "")
    assert set(re.findall(r"\b([a-z_]+)=", text)) <= ARGUMENTS


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_every_name_of_ours_exists(row: Row) -> None:
    text = f"{row.why}\n{text_of(row)}"
    assert set(re.findall(r"\bcnai\.(\w+)", text)) <= set(cnai_sdk.__all__)
    assert all(hasattr(TrainJob, name) for name in re.findall(r"\bjob\.(\w+)", text))
    assert set(re.findall(r"\bcnai ([a-z]+)", text)) <= set(app.commands)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_what_a_button_changes_is_an_argument_of_train(row: Row) -> None:
    assert set(row.changes) <= ARGUMENTS


def test_the_check_finds_an_argument_that_is_not_there() -> None:
    assert "nodes" not in keywords_of(Client.train)
    assert next(calls_in("see f(g(1), a=2) now")) == "f(g(1), a=2)"
