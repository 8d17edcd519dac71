"""Jobs that nothing happens to are looked at again when their time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from cnai_sdk.backends.kubernetes import mirror_again
from cnai_sdk.backends.kubernetes.mirror_again import Again

from .lives import a_job, joined

CREATED: dict[str, dict[str, str]] = {"Created": {}}


async def test_a_job_that_no_operator_looked_at_is_told_anew_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror_again, "TAKEN_UP_WITHIN", 0.05)
    touched = asyncio.Queue[Iterable[str]]()
    again, job = Again(touched.put_nowait), joined(a_job(1))
    assert not again.unheeded(job)
    assert await asyncio.wait_for(touched.get(), 30) == {job.uid}
    assert again.unheeded(job)
    assert not again.unheeded(joined(a_job(1, conditions=CREATED)))
    assert not again.unheeded(job), "its time begins anew"


@pytest.mark.parametrize(
    "document", [a_job(1, conditions=CREATED), a_job(1, policy={"suspend": True})]
)
async def test_who_waits_for_something_else_is_not_taken_for_unheeded(
    document: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_again, "TAKEN_UP_WITHIN", 0.0)
    assert Again(lambda uids: None).unheeded(joined(a_job(1)))
    assert not Again(lambda uids: None).unheeded(joined(document))
