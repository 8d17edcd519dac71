"""The card as HTML: what it says of each phase, and that foreign text stays text."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from cnai_sdk.model.diagnosis import Diagnosis, Evidence
from cnai_sdk.model.event import LogLine
from cnai_sdk.model.metric import Metric
from cnai_sdk.model.output import OutputFile
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.stream import Interruption
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Granted, Progress, Queued, Replica, Workload
from cnai_sdk.widgets.chart import sparkline_svg
from cnai_sdk.widgets.html import card_html, style
from cnai_sdk.widgets.icons import phase_icon

NOW = 1_800_000_000.0
GIB = 2**30

HOSTILE = {
    "an image with a handler": "<img src=x onerror=alert(1)>",
    "a command button": '<a data-commandlinker-command="apputils:reset" '
    "data-commandlinker-args='{}'>click</a>",
    "a script": "</pre></div><script>alert(1)</script>",
    "an attribute's end": "\" onmouseover='alert(1)' x=\"",
    "a link by escape": "\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\",
    "a title by escape": "\x1b]0;gone\x07shown",
    "text turned around": "user\u202egnp.exe",
    "a null": "a\x00b",
    "half a pair": "half \ud800 pair",
}
ELEMENTS = {
    "div", "span", "b", "bdi", "i", "p", "pre", "code", "small", "dl", "dt", "dd", "table",
    "thead", "tbody", "tr", "th", "td", "svg", "g", "path", "circle",
}  # fmt: skip


def workload(phase: Phase, **more: Any) -> Workload:
    given: dict[str, Any] = {
        "id": "w1",
        "name": "digits-3",
        "kind": Kind.TRAIN,
        "backend": "local",
        "place": "this machine",
        "created": NOW - 80,
        "started": NOW - 72,
        "granted": Granted(cpu=2, memory=4 * GIB),
        "replicas": tuple(
            Replica(rank=rank, phase=phase, cpu=1.9, memory=GIB + GIB // 5) for rank in (0, 1)
        ),
    }
    return Workload(phase=phase, **(given | more))


def running() -> JobView:
    return JobView(
        workload=workload(
            Phase.RUNNING,
            progress=Progress(done=12, total=30, unit="epoch", since=NOW - 72),
            metrics={"accuracy": 0.912},
        ),
        metrics=tuple(Metric(values={"accuracy": n / 12}, step=n) for n in range(12)),
        tail=(LogLine(text="epoch 11  loss 0.301", rank=1),),
        now=NOW,
    )


def full_of(text: str) -> JobView:
    """A view with the text in every field that others may write."""
    return JobView(
        workload=workload(
            Phase.STOPPED,
            name=text,
            display_name=text,
            place=text,
            message=text,
            metrics={text: 0.5},
            progress=Progress(done=1, total=2, unit=text),
            granted=Granted(devices=(text, text)),
            queued=Queued(position=1, waits_for=text),
            replicas=(Replica(rank=0, phase=Phase.RUNNING, message=text),),
        ),
        metrics=(Metric(values={text: 0.1}), Metric(values={text: 0.5})),
        tail=(LogLine(text=text),),
        diagnosis=Diagnosis(
            id="X",
            short=text,
            happened=text,
            why=text,
            fix=text,
            code=text + "()",
            evidence=(Evidence(where=text, text=text), Evidence(where=text, text=text, root=False)),
        ),
        result=text,
        outputs=(OutputFile(path=text, size=10),),
        now=NOW,
    )


class Read(HTMLParser):
    """What a browser makes of it: the elements, their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of_role(self, role: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if attributes.get("role") == role]


def words(view: JobView, **options: float) -> str:
    return re.sub(r"\s+", " ", Read(card_html(view, **options)).text)


@pytest.mark.parametrize("phase", [*Phase, Phase("Hibernating")])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_foreign_text_is_text_in_every_field(text: str, phase: Phase):
    view = full_of(text)
    view = msgspec.structs.replace(
        view, workload=msgspec.structs.replace(view.workload, phase=phase)
    )

    read = Read(card_html(view, saved=NOW))

    assert {tag for tag, _ in read.elements} <= ELEMENTS
    for _, attributes in read.elements:
        assert not [name for name in attributes if name.startswith(("on", "data-"))]
        assert "href" not in attributes
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", read.text)


def test_a_running_card_says_how_far_it_is_and_how_well():
    said = words(running())

    assert "Running digits-3 2 workers × 2 CPU · this machine 1 m 12 s" in said
    assert "Epoch 12 of 30" in said
    assert "40% · about 2 min left" in said
    assert "accuracy 0.912" in said
    assert "Worker 1" in said
    assert "1.9 of 2" in said
    assert "1.2 of 4 GiB" in said
    assert "1 epoch 11 loss 0.301" in said


def test_a_card_is_a_labelled_group_and_its_progress_is_a_number():
    read = Read(card_html(running()))

    assert read.of_role("group") == [
        {"class": "cnai-Card", "role": "group", "aria-label": "digits-3, running"}
    ]
    (bar,) = read.of_role("progressbar")
    assert (bar["aria-label"], bar["aria-valuenow"]) == ("epoch", "40")


def test_progress_of_unknown_length_claims_no_number():
    view = running()
    endless = msgspec.structs.replace(view.workload, progress=Progress(done=12, unit="epoch"))

    (bar,) = Read(card_html(msgspec.structs.replace(view, workload=endless))).of_role("progressbar")

    assert "aria-valuenow" not in bar


def test_a_card_of_a_backend_that_is_away_says_so_and_since_when():
    away = Interruption(what="lab cannot be reached.", why="No route to <b>it</b>.")
    view = msgspec.structs.replace(running(), interruption=away)
    then = time.strftime("%H:%M:%S", time.localtime(NOW))

    read = Read(card_html(view))

    assert f"As of {then}: lab cannot be reached. No route to <b>it</b>." in read.text
    assert len(read.of_role("status")) == 1


def test_a_failed_card_is_the_verdict_and_nothing_else():
    view = msgspec.structs.replace(
        running(),
        workload=workload(Phase.FAILED, ended=NOW - 31),
        diagnosis=Diagnosis(
            id="USER_EXCEPTION",
            short="ValueError in worker 1",
            happened="Your code raised ValueError in worker 1: bad label 7",
            fix="Correct cell [3] and run it again.",
            code="cnai.train(digits, workers=1)",
            evidence=(Evidence(where="worker 1, line 318", text="ValueError: bad label 7"),),
        ),
    )

    said = words(view)

    assert "after 41 s" in said
    assert "What happened" in said
    assert "cnai.train(digits, workers=1)" in said
    assert "worker 1, line 318 ValueError: bad label 7" in said
    assert "Last lines" not in said
    assert "Metrics" not in said


def test_an_ended_card_keeps_metrics_result_and_outputs():
    view = msgspec.structs.replace(
        running(),
        workload=workload(Phase.SUCCEEDED, ended=NOW, metrics={"accuracy": 0.974}),
        result='{"accuracy": 0.974}',
        outputs=(OutputFile(path="model.pt", size=1_258_291),),
    )

    said = words(view)

    assert "Succeeded digits-3" in said
    assert "in 1 m 12 s" in said
    assert "Metrics, last" in said
    assert '{"accuracy": 0.974}' in said
    assert "model.pt 1.2 MiB" in said
    assert "Workers" not in said
    assert "Last lines" not in said


def test_a_kept_card_says_of_when_it_is_and_how_to_see_it_now():
    assert re.search(r'As of 20\d\d-.*cnai\.job\("digits-3"\)', words(running(), saved=NOW))
    assert "As of" not in words(running())


def test_gpu_columns_are_there_only_with_a_gpu():
    view = running()
    granted = Granted(cpu=2, memory=4 * GIB, gpu=1, devices=("GPU-a", "GPU-b"))
    with_gpu = msgspec.structs.replace(
        view, workload=msgspec.structs.replace(view.workload, granted=granted)
    )

    assert "GPU" not in words(view)
    assert "GPU-b" in words(with_gpu)


def test_a_log_line_overwrites_itself_and_keeps_its_colours():
    view = msgspec.structs.replace(
        running(), tail=(LogLine(text="10%\r100% \x1b[31mred\x1b[0m\x1b[2J"),)
    )

    html = card_html(view)

    assert "10%\r" not in html
    assert '<span class="ansi-red-fg">red</span>' in html


def test_a_phase_that_is_not_known_names_its_foreign_word():
    assert 'aria-label="unknown: Hibernating"' in phase_icon(Phase("Hibernating"))


def test_every_phase_has_an_outline_of_its_own():
    shapes = {re.sub("<svg[^>]*>", "", phase_icon(phase)) for phase in Phase}

    assert len(shapes) == len(Phase)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, float("nan"), 2.0, 3.0],
        [float("inf"), 0.0, 1.0],
        [1e308, -1e308, 0.0],
        [2.0, 2.0, 2.0],
        [float(n) for n in range(5000)],
    ],
    ids=["a gap", "infinity", "a huge span", "a flat line", "many"],
)
def test_a_sparkline_stays_inside_its_box(values: list[float]):
    points = [
        tuple(map(float, pair))
        for path in re.findall(r'd="M([^"]*)"', sparkline_svg(values))
        for pair in re.findall(r"([\d.e+-]+|nan) ([\d.e+-]+|nan)", path.replace("h0", ""))
    ]

    assert points
    assert all(0 <= x <= 180 and 0 <= y <= 16 for x, y in points)


def test_a_gap_breaks_the_line():
    assert sparkline_svg([1, 2, float("nan"), 3, 4]).count("M") == 3


def test_the_style_sheet_reaches_no_further_than_the_card():
    sheet = re.sub(r"/\*.*?\*/|@keyframes[^{]*\{.*?\}\s*\}", "", style(), flags=re.DOTALL)
    selectors = re.findall(r"([^{};]+)\{", sheet.removeprefix("<style>"))

    for selector in selectors:
        assert "cnai-" in selector or selector.strip().startswith("@"), selector
        assert "#" not in selector
