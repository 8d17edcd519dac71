"""Commands that say what may be used: quota, fits."""

from __future__ import annotations

from typing import Any

import click

from cnai_sdk.cli.names import client_of
from cnai_sdk.cli.printing import json_option, print_json
from cnai_sdk.cli.speaking import spoken
from cnai_sdk.cli.wishes import arguments, sizes


@click.command(short_help="Show what may be used, what is used, and by whom.")
@json_option
@click.pass_context
def quota(ctx: click.Context, as_json: bool) -> None:
    """Show what may be used, what is used, by whom, and what is not visible."""
    view = client_of(ctx).quota()
    if as_json:
        print_json(view.quota)
    else:
        click.echo(spoken(repr(view)))


@click.command(short_help="Say whether a job of a size would start now.")
@click.option("--count", type=int, metavar="N", help="How many such jobs.")
@sizes
@json_option
@click.pass_context
def fits(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Say whether a job of a size would start now, wait and for how long, or never start.

    Nothing is made. The exit code is 0 when all of it would start now, otherwise 1.
    """
    view = client_of(ctx).fits(**arguments(given))
    if as_json:
        print_json(view.fit)
    else:
        click.echo(spoken(repr(view)))
    ctx.exit(0 if view else 1)
