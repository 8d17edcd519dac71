"""Jobs by name, and the completion of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cnai_sdk.errors import CnaiError

if TYPE_CHECKING:
    from cnai_sdk.client import Client
    from cnai_sdk.handle import Handle


def client_of(ctx: click.Context) -> Client:
    """The client of this run: the one that was handed in, or one by configuration."""
    if ctx.obj is None:
        from cnai_sdk.client import Client

        ctx.obj = Client()
    client: Client = ctx.obj
    return client


def job_of(ctx: click.Context, name: str) -> Handle:
    """The newest job of that name, or the one with that id.

    Raises:
        NotFound: there is none.
    """
    job: Handle = client_of(ctx).job(name)
    return job


def jobs_of(ctx: click.Context, names: tuple[str, ...]) -> list[Handle]:
    """All of them, each once, before anything is done to the first.

    A name is that of one workload first, and only where there is none that of its newest run: what
    is stopped or deleted is what the list calls so.
    """
    known = client_of(ctx).jobs().workloads
    ids = {workload.name: workload.id for workload in reversed(known)}
    found = [job_of(ctx, ids.get(name, name)) for name in names]
    return list({job.id: job for job in found}.values())


def complete_job(ctx: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Names that begin so, newest first. Completion has no place to show an error."""
    try:
        workloads = client_of(ctx).jobs().workloads
    except CnaiError:
        return []
    return [
        CompletionItem(workload.name, help=workload.phase.label)
        for workload in workloads
        if workload.name.startswith(incomplete)
    ]
