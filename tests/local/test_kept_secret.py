"""A worker is given its secrets, and nothing that is written down has one of them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

import cnai_sdk as cnai
from cnai_sdk.client import Client
from cnai_sdk.config import runtime_dir
from cnai_sdk.errors import InvalidRequest, JobFailed
from cnai_sdk.secrets import SecretStore

from .conftest import Machine

VALUE = "v3ry-" + "hidden/value+of==a\\secret"
MARKER = "a-marker-of-" + "the-callers-environment"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNAI_TEST_TOKEN", VALUE)
    monkeypatch.setenv("SOMETHING_OF_THE_CALLER", MARKER)


def written(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below the folders, with its content."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()


def holding(needle: str, *folders: Path) -> list[Path]:
    """The files that hold the text as it is, or as JSON or a percent-encoded form has it."""
    forms = {needle, json.dumps(needle)[1:-1], repr(needle)[1:-1], quote(needle)}
    return [path for path, data in written(*folders) if any(f.encode() in data for f in forms)]


async def test_a_secret_reaches_the_worker_and_no_file(machine: Machine) -> None:
    job = await machine.run(
        """
        value = os.environ["CNAI_TEST_TOKEN"]
        print("the value is", value, flush=True)
        print("and on the other stream", value, file=sys.stderr, flush=True)
        sys.stdout.write("without a newline " + value)
        sys.stdout.flush()
        cnai.report(step=1, length=len(value))
        return {"of": len(value), "told": value, value: 1}
        """,
        workers=2,
        secrets=("CNAI_TEST_TOKEN",),
        values={"CNAI_TEST_TOKEN": VALUE},
    )
    assert job.phase.value == "Succeeded"
    assert job.metrics["length"] == len(VALUE)
    lines = await machine.lines(job.id)
    assert "the value is ***" in lines
    assert holding(VALUE, machine.home, runtime_dir()) == []


async def test_a_secret_in_an_error_reaches_no_file(machine: Machine) -> None:
    job = await machine.run(
        """
        value = os.environ["CNAI_TEST_TOKEN"]
        raise PermissionError("401 for " + value)
        """,
        secrets=("CNAI_TEST_TOKEN",),
        values={"CNAI_TEST_TOKEN": VALUE},
    )
    assert job.phase.value == "Failed"
    assert "PermissionError: 401 for ***" in await machine.lines(job.id)
    assert holding(VALUE, machine.home, runtime_dir()) == []


async def test_a_secret_that_is_printed_in_pieces_reaches_no_file(machine: Machine) -> None:
    """The pipe may cut the text anywhere, and a long line is split."""
    job = await machine.run(
        """
        value = os.environ["CNAI_TEST_TOKEN"]
        for half in (value[:7], value[7:]):
            os.write(1, half.encode())
            time.sleep(0.4)
        os.write(1, b"\\n")
        print("x" * (64 * 1024 - 5) + value, flush=True)
        """,
        secrets=("CNAI_TEST_TOKEN",),
        values={"CNAI_TEST_TOKEN": VALUE},
    )
    lines = await machine.lines(job.id)
    assert "***" in lines
    assert holding(VALUE, machine.home) == []
    assert VALUE not in "".join(lines)


async def test_a_secret_in_a_name_of_a_metric_reaches_no_file(machine: Machine) -> None:
    job = await machine.run(
        """
        value = os.environ["CNAI_TEST_TOKEN"]
        cnai.report(step=1, **{value: 1.0})
        cnai.progress(1, 2, unit=value)
        """,
        secrets=("CNAI_TEST_TOKEN",),
        values={"CNAI_TEST_TOKEN": VALUE},
    )
    assert job.phase.value == "Succeeded"
    assert holding(VALUE, machine.home) == []


async def test_the_callers_environment_is_handed_on_and_not_written_down(machine: Machine) -> None:
    job = await machine.run("return len(os.environ['SOMETHING_OF_THE_CALLER'])")
    assert await machine.backend.result(job.id) == str(len(MARKER)).encode()
    assert holding(MARKER, machine.home, runtime_dir()) == []


async def test_while_it_runs_only_its_owner_may_look(machine: Machine) -> None:
    job = await machine.submit(
        "time.sleep(600)", secrets=("CNAI_TEST_TOKEN",), values={"CNAI_TEST_TOKEN": VALUE}
    )
    await machine.running(job.id)
    assert holding(VALUE, machine.home, runtime_dir()) == []
    for folder in (machine.home, machine.home / "jobs", machine.folder(job.id), runtime_dir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for pid in machine.processes(job.id):
        assert VALUE.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in runtime_dir().glob("*.sock"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_job_without_secrets_gets_none_of_the_kept_ones(
    plain: Machine, tmp_path: Path
) -> None:
    SecretStore(tmp_path / "private" / "secrets.json").set("ANOTHER_TOKEN", VALUE)
    job = await plain.run("return os.environ.get('ANOTHER_TOKEN')")
    assert await plain.backend.result(job.id) is None


def test_kept_secrets_are_read_by_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "private" / "secrets.json"
    SecretStore(path).set("CNAI_TEST_KEPT", VALUE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_kept_secret_is_found_by_its_name_also_for_a_rerun(
    client: Client, tmp_path: Path
) -> None:
    SecretStore.default().set("CNAI_TEST_KEPT", VALUE)

    def reads() -> int:
        return len(os.environ["CNAI_TEST_KEPT"])

    job = client.train(reads, secrets=["CNAI_TEST_KEPT"])
    assert job.result() == len(VALUE)
    assert job.rerun().result() == len(VALUE)
    assert holding(VALUE, tmp_path / "store") == []
    SecretStore.default().remove("CNAI_TEST_KEPT")
    with pytest.raises(InvalidRequest, match="CNAI_TEST_KEPT"):
        job.rerun()


def test_neither_a_verdict_nor_an_event_has_the_secret(client: Client) -> None:
    def fails() -> None:
        value = os.environ["CNAI_TEST_TOKEN"]
        cnai.report(step=1, loss=1.0)
        raise ValueError(f"no access with {value}")

    job = client.train(fails, secrets=["CNAI_TEST_TOKEN"])
    with pytest.raises(JobFailed) as failure:
        job.wait(60)
    told = [str(failure.value), repr(job), str(job.explain()), str(job.logs()), str(job.events())]
    assert "no access with ***" in told[3]
    assert not [text for text in told if VALUE in text]


def test_a_script_shows_the_name_and_not_the_value(client: Client) -> None:
    def reads() -> int:
        return len(os.environ["CNAI_TEST_TOKEN"])

    job = client.train(reads, secrets=["CNAI_TEST_TOKEN"])
    assert "CNAI_TEST_TOKEN" in job.script
    assert VALUE not in job.script
    job.wait(60)
