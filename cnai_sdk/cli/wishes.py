"""The options that several commands share: what each worker gets and what the job may do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from cnai_sdk.errors import InvalidRequest

_F = TypeVar("_F", bound=Callable[..., Any])

_SIZE = (
    click.option("--workers", type=int, metavar="N", help="Processes; the rest is for each."),
    click.option("--cpu", type=float, metavar="CORES", help="Cores for each worker."),
    click.option("--memory", metavar="8Gi", help="Memory for each worker."),
    click.option("--gpu", type=float, metavar="N", help="Whole GPUs, or a share below 1."),
    click.option("--gpu-memory", metavar="10Gi", help="Memory of one GPU."),
    click.option("--gpu-model", metavar="NAME", help="The GPU's name, such as A100."),
    click.option("--isolation", metavar="KIND", help="'memory', 'hardware' or 'none'."),
    click.option("--timeout", metavar="30m", help="A job not done by then fails."),
    click.option("--queue", metavar="NAME", help="The queue that admits it on a cluster."),
    click.option("--priority", metavar="CLASS", help="The priority class on a cluster."),
)
_REST = (
    click.option("--name", metavar="NAME", help="At most 40 characters a-z, 0-9 and '-'."),
    click.option("--retries", type=int, metavar="N", help="Starts again after a failure."),
    click.option("--env", multiple=True, metavar="K=V", help="A plain variable; repeatable."),
    click.option("--secret", multiple=True, metavar="NAME", help="A secret's name; repeatable."),
    click.option("--package", multiple=True, metavar="X", help="A requirement; repeatable."),
    click.option(
        "--data",
        multiple=True,
        metavar="PATH",
        type=click.Path(),
        help="A file or folder that the workers find; repeatable.",
    ),
    click.option(
        "--outputs",
        metavar="ADDRESS",
        help="What a cluster keeps files in: pvc://CLAIM/DIR or s3://BUCKET/DIR.",
    ),
    click.option("--image", metavar="IMAGE", help="The container image on a cluster."),
    click.option("--shm", metavar="2Gi", help="Shared memory of a worker on a cluster."),
)


def sizes(command: _F) -> _F:
    """Add the options that say how large a job is, and where it waits."""
    return _with(command, _SIZE)


def wishes(command: _F) -> _F:
    """Add all options, in the order in which help shows them."""
    return _with(command, (*_SIZE, *_REST))


def _with(command: _F, options: Sequence[Callable[[_F], _F]]) -> _F:
    for option in reversed(options):
        command = option(command)
    return command


def arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `train` for the options that were given.

    Raises:
        InvalidRequest: an --env without its value.

    >>> arguments({"workers": 2, "cpu": None, "env": ("A=1",), "secret": (), "timeout": "90"})
    {'workers': 2, 'env': {'A': '1'}, 'timeout': 90.0}
    """
    renamed = {"secret": "secrets", "package": "packages"}
    found: dict[str, Any] = {
        renamed.get(name, name): list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value is not None and value != ()
    }
    if "env" in found:
        found["env"] = dict(_variable(text) for text in found["env"])
    if "timeout" in found:
        with contextlib.suppress(ValueError):
            found["timeout"] = float(found["timeout"])
    return found


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidRequest(
            "An --env has no NAME=VALUE.",
            why="Its text is not repeated here, since it may be a value.",
            next_step="Write --env NCCL_DEBUG=INFO; a secret goes by its name: --secret HF_TOKEN.",
        )
    return name, value


def script_path(text: str) -> Path:
    """The script, which must be a Python file.

    Raises:
        InvalidRequest: it is something else.
    """
    path = Path(text)
    if path.suffix != ".py":
        step = (
            "In a notebook, call cnai.train(fn)." if path.suffix == ".ipynb" else "Name a script."
        )
        raise InvalidRequest(f"{text} is not a Python script (.py).", next_step=step)
    return path
