"""What may be used, as text and as HTML; and whether something fits, as a call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cnai_sdk import runtime
from cnai_sdk.backends.memory import MemoryBackend
from cnai_sdk.client import Client
from cnai_sdk.config import Config
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.quota import Fit, Holder, Line, Quota, QuotaItem
from cnai_sdk.quotas import FitView, QuotaView

GIB = 2.0**30
GPU = QuotaItem(
    resource="gpu",
    label="GPU, a100",
    unit="GPUs",
    limit=2,
    used=3,
    mine=1,
    borrowed=1,
    lendable=4,
    queued=2,
    most=1,
    holders=(Holder(name="digits", amount=1),),
)


def view(*items: QuotaItem, **more: object) -> QuotaView:
    return QuotaView(Quota(backend="kubernetes", place="team-a on lab", items=items, **more))  # type: ignore[arg-type]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    backend = MemoryBackend()
    yield Client(backend, config=Config(home=tmp_path))
    runtime.call(backend.close())


def test_a_row_says_how_much_by_whom_and_what_is_borrowed() -> None:
    said = repr(view(GPU)).splitlines()
    assert said == [
        "team-a on lab",
        "GPU, a100  3 of 2, 1 borrowed, 4 more to borrow  "
        "digits 1, others 2, jobs in line want 2 GPUs, one worker at most 1",
    ]


def test_what_is_waited_for_is_no_number_of_jobs() -> None:
    waiting = tuple(Holder(name=f"slow-{n}", amount=2) for n in range(4))
    cores = QuotaItem(resource="cpu", label="CPU cores", limit=2, used=2, queued=8)
    assert repr(view(cores)).endswith("jobs in line want 8 cores")
    named = msgspec.structs.replace(cores, waiting=waiting)
    assert repr(view(named)).endswith("4 jobs wait for 8 cores")
    one = msgspec.structs.replace(cores, waiting=waiting[:1], queued=1)
    assert repr(view(one)).endswith("1 job waits for 1 core")
    memory = QuotaItem(resource="memory", unit="bytes", limit=GIB, queued=2 * GIB)
    assert repr(view(memory)).endswith("jobs in line want 2\xa0GiB")


def test_a_limit_that_is_not_known_is_said() -> None:
    memory = QuotaItem(resource="memory", label="Memory", unit="bytes", used=2 * GIB)
    assert "2\xa0GiB, limit not known" in repr(view(memory))


def test_queues_and_what_is_not_visible_stand_below() -> None:
    line = Line(name="team", waiting=3, mine=(Holder(name="digits", amount=1, position=2),))
    paused = Line(name="night", stopped="the queue night is paused")
    said = repr(view(lines=(line, paused), unseen=("Nodes: not visible to you.",)))
    assert "Queue team: 3 wait, digits is 2nd." in said
    alone = Line(name="team", waiting=1)
    assert "Queue team: 1 waits." in repr(view(lines=(alone,)))
    assert "Queue night: the queue night is paused." in said
    assert said.endswith("Nodes: not visible to you.")


def test_queues_that_could_be_chosen_say_what_they_have_and_how() -> None:
    gpu = QuotaItem(resource="gpu", label="GPU", unit="GPUs", limit=4, used=1)
    lines = tuple(Line(name=n, waiting=2, chosen=False, items=(gpu,)) for n in ("day", "night"))
    said = repr(view(lines=lines)).splitlines()
    assert said[1:] == [
        "Queue day: 2 wait, GPU 1 of 4.",
        "Queue night: 2 wait, GPU 1 of 4.",
        'No queue is set: queue="day" in cnai.train puts a job there, CNAI_QUEUE=day all of them.',
    ]


def test_hostile_names_are_text() -> None:
    hostile = "<img src=x>\x1b[2J"
    item = QuotaItem(resource="gpu", label=hostile, holders=(Holder(name=hostile, amount=1),))
    shown = view(item, unseen=(hostile,))._repr_html_()
    assert "<img" not in shown
    assert "\x1b" not in shown
    assert "\x1b" not in repr(view(item))


def test_an_answer_is_true_when_all_of_it_fits_now() -> None:
    assert FitView(Fit(answer="now"))
    later = FitView(Fit(answer="waits", position=4, seconds=720.0, why="no GPU is free"))
    assert not later
    assert repr(later) == (
        "Waits behind 3, about 12\xa0min by the running jobs' deadlines: no GPU is free."
    )


def test_what_should_be_known_besides_has_a_line_of_its_own() -> None:
    estimate = "Up to 2 GPU-hours: 1 worker × 0.25 GPU × 8 h, its timeout.\x1b[2J"
    assert repr(FitView(Fit(answer="now", notices=(estimate,)))) == (
        "Fits now.\nUp to 2 GPU-hours: 1 worker × 0.25 GPU × 8 h, its timeout."
    )


def test_a_call_asks_and_creates_nothing(client: Client) -> None:
    assert client.fits(cpu=1)
    assert repr(client.fits(cpu=1, count=2)) == "All 2 fit now."
    assert repr(client.fits(cpu=1000)).startswith("Never fits. ")
    assert "\nWhat to do: " in repr(client.fits(cpu=1000))
    assert len(client.jobs()) == 0


@pytest.mark.parametrize(
    "wishes",
    [
        *({"count": 0}, {"count": 1.5}, {"count": True}, {"cpu": -1}, {"memory": "10GB"}),
        *({"memroy": 1}, {"gpu": 0}, {"gpu": -1}, {"gpu": 1.5}, {"gpu": "half"}, {"gpu": 0.001}),
        *({"gpu": float("nan")}, {"gpu_memory": "10GB"}, {"gpu_memory": "10"}, {"gpu_memory": 10}),
        *({"gpu": 0.5, "workers": 2}, {"gpu_model": "A100"}, {"gpu": 1, "isolation": "some"}),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_call(
    client: Client, wishes: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest):
        client.fits(**wishes)  # type: ignore[arg-type]
