"""The command that prints a shell's completion script: completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cnai_sdk.cli.printing import json_option, print_json

_WHERE = {
    "bash": 'eval "$(cnai completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(cnai completion zsh)" in ~/.zshrc',
    "fish": "cnai completion fish > ~/.config/fish/completions/cnai.fish",
}


@click.command(short_help="Print the script that completes what is typed.")
@click.argument("shell", type=click.Choice(tuple(_WHERE)))
@json_option
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the script that completes commands, options and names of jobs.

    Where it goes: eval "$(cnai completion bash)" in ~/.bashrc, the same with zsh in ~/.zshrc, and
    for fish in ~/.config/fish/completions/cnai.fish.
    """
    made = get_completion_class(shell)
    assert made is not None, "click knows every shell that is offered"
    script = made(ctx.find_root().command, {}, "cnai", "_CNAI_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "where": _WHERE[shell], "script": script})
    else:
        click.echo(script)
