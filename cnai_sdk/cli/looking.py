"""Commands that look and change nothing: jobs, logs, status, events, explain."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cnai_sdk.cli.following import INTERRUPTED, print_log, say_it_goes_on
from cnai_sdk.cli.names import client_of, complete_job, job_of
from cnai_sdk.cli.printing import in_colour, json_option, print_json
from cnai_sdk.cli.speaking import verdict_in_terminal
from cnai_sdk.errors import JobFailed
from cnai_sdk.model.phase import Kind, Phase

if TYPE_CHECKING:
    from cnai_sdk.model.workload import Workload

_SHOWN = 20


@click.command()
@click.option(
    "--all", "everything", is_flag=True, help=f"Also ended ones beyond the {_SHOWN} newest."
)
@click.option("--kind", type=click.Choice([k.value for k in Kind]), help="Only this kind.")
@click.option(
    "--phase",
    type=click.Choice([p.value for p in Phase], case_sensitive=False),
    help="Only those in this phase.",
)
@json_option
@click.pass_context
def jobs(
    ctx: click.Context, everything: bool, kind: str | None, phase: str | None, as_json: bool
) -> None:
    """List jobs, newest first, whichever program made them."""
    client = client_of(ctx)
    chosen = client.jobs(phase=phase, kind=kind).workloads
    shown = chosen if everything else newest(chosen)
    if as_json:
        print_json(shown)
        return
    _print_rows(shown)
    if len(shown) < len(chosen):
        click.echo(f"{len(chosen) - len(shown)} older ones: cnai jobs --all", err=True)
    if not chosen:
        none = "No such jobs." if kind or phase else "No jobs yet. cnai train script.py starts one."
        click.echo(none, err=True)


def newest(workloads: Sequence[Workload]) -> list[Workload]:
    """Those that have not ended, and the newest of the others, in the order given."""
    return [w for n, w in enumerate(workloads) if n < _SHOWN or not w.phase.ended]


def _print_rows(workloads: Sequence[Workload]) -> None:
    from cnai_sdk.joblist import JobList
    from cnai_sdk.text.columns import padded

    rows = JobList(workloads, lambda workload: workload).rows()
    names = padded([name for name, _, _ in rows])
    states = padded([state for _, state, _ in rows])
    for workload, name, state, (_, _, age) in zip(workloads, names, states, rows, strict=True):
        click.echo(f"{name}  {in_colour(state, workload.phase)}  {age} ago")


@click.command()
@click.argument("name", shell_complete=complete_job)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--rank", type=int, metavar="N", help="Only this worker.")
@click.option("--tail", type=int, metavar="N", help="Only the last N lines.")
@json_option
@click.pass_context
def logs(
    ctx: click.Context, name: str, follow: bool, rank: int | None, tail: int | None, as_json: bool
) -> None:
    """Print what the workers printed; with --json one value a line."""
    job = job_of(ctx, name)
    backend = client_of(ctx).backend
    try:
        print_log(backend, job.workload, rank=rank, tail=tail, follow=follow, as_json=as_json)
        if follow:
            with contextlib.suppress(JobFailed):
                job.wait()  # whoever asks for the status after this finds that it has ended
    except KeyboardInterrupt:
        say_it_goes_on(job)
        ctx.exit(INTERRUPTED)


@click.command()
@click.argument("name", shell_complete=complete_job)
@json_option
@click.pass_context
def status(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show how a job stands; the exit code is 1 when it failed."""
    job = job_of(ctx, name)
    if as_json:
        workload = job.workload
        print_json(workload)
    else:
        import msgspec

        from cnai_sdk.text import job_text

        view = job.view()
        workload = view.workload
        if view.diagnosis is not None:
            said = verdict_in_terminal(view.diagnosis, job.name, whole=False)
            view = msgspec.structs.replace(view, diagnosis=said)
        click.echo(job_text(view))
    ctx.exit(1 if workload.phase is Phase.FAILED else 0)


@click.command()
@click.argument("name", shell_complete=complete_job)
@json_option
@click.pass_context
def events(ctx: click.Context, name: str, as_json: bool) -> None:
    """List what happened to a job, oldest first."""
    from cnai_sdk.text.columns import padded

    found = job_of(ctx, name).events()
    if as_json:
        print_json(list(found))
        return
    rows = found.rows()
    times, reasons = padded([when for when, _, _ in rows]), padded([word for _, word, _ in rows])
    for event, clock, reason, (_, _, said) in zip(found, times, reasons, rows, strict=True):
        marked = click.style(reason, fg="yellow") if event.warning else reason
        click.echo(f"{clock}  {marked}  {said}")
    if not rows:
        click.echo(repr(found), err=True)


@click.command(short_help="Say what happened to a job, why, and what to do.")
@click.argument("name", shell_complete=complete_job)
@json_option
@click.pass_context
def explain(ctx: click.Context, name: str, as_json: bool) -> None:
    """Say what happened to a job, why, and what to do, with the lines that prove it."""
    job = job_of(ctx, name)
    explanation = job.explain()
    if as_json:
        print_json(explanation.diagnosis)
    elif explanation.diagnosis is None:
        click.echo(str(explanation))
    else:
        from cnai_sdk.text import verdict_text

        said = verdict_in_terminal(explanation.diagnosis, job.name, whole=False)
        click.echo(verdict_text(said))
