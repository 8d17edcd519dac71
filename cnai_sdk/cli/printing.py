"""What a terminal or a program gets: text, colours, JSON, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cnai_sdk.errors import CnaiError
from cnai_sdk.model.phase import Phase

_F = TypeVar("_F", bound=Callable[..., Any])

_COLOURS = {
    Phase.RUNNING: "blue",
    Phase.READY: "blue",
    Phase.SUCCEEDED: "green",
    Phase.FAILED: "red",
    Phase.STOPPED: "yellow",
}


def json_option(command: _F) -> _F:
    """`--json`, which every command has."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(value: object) -> None:
    """One value on one line, as the wire has it."""
    import msgspec

    click.echo(msgspec.json.encode(value).decode())


def print_error(error: CnaiError, *, as_json: bool) -> None:
    """What happened, why and what to do, on standard error."""
    if not as_json:
        click.echo(str(error), err=True)
        return
    import msgspec

    parts = {"what": error.what, "why": error.why, "next_step": error.next_step}
    click.echo(msgspec.json.encode(parts).decode(), err=True)


def in_colour(text: str, phase: Phase) -> str:
    """The text in the colour of a phase, which `click.echo` leaves out where it is unwanted."""
    return click.style(text, fg=_COLOURS[phase]) if phase in _COLOURS else text
