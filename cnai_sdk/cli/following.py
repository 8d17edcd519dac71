"""A job's log on a terminal, until it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from cnai_sdk.cli.printing import in_colour, print_error
from cnai_sdk.cli.speaking import speak, verdict_in_terminal
from cnai_sdk.errors import CnaiError, InvalidRequest, JobFailed
from cnai_sdk.model.phase import Phase

if TYPE_CHECKING:
    from cnai_sdk.backends.base import Backend
    from cnai_sdk.handle import Handle
    from cnai_sdk.model.event import LogLine
    from cnai_sdk.model.workload import Workload

INTERRUPTED = 130
_TERMINATED = 143


def print_log(
    backend: Backend,
    workload: Workload,
    *,
    rank: int | None = None,
    tail: int | None = None,
    follow: bool = False,
    as_json: bool = False,
) -> None:
    """Print a job's lines as they come, and what holds it up while it is followed.

    Raises:
        InvalidRequest: it has no such worker, or a negative tail.
    """
    from cnai_sdk import runtime
    from cnai_sdk.logs import remark
    from cnai_sdk.model.event import LOG_GAPS

    _check(workload, rank, tail)
    batches = runtime.iterate(backend.logs(workload.id, rank=rank, tail=tail, follow=follow))
    with _telling(backend, workload.id) if follow and not as_json else contextlib.nullcontext():
        _print(batches, with_rank=rank is None and len(workload.replicas) > 1, as_json=as_json)
    if not as_json:
        for event in runtime.call(backend.events(workload.id)):
            if event.reason in LOG_GAPS:
                click.echo(remark(event.message), err=True)


@contextlib.contextmanager
def _telling(backend: Backend, id: str) -> Iterator[None]:
    """Say on standard error what a job is stuck at, beside what its workers print."""
    from cnai_sdk import runtime

    telling = runtime.submit(_tell(backend, id))
    try:
        yield
    finally:
        if not telling.cancel():
            telling.result()


async def _tell(backend: Backend, id: str) -> None:
    import asyncio

    from cnai_sdk.text import clean

    told: set[str] = set()
    with contextlib.suppress(CnaiError):  # what cannot be watched is told by who reads the log
        async for update in backend.watch():
            for each in update.workloads:
                stuck = each.id == id and each.reason and not each.phase.ended
                if stuck and each.message and each.message not in told:
                    told.add(each.message)
                    message = clean(each.message, colours=False).rstrip(".")
                    more = f"What to do about it: cnai explain {each.name}"
                    line = f"{each.phase.label}: {message}. {more}"
                    await asyncio.to_thread(click.echo, line, err=True)


def _check(workload: Workload, rank: int | None, tail: int | None) -> None:
    count = len(workload.replicas)
    if rank is not None and rank not in {replica.rank for replica in workload.replicas}:
        raise InvalidRequest(
            f"{workload.name} has no worker {rank}.",
            why=f"It has {count}, numbered from 0.",
            next_step=f"Write --rank {max(count - 1, 0)}{' or below' if count > 1 else ''}, "
            "or leave it out for all.",
        )
    if tail is not None and tail < 0:
        raise InvalidRequest(
            f"--tail {tail} is not a number of lines.",
            next_step="Write --tail 20, for the last 20.",
        )


def _print(batches: Iterable[Sequence[LogLine]], *, with_rank: bool, as_json: bool) -> None:
    if as_json:
        import msgspec

        encoder = msgspec.json.Encoder()
        for batch in batches:
            whole = [line for line in batch if not line.partial]
            click.echo(encoder.encode_lines(whole).decode(), nl=False)
        return
    from cnai_sdk.text import clean

    for batch in batches:
        texts = [
            f"{line.rank} │ {clean(line.text, colours=True)}"
            if with_rank
            else clean(line.text, colours=True)
            for line in batch
            if not line.partial
        ]
        if texts:
            click.echo("\n".join(texts))


def follow_to_end(backend: Backend, job: Handle, *, as_json: bool) -> int:
    """Print what a job prints, and how it ended; returns the exit code for this process.

    0 when it succeeded; when it failed the code of the worker that failed, 128 and the signal's
    number for one that a signal ended, and 1 where neither is known; 143 when it was stopped.
    """
    try:
        print_log(backend, job.workload, follow=True, as_json=as_json)
        job.wait()
    except KeyboardInterrupt:
        say_it_goes_on(job)
        return INTERRUPTED
    except JobFailed as failure:
        _print_verdict(job.name, failure, as_json=as_json)
    ended = job.workload
    if ended.phase is not Phase.FAILED and not as_json:
        click.echo(in_colour(f"{ended.shown}: {ended.phase.label}", ended.phase), err=True)
    return exit_code(ended)


def _print_verdict(name: str, failure: JobFailed, *, as_json: bool) -> None:
    if as_json:
        print_error(speak(failure, name), as_json=True)
        return
    from cnai_sdk.text import verdict_text

    click.echo(verdict_text(verdict_in_terminal(failure.diagnosis, name, whole=True)), err=True)


def exit_code(workload: Workload) -> int:
    """The code that tells a shell how a job ended."""
    if workload.phase is Phase.SUCCEEDED:
        return 0
    if workload.phase is Phase.STOPPED:
        return _TERMINATED
    failed = [r for r in workload.replicas if r.phase is Phase.FAILED and r.exit_code]
    code = failed[0].exit_code if failed else None
    if not code:
        return 1
    return 128 - code if code < 0 else min(code, 255)


def say_it_goes_on(job: Handle) -> None:
    """After Ctrl-C: what became of the job, and how to stop it."""
    workload = job.workload
    if workload.phase.ended:
        click.echo(f"\n{workload.shown} has ended: {workload.phase.label}.", err=True)
    else:
        click.echo(
            f"\n{workload.shown} goes on. Stop it: cnai stop {workload.name}. "
            f"Follow it again: cnai logs -f {workload.name}",
            err=True,
        )
