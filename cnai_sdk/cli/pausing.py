"""Commands that pause what runs, and let it go on: suspend, resume."""

from __future__ import annotations

import click

from cnai_sdk.cli.names import complete_job, jobs_of
from cnai_sdk.cli.printing import json_option, print_json


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_job)
@json_option
@click.pass_context
def suspend(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Pause jobs on a cluster, and give their room to others."""
    found = jobs_of(ctx, names)
    for job in found:
        job.suspend()
        if not as_json:
            click.echo(f"{job.name} was asked to pause. Let it go on: cnai resume {job.name}")
    if as_json:
        print_json([job.workload for job in found])


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_job)
@json_option
@click.pass_context
def resume(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Let jobs that were suspended go on, as soon as there is room."""
    found = jobs_of(ctx, names)
    for job in found:
        job.resume()
        if not as_json:
            click.echo(f"{job.name} goes on as soon as there is room: cnai status {job.name}")
    if as_json:
        print_json([job.workload for job in found])
