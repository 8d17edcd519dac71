"""Commands that change what runs: train, rerun, stop, delete."""

from __future__ import annotations

import difflib
import itertools
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cnai_sdk.cli.following import follow_to_end
from cnai_sdk.cli.names import client_of, complete_job, job_of, jobs_of
from cnai_sdk.cli.printing import json_option, print_json
from cnai_sdk.cli.speaking import say_notices
from cnai_sdk.cli.wishes import arguments, script_path, wishes
from cnai_sdk.errors import InvalidRequest

if TYPE_CHECKING:
    from cnai_sdk.handle import Handle
    from cnai_sdk.model.workload import Workload
    from cnai_sdk.training import TrainJob


class _Train(click.Command):
    """Says where the options of a script go, when one stands among those of train."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        script = next((word for word in args if word.endswith(".py")), "SCRIPT.py")
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name
            own = {each.lstrip("-"): each for each in error.possibilities or ()}
            near = difflib.get_close_matches(name.lstrip("-"), own, n=1)
            meant = f" Did you mean {own[near[0]]}?" if near else ""
            # The option's value is not repeated: it may be a secret.
            raise click.UsageError(
                f"train has no option {name}.{meant} Options of the script go after --: "
                f"{ctx.command_path} {shlex.quote(script)} -- {name} …",
                ctx=ctx,
            ) from error


@click.command(cls=_Train)
@click.argument("script", type=click.Path())
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@wishes
@click.option("--detach", is_flag=True, help="Return at once, and leave the job running.")
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    script: str,
    args: tuple[str, ...],
    detach: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a script on one or more workers, and follow it to its end.

    What stands after -- is the script's own. The exit code is the job's. Ctrl-C ends the
    following; the job goes on.
    """
    path = script_path(script)
    _refuse_secrets(args)
    client = client_of(ctx)
    job = client.train_script(path, argv=args, say=say_notices, **arguments(given))
    if not detach:
        if not as_json:
            click.echo(f"{job.name} was submitted. Ctrl-C leaves it running.", err=True)
        ctx.exit(follow_to_end(client.backend, job, as_json=as_json))
    _say_started(job, as_json=as_json)


def _refuse_secrets(args: Sequence[str]) -> None:
    """An argument is written into the store, so no secret may be one."""
    from cnai_sdk.capture import check_secret

    for here, after in itertools.zip_longest(args, args[1:], fillvalue=""):
        option, equals, value = here.partition("=")
        named = here.startswith("-")
        if not named:
            check_secret("", here, where="the script's arguments")
        elif equals or not after.startswith("-"):
            name = option.lstrip("-").replace("-", "_")
            check_secret(name, value if equals else after, where="the script's arguments")


@click.command()
@click.argument("job", metavar="JOB", shell_complete=complete_job)
@wishes
@json_option
@click.pass_context
def rerun(ctx: click.Context, /, job: str, as_json: bool, **given: Any) -> None:
    """Run the same code again, with what is given changed."""
    again = _trainable(job_of(ctx, job)).rerun(**arguments(given))
    _say_started(again, as_json=as_json)


def _trainable(job: Handle) -> TrainJob:
    from cnai_sdk.training import TrainJob

    if isinstance(job, TrainJob):
        return job
    raise InvalidRequest(
        f"{job.name} is no training job, and only those can be run again.",
        next_step=f"Look at it: cnai status {job.name}",
    )


def _say_started(job: Any, *, as_json: bool) -> None:
    workload = job.workload
    if as_json:
        print_json(workload)
    else:
        click.echo(
            f"{workload.name}: {workload.phase.label}. Follow it: cnai logs -f {workload.name}"
        )


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_job)
@json_option
@click.pass_context
def stop(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Ask jobs to end; a worker that does not follow is killed."""
    found = jobs_of(ctx, names)
    for job in found:
        before = job.workload
        job.stop()
        if as_json:
            continue
        if before.phase.ended:
            click.echo(f"{before.name} had ended before: {before.phase.label}.")
            _name_other_runs(ctx, before)
        else:
            click.echo(f"{before.name} was asked to stop.")
    if as_json:
        print_json([job.workload for job in found])


def _name_other_runs(ctx: click.Context, ended: Workload) -> None:
    """Runs of the same that go on: who wrote the name may have meant them."""
    base = ended.base or ended.name
    running = [
        each.name
        for each in client_of(ctx).jobs().workloads
        if (each.base or each.name) == base and not each.phase.ended
    ]
    if running:
        verb = "goes" if len(running) == 1 else "go"
        click.echo(f"{', '.join(running)} {verb} on. Stop it: cnai stop {' '.join(running)}")


@click.command(short_help="Remove jobs with their outputs and logs.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_job)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def delete(ctx: click.Context, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Remove jobs with their outputs and logs, after stopping those that run."""
    if as_json and not yes:
        raise InvalidRequest(
            "delete --json cannot ask.", next_step="Write --yes too, to delete without a question."
        )
    found = jobs_of(ctx, names)
    listed = ", ".join(job.name for job in found)
    if not yes and not click.confirm(f"Delete {listed} with all outputs and logs?", err=True):
        click.echo("Nothing was deleted.", err=True)
        ctx.exit(1)
    for job in found:
        job.delete()
        if not as_json:
            click.echo(f"{job.name} was deleted.")
    if as_json:
        print_json([job.name for job in found])
