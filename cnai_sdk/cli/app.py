"""The list of commands, and how errors leave the program."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from cnai_sdk.cli.acting import delete, rerun, stop, train
from cnai_sdk.cli.administering import admin
from cnai_sdk.cli.checking import doctor
from cnai_sdk.cli.completing import completion
from cnai_sdk.cli.looking import events, explain, jobs, logs, status
from cnai_sdk.cli.pausing import resume, suspend
from cnai_sdk.cli.printing import print_error
from cnai_sdk.cli.room import fits, quota
from cnai_sdk.cli.settings import secrets, use
from cnai_sdk.cli.speaking import speak
from cnai_sdk.errors import CnaiError, InvalidRequest

_INTERRUPTED = 130


class App(click.Group):
    """The commands, with one way out: 2 for bad input, 1 for what did not work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added, which is the order of use."""
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; see click. What is not a CnaiError keeps its traceback."""
        words = list(sys.argv[1:] if args is None else args)
        if os.environ.get("NO_COLOR"):
            extra.setdefault("color", False)
        code = self._code(words, prog_name or "cnai", complete_var, extra)
        if standalone_mode:
            sys.exit(code)
        return code

    def _code(
        self, words: list[str], program: str, complete_var: str | None, extra: dict[str, Any]
    ) -> int:
        as_json = "--json" in itertools.takewhile(lambda word: word != "--", words)
        try:
            return int(super().main(words, program, complete_var, False, **extra) or 0)
        except CnaiError as error:
            print_error(speak(error), as_json=as_json)
            return 2 if isinstance(error, InvalidRequest) else 1
        except click.ClickException as error:
            if as_json:
                print_error(_as_ours(error, program), as_json=True)
            else:
                error.show()
            return error.exit_code
        except click.Abort:
            click.echo("Interrupted.", err=True)
            return _INTERRUPTED


def _as_ours(error: click.ClickException, program: str) -> InvalidRequest:
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else program
    return InvalidRequest(error.format_message(), next_step=f"Run: {path} --help")


@click.group("cnai", cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cnai-sdk", prog_name="cnai")
def app() -> None:
    """Train here or on a cluster, and look after what runs.

    Every command takes --json. An error says what happened, why, and what to do; the exit code is
    then 2 for something written wrongly, which changed nothing, and 1 for everything else.
    """


_COMMANDS: tuple[click.Command, ...] = (
    jobs,
    train,
    logs,
    status,
    events,
    explain,
    stop,
    suspend,
    resume,
    rerun,
    delete,
    quota,
    fits,
    secrets,
    use,
    doctor,
    admin,
    completion,
)
for _command in _COMMANDS:
    app.add_command(_command)
