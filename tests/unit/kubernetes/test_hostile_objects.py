"""What whoever may write one job can write into it, and what everybody else still sees.

A teacher looks at the namespaces of students: one object must neither stop that nor make it slow.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import logging
import os
import tarfile
import time
import zlib
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from cnai_sdk.backends.kubernetes import mirror as mirror_module
from cnai_sdk.backends.kubernetes import naming, payload
from cnai_sdk.backends.kubernetes.api import Api
from cnai_sdk.backends.kubernetes.mirror import Mirror
from cnai_sdk.backends.kubernetes.objects import Pod, TrainingObject
from cnai_sdk.backends.kubernetes.specs import bare_spec, whole_spec
from cnai_sdk.backends.kubernetes.standing import workload
from cnai_sdk.backends.kubernetes.standing_asked import quantity
from cnai_sdk.backends.local.folder import JobFolder
from cnai_sdk.errors import BackendUnavailable, CnaiError, InvalidRequest, Unsupported
from cnai_sdk.explain import Facts, diagnose
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import MOST, Payload, Span
from cnai_sdk.model.view import JobView
from cnai_sdk.model.workload import Workload
from cnai_sdk.text import job_text, row_text, to_html

from .lives import ended, running
from .manifests import spec_of
from .test_mirror import Cluster, mirror_of, ours

SECONDS = 5.0
"""Of this process, within which all is said of one job, however odd it is."""

DEEP = "[" * 100_000
LONG = "9" * 400
HUGE = "x" * 100_000
TEXT = "\u202egnp.exe\u001b[31m\u001b]8;;http://x\u0007<img src=x onerror=alert(1)>"
WORDS = ("nan", "inf", "-inf", "-1", "1e400", "1e300", LONG, "0x10", "null", "", TEXT, HUGE, DEEP)
ODD = (
    "NaN", "Infinity", "-1", "1e999", "1e308", LONG, "1000000000", "null", "true", "{}", "[]",
    '"two"', json.dumps(TEXT), json.dumps(HUGE), "[" * 5000 + "]" * 5000, DEEP,
)  # fmt: skip
QUANTITIES = ("1e999", "1e-999", "1e99999999999", LONG, "9" * 5000, "1.2.3", ".", "nan", "-120",
              "1e300", "9" * 18 + "Ei", TEXT, -1, 2**62, 1e308)  # fmt: skip
PARTS = (
    "name", "display_name", "workers", "resources", "timeout", "retries", "origin", "labels",
    "packages", "payload", "env", "secrets", "data", "outputs", "image", "shm", "queue", "kind",
)  # fmt: skip
RESOURCES = ("cpu", "memory", "gpu", "gpu_memory", "gpu_model", "isolation")
NOTES = (
    naming.SPEC, naming.CREATED, naming.STOPPED, naming.ATTEMPT, naming.BASE, naming.NOTICES,
    naming.DISPLAY_NAME, naming.GRANTED, naming.OVERDUE,
)  # fmt: skip


def spelled(**parts: str) -> str:
    """A spec's text, whose parts need not be JSON."""
    whole = {"kind": '"train"', "name": '"x"', "payload": '{"entry": "f"}', **parts}
    return "{" + ", ".join(f'"{name}": {text}' for name, text in whole.items()) + "}"


def noted(**notes: str) -> dict[str, Any]:
    """A job of the SDK, with annotations written over its own."""
    made = ours()
    made["metadata"]["annotations"] |= {f"cnai-sdk/{k}": text for k, text in notes.items()}
    return made


def annotated() -> list[dict[str, Any]]:
    """Every annotation with every odd text, and every part of a spec with every odd value."""
    found = [
        noted(**{note.partition("/")[2]: text}) for note, text in itertools.product(NOTES, WORDS)
    ]
    found += [noted(spec=spelled(**{part: odd})) for part, odd in itertools.product(PARTS, ODD)]
    for part, odd in itertools.product(RESOURCES, ODD):
        found.append(noted(spec=spelled(resources=f'{{"{part}": {odd}}}')))
        found.append(noted(granted=f'{{"{part}": {odd}, "how": [{odd}]}}'))
    return [*found, noted(spec='{"name":"x"}', attempt="inf"), noted(spec="{}", attempt="nan")]


def sized() -> list[dict[str, Any]]:
    """Amounts and counts of the object itself, whoever made it."""
    found = []
    for key, odd in itertools.product(("memory", "cpu", "nvidia.com/gpu", "x.com/gpu"), QUANTITIES):
        made = ours()
        made["metadata"]["annotations"] = {}
        for each in made["spec"]["pytorchReplicaSpecs"].values():
            each["template"]["spec"]["containers"][0]["resources"] = {"limits": {key: odd}}
        found.append(made)
        trainer = {"numNodes": 2, "resourcesPerNode": {"limits": {key: odd}}}
        found.append({**made, "kind": "TrainJob", "spec": {"trainer": trainer}})
    for count in (-(2**31), -1, 0, 2**31 - 1, None):
        made = ours()
        for each in made["spec"]["pytorchReplicaSpecs"].values():
            each["replicas"] = count
        found.append(made)
        found.append({**made, "kind": "TrainJob", "spec": {"trainer": {"numNodes": count}}})
    for bound in (-(2**31), -1, 0, 2**31 - 1):
        made = ours(policy={"activeDeadlineSeconds": bound, "backoffLimit": bound})
        made["metadata"]["annotations"] = {}
        found.append(made)
    return found


async def told(made: dict[str, Any], folder: Path, *, pods: tuple[Any, ...] = ()) -> Workload:
    """All that every surface does with a job beside an ordinary one; both are listed."""
    cluster = Cluster()
    mirror = mirror_of(cluster, folder)
    for plural in ("pytorchjobs", "trainjobs"):
        cluster.get(plural, TrainingObject)
    cluster.get("pods", Pod, params={"labelSelector": "training.kubeflow.org/job-name"})
    cluster.say(made, "ADDED")
    cluster.say(ours("b" * 16, uid="j2"), "ADDED")
    for pod in pods:
        cluster.say(pod, "ADDED")
    await mirror.start()
    try:
        listed = {each.id: each for each in mirror.workloads()}
        assert len(listed) == 2 and "b" * 16 in listed
        (odd,) = (each for id, each in listed.items() if id != "b" * 16)
        assert 1 <= len(odd.replicas) <= MOST
        events = mirror.events(odd.id)
        for each in (odd, *events):
            msgspec.json.decode(msgspec.json.encode(each))
        verdict = diagnose(Facts(workload=odd, events=tuple(events)))
        view = JobView(workload=odd, diagnosis=verdict, now=odd.created + 60)
        shown = [job_text(view), job_text(view, ascii=True), row_text(odd, now=odd.created + 60)]
        assert not any(bad in text for text in shown for bad in ("\u202e", "\x1b]", "\x07"))
        assert "<img" not in to_html(odd.shown)
        job = mirror.job(odd.id)
        assert job is not None
        bare_spec(job)
        if odd.managed:
            with pytest.raises(CnaiError):  # none of these carries its code
                await whole_spec(cast("Api", Stored(made)), job, "/job")
        return odd
    finally:
        await mirror.close()


class Stored:
    """An API that has one object."""

    def __init__(self, made: dict[str, Any]) -> None:
        self.made = made

    async def get(self, path: str) -> dict[str, Any]:
        return self.made if path == "/job" else {}


@pytest.mark.parametrize("corpus", [annotated, sized])
async def test_no_text_and_no_number_of_a_job_hides_it_or_another(
    corpus: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for nth, made in enumerate(corpus()):
        begun = time.process_time()
        await told(made, tmp_path / str(nth))
        assert time.process_time() - begun < SECONDS, made
    assert not caplog.records, "all of them could be told"


MESSAGES = (
    "{" * 4000, '{"a":' * 800, '{"attempt": 1e999}', '{"attempt": ' + LONG + "}",
    '{"attempt": -1}', '{"final": true, "error": [1]}', '{"error": {"type": {}, "message": [2]}}',
    '{"result": NaN, "reason": 5}', '{"error": {"type": ' + json.dumps(TEXT) + "}}", HUGE,
)  # fmt: skip


async def test_no_last_word_of_a_worker_does(tmp_path: Path) -> None:
    for nth, (message, code) in enumerate(itertools.product(MESSAGES, (0, 1))):
        begun = time.process_time()
        await told(ours(), tmp_path / str(nth), pods=(ended(0, code, end=message),))
        assert time.process_time() - begun < SECONDS, message[:80]


async def test_no_label_of_a_pod_does(tmp_path: Path) -> None:
    for nth, label in enumerate(("9" * 63, "-1", "1e9", "4096", "A")):
        pod = running(1)
        pod["metadata"]["labels"] |= {
            "training.kubeflow.org/replica-index": label,
            "jobset.sigs.k8s.io/restart-attempt": label,
        }
        odd = await told(ours(), tmp_path / str(nth), pods=(pod, ended(0, 1)))
        assert odd.attempt <= MOST


async def test_how_many_workers_there_are_says_the_job_and_no_annotation(tmp_path: Path) -> None:
    few = await told(noted(spec=spelled(workers="4000")), tmp_path / "few")
    assert len(few.replicas) == 2
    many = await told(noted(spec=spelled(workers="1000000000")), tmp_path / "many")
    assert len(many.replicas) == 2


async def test_what_is_claimed_is_no_more_than_a_call_can_ask_for(tmp_path: Path) -> None:
    claims = '{"cpu": 1e308, "memory": 9223372036854775807, "gpu": 4}'
    odd = await told(noted(spec=spelled(resources=claims)), tmp_path)
    assert (odd.resources.cpu, odd.resources.memory, odd.resources.gpu) == (None, None, 4.0)


@pytest.mark.parametrize("text", [text for text in map(str, QUANTITIES) if text[:1] not in "-1249"])
def test_what_is_no_finite_number_is_no_quantity(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize("text", ["1e999", "1e99999999999", LONG, "9" * 5000, "1.2.3"])
def test_nor_is_one_that_no_float_holds(text: str) -> None:
    assert quantity(text) is None


# -- what stays when something breaks all the same -----------------------------------------------


async def test_a_job_whose_standing_breaks_is_shown_with_its_name_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(seen: Any, **rest: Any) -> Workload:
        if seen.asked.id == "a" * 16:
            raise OverflowError("one that nobody thought of")
        return workload(seen, **rest)

    monkeypatch.setattr(mirror_module, "workload", breaks)
    cluster = Cluster()
    mirror = mirror_of(cluster, tmp_path)
    await mirror.start()
    try:
        with caplog.at_level(logging.ERROR):
            for version in range(3):
                made = ours()
                made["metadata"]["resourceVersion"] = str(version + 1)
                cluster.say(made)
                cluster.say(ours("b" * 16, uid=f"j{version + 2}"))
                async with asyncio.timeout(20):
                    while not (mirror.get("a" * 16) and mirror.get("b" * 16)):
                        await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
        odd = mirror.get("a" * 16)
        assert odd is not None and not odd.phase.known and "cannot be read" in odd.message
        view = JobView(workload=odd, now=odd.created)
        assert "digits" in job_text(view) and row_text(odd, now=odd.created)
        assert [each.getMessage() for each in caplog.records] == [
            "PyTorchJob digits cannot be read"
        ]
    finally:
        await mirror.close()


async def test_who_waits_for_a_mirror_that_broke_down_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(self: Mirror) -> None:
        raise RuntimeError("one that nobody thought of")

    monkeypatch.setattr(Mirror, "_sight_changed", breaks)
    mirror = mirror_of(Cluster(), tmp_path)
    async with asyncio.timeout(20):
        with pytest.raises(BackendUnavailable, match="cannot be told") as told:
            await mirror.start()
        assert "nobody thought of" in told.value.why
        with pytest.raises(BackendUnavailable):
            mirror.workloads()
        with pytest.raises(BackendUnavailable):
            await anext(aiter(mirror.watch()))


# -- the code that a job carries ---------------------------------------------------------------


def archive(*files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """An archive as anybody can write one."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            tar.addfile(member, io.BytesIO(content))
    return zlib.compress(plain.getvalue(), 9)


@pytest.mark.parametrize(
    "name", ["../../../tmp/x", "/etc/cron.d/x", "code/../../x", "..", "code//x", "./x"]
)
def test_an_archives_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="no path inside"):
        payload.unpack(archive(("script.py", b""), (name, b"x")))


def test_an_archive_that_grows_beyond_what_is_ever_packed_is_refused() -> None:
    bomb = zlib.compress(b"\0" * (payload.UNPACKED + 2**20), 9)
    assert len(bomb) < payload.LARGEST
    with pytest.raises(ValueError, match="128\xa0MiB when it is unpacked"):
        payload.unpack(bomb)


def test_a_member_that_says_that_it_is_larger_than_the_archive_is_refused() -> None:
    member = tarfile.TarInfo("script.py")
    member.size = 2**40
    with pytest.raises((ValueError, tarfile.TarError)):
        payload.unpack(zlib.compress(member.tobuf() + b"\0" * 1024))


def test_links_and_devices_of_an_archive_are_left_out() -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        assert payload.unpack(archive(("x", b""), kind=kind)) == {}


def test_nor_does_a_name_lead_out_of_a_jobs_folder_on_this_machine(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "jobs" / "a")
    os.close(folder.claim())
    spec = spec_of(payload=Payload(entry="f", files={"script.py": b"", "../../../x": b"1"}))
    made = Workload(id="a", name="a", kind=Kind.TRAIN, phase=Phase.QUEUED, backend="local")
    with pytest.raises(InvalidRequest, match="no path inside"):
        folder.fill(spec, made, tmp_path / "worker")
    assert not (tmp_path / "x").exists()


def test_what_could_not_be_unpacked_is_not_packed() -> None:
    files = {"script.py": b"", "values/1.pkl": b"\0" * (payload.CARRIED + 1)}
    with pytest.raises(InvalidRequest, match="unpacked"):
        payload.pack(spec_of(payload=Payload(entry="train", files=files)), {})


def carrying(code: bytes | str, spec: str | None = None) -> dict[str, Any]:
    made = noted(spec=spec if spec is not None else spelled())
    text = code if isinstance(code, str) else base64.b64encode(code).decode()
    for each in made["spec"]["pytorchReplicaSpecs"].values():
        each["template"]["spec"]["containers"][0]["env"] = [{"name": payload.ENV, "value": text}]
    return made


async def read(made: dict[str, Any], folder: Path) -> Any:
    cluster = Cluster()
    mirror = mirror_of(cluster, folder)
    await mirror.start()
    try:
        mirror.put(made)
        job = mirror.job("a" * 16)
        assert job is not None
        return await whole_spec(cast("Api", Stored(made)), job, "/job")
    finally:
        await mirror.close()


async def test_the_code_of_an_honest_job_is_read_back(tmp_path: Path) -> None:
    spec = spec_of(
        payload=Payload(
            entry="train",
            files={"script.py": b"x = 1"},
            spans=(Span(first=1, last=1, source="cell [1]"),),
        )
    )
    bare = msgspec.structs.replace(spec, payload=msgspec.structs.replace(spec.payload, files={}))
    made = carrying(payload.pack(spec, {}).data, msgspec.json.encode(bare).decode())
    assert await read(made, tmp_path) == spec


@pytest.mark.parametrize(
    "code",
    ["!", "QQ", b"", b"no zlib", zlib.compress(b"no tar"), archive(("other.py", b"")),
     archive(("script.py", b"\xff")), archive(("../x", b"")), archive(("script.py", b""))[:-9]],
)  # fmt: skip
async def test_code_that_nobody_packed_is_told_and_not_raised(
    code: bytes | str, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match="cannot be read") as told:
        await read(carrying(code), tmp_path)
    assert "the code that it carries" in told.value.why and told.value.next_step


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ('{"name": "x"}', "kind"),
        (spelled(workers="4097"), "workers"),
        (spelled(workers="-5"), "workers"),
        (spelled(outputs='"file:///etc"'), "outputs"),
        (spelled(image='"; rm -rf"'), "image"),
        (spelled(env='{"RANK": "1"}'), "RANK"),
        (spelled(payload=f'{{"entry": "f", "spans": [{{"first": {LONG}}}]}}'), ""),
        (spelled(payload="[]"), "payload"),
    ],
)
async def test_a_spec_that_no_call_could_have_made_says_what_is_wrong_with_it(
    spec: str, why: str, tmp_path: Path
) -> None:
    """One that says so little that it is taken for somebody else's is refused before."""
    made = carrying(archive(("script.py", b"")), spec)
    with pytest.raises(Unsupported, match="cannot be read") as told:
        await read(made, tmp_path)
    assert naming.SPEC in told.value.why and why in told.value.why
