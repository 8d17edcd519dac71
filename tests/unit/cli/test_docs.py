"""docs/cli.md names every command, every argument's option and every exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from cnai_sdk.cli.app import app

from .conftest import ROOT

TEXT = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: click.Group = app, path: str = "cnai") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands())


def section(path: str) -> str:
    found = re.search(rf"^## `{path}[ `].*?(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section '## `{path} …`'"
    return found[0]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_of_a_command_is_in_its_section(path: str) -> None:
    text = section(path)
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            for spelling in parameter.opts:
                assert re.search(rf"`{spelling}\b", text), f"{path} {spelling}"


def test_no_section_is_about_a_command_that_is_not_there() -> None:
    headings = re.findall(r"^## `(cnai[a-z ]*[a-z])", TEXT, re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_json_and_says_in_a_sentence_what_it_does(path: str) -> None:
    command = COMMANDS[path]
    assert "--json" in {spelling for p in command.params for spelling in p.opts}
    assert command.help
    assert command.help.splitlines()[0].endswith(".")
