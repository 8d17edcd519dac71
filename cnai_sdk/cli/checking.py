"""The command that looks at this machine: doctor."""

from __future__ import annotations

import textwrap

import click

from cnai_sdk.cli.printing import json_option, print_json

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("problem", "red")}
_INDENT = " " * 9


@click.command(short_help="Say what works on this machine, and what to install.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what works on this machine, and what to install; the exit code is 1 on a problem."""
    from cnai_sdk.doctor import examine
    from cnai_sdk.text.columns import padded

    findings = examine()
    if as_json:
        print_json(findings)
    else:
        names = padded([finding.check for finding in findings])
        for finding, name in zip(findings, names, strict=True):
            word, colour = _MARKS[finding.state]
            click.echo(f"{click.style(f'{word:<7}', fg=colour)}  {name}  {finding.what}")
            # A command must be found whole where its words have hyphens.
            for line in textwrap.wrap(
                finding.fix, 88, break_long_words=False, break_on_hyphens=False
            ):
                click.echo(f"{_INDENT}{' ' * len(name)}  {line}")
    ctx.exit(1 if any(finding.state == "problem" for finding in findings) else 0)
