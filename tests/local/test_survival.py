"""What a job survives, and what is left when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cnai_sdk.backends.local import tree
from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.config import Config
from cnai_sdk.errors import StoreVersion
from cnai_sdk.model.phase import Phase

from .conftest import PATIENCE, Machine

WAIT_FOR_RELEASE = """
print("up", flush=True)
while not os.path.exists("release"):
    time.sleep(0.01)
return "went on"
"""


async def test_a_job_goes_on_when_its_kernel_is_killed(machine: Machine, tmp_path: Path) -> None:
    body = machine.spec(WAIT_FOR_RELEASE, workers=2)
    (tmp_path / "spec.json").write_bytes(msgspec.json.encode(body))
    submitter = f"""
import asyncio, msgspec, os, signal
from pathlib import Path
from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.config import Config
from cnai_sdk.model.spec import Spec
spec = msgspec.json.decode(Path({str(tmp_path / "spec.json")!r}).read_bytes(), type=Spec)
config = Config(home=Path({str(machine.home)!r}), warm={machine.config.warm})
async def main():
    print((await LocalBackend(config).submit(spec, secrets={{}})).id, flush=True)
asyncio.run(main())
os.kill(os.getpid(), signal.SIGKILL)
"""
    kernel = subprocess.run(
        [sys.executable, "-c", submitter], capture_output=True, text=True, check=False
    )
    assert kernel.returncode == -signal.SIGKILL, kernel.stderr
    id = kernel.stdout.strip()
    await machine.running(id)
    (machine.folder(id) / "outputs" / "release").touch()
    ended = await machine.ended(id)
    assert ended.phase is Phase.SUCCEEDED
    assert await machine.backend.result(id) == b'"went on"'


async def test_a_killed_supervisor_ends_its_workers_and_the_job_says_so(machine: Machine) -> None:
    job = await machine.submit("print('up', flush=True)\ntime.sleep(600)", workers=2)
    await machine.running(job.id)
    os.kill(machine.supervisor(job.id), signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while not (seen := await machine.backend.get(job.id)).phase.ended:
            await asyncio.sleep(0.02)
    assert seen.phase is Phase.FAILED
    assert seen.reason == "SupervisorLost"
    await machine.gone(job.id)
    assert "SupervisorLost" in await machine.reasons(job.id)


async def test_a_child_that_called_setsid_does_not_outlive_its_job(machine: Machine) -> None:
    job = await machine.run(
        """
        import subprocess
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        open("child", "w").write(str(child.pid))
        """
    )
    assert job.phase is Phase.SUCCEEDED
    child = int((machine.folder(job.id) / "outputs" / "child").read_text())
    assert not Path(f"/proc/{child}").exists()
    await machine.gone(job.id)


async def test_a_child_that_called_setsid_is_found_after_the_supervisor_was_killed(
    machine: Machine,
) -> None:
    job = await machine.submit(
        """
        import subprocess
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        open("child", "w").write(str(child.pid))
        time.sleep(600)
        """
    )
    await machine.running(job.id)
    child = machine.folder(job.id) / "outputs" / "child"
    async with asyncio.timeout(PATIENCE):
        while not child.exists() or not child.read_text():
            await asyncio.sleep(0.02)
    os.kill(machine.supervisor(job.id), signal.SIGKILL)
    await machine.ended(job.id)
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{child.read_text()}/cwd").exists():
            await asyncio.sleep(0.02)


async def test_nothing_is_left_of_a_job_that_failed(machine: Machine) -> None:
    job = await machine.run(
        """
        if cnai.rank() == 1:
            raise ValueError("bad label 7")
        time.sleep(600)
        """,
        workers=2,
    )
    assert job.phase is Phase.FAILED
    await machine.gone(job.id)
    sockets = [path.name for path in machine.backend._sockets.iterdir()]
    assert not [name for name in sockets if name.startswith(job.id)]
    lines = await machine.lines(job.id)
    assert lines[-1] == "ValueError: bad label 7"
    assert [replica.exit_code for replica in job.replicas][1] == 1


async def test_a_worker_that_crashes_in_native_code_is_named_with_its_signal(
    machine: Machine,
) -> None:
    job = await machine.run("os.kill(os.getpid(), 11)")
    assert job.phase is Phase.FAILED
    assert job.replicas[0].exit_code == -signal.SIGSEGV
    assert "SIGSEGV" in job.message


async def test_a_worker_that_hangs_ends_at_the_timeout(machine: Machine) -> None:
    job = await machine.run(
        """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
        """,
        timeout=0.5,
    )
    assert (job.phase, job.reason) == (Phase.FAILED, "Timeout")
    await machine.gone(job.id)


async def test_a_worker_that_needs_too_much_memory_is_ended_as_out_of_memory(
    machine: Machine,
) -> None:
    from cnai_sdk.model.spec import Resources

    job = await machine.run(
        """
        held = []
        while len(held) < 256:
            held.append(bytearray(b"x" * 2**22))
            time.sleep(0.01)
        time.sleep(600)
        """,
        resources=Resources(memory=256 * 2**20),
    )
    assert (job.phase, job.reason) == (Phase.FAILED, "MemoryExceeded")
    assert "Worker 0 needed more than its memory of 256" in job.message


async def test_a_stopped_job_unwinds_and_is_stopped(machine: Machine) -> None:
    job = await machine.submit(
        """
        try:
            print("up", flush=True)
            time.sleep(600)
        finally:
            open("unwound", "w").write("yes")
        """,
        workers=2,
    )
    await machine.printed(job.id, "up", 2)
    await machine.backend.stop(job.id)
    ended = await machine.ended(job.id)
    assert (ended.phase, ended.message) == (Phase.STOPPED, "Stopped by you")
    assert (machine.folder(job.id) / "outputs" / "unwound").read_text() == "yes"


async def test_a_supervisor_that_is_asked_to_end_while_it_starts_stops_its_job(
    machine: Machine,
) -> None:
    job = await machine.submit(WAIT_FOR_RELEASE, workers=2)
    async with asyncio.timeout(PATIENCE):
        while not tree.ask_root_to_end(machine.backend._index.folder(job.id).mark):
            await asyncio.sleep(0.01)
    ended = await machine.ended(job.id)
    assert (ended.phase, ended.message) == (Phase.STOPPED, "Stopped by a signal")


async def test_a_submitter_that_is_killed_before_its_job_is_made_leaves_nothing(
    plain: Machine,
) -> None:
    index = plain.backend._index
    half = plain.backend._submitter._first_state(plain.spec("return 1"), ())
    lock = index.folder(half.id).claim()
    index.insert(half, named=False)
    assert (await plain.backend.get(half.id)).phase is Phase.QUEUED
    os.close(lock)
    assert [each.phase for each in await plain.backend.list()] == [Phase.STOPPED]
    assert await plain.backend.list() == []
    assert not plain.folder(half.id).exists()


async def test_a_template_that_is_killed_leaves_running_jobs_and_comes_back(
    tmp_path: Path, warm_sockets: None
) -> None:
    machine = Machine(Config(home=tmp_path / "store"))
    launcher = machine.backend._submitter.launcher
    launcher.warm_up(os.environ)
    await machine.warm()
    job = await machine.submit(WAIT_FOR_RELEASE)
    await machine.running(job.id)
    needle = str(launcher.socket(os.environ)).encode()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            line = (entry / "cmdline").read_bytes()
            if needle in line and int(entry.name) not in machine.processes(job.id):
                os.kill(int(entry.name), signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while launcher.is_warm(os.environ):
            await asyncio.sleep(0.02)
    (machine.folder(job.id) / "outputs" / "release").touch()
    assert (await machine.ended(job.id)).phase is Phase.SUCCEEDED
    plainly = await machine.run("return 1")
    assert plainly.phase is Phase.SUCCEEDED
    await machine.warm()


async def test_jobs_of_a_boot_that_is_over_failed_because_of_it(plain: Machine) -> None:
    job = await plain.submit("time.sleep(600)")
    await plain.running(job.id)
    os.kill(plain.supervisor(job.id), signal.SIGKILL)
    await plain.gone(job.id)
    record = plain.backend._index.folder(job.id)
    before = msgspec.structs.replace(plain.backend._index.get(job.id), boot="another-boot")
    record.append_state(before)
    plain.backend._index.update(before)
    ended = await plain.backend.get(job.id)
    assert (ended.phase, ended.reason) == (Phase.FAILED, "HostRebooted")


async def test_a_process_that_got_a_jobs_old_number_is_never_touched(plain: Machine) -> None:
    """Nothing is ended by its number: a bystander without the mark lives on."""
    job = await plain.submit("time.sleep(600)")
    await plain.running(job.id)
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        os.kill(plain.supervisor(job.id), signal.SIGKILL)
        assert (await plain.ended(job.id)).phase is Phase.FAILED
        await plain.gone(job.id)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


async def test_another_hosts_job_is_shown_and_never_ended(plain: Machine) -> None:
    job = await plain.run("return 1")
    index = plain.backend._index
    elsewhere = msgspec.structs.replace(
        job, id="far-1", name="far", base="far", phase=Phase.RUNNING, host="other", boot="other"
    )
    index.insert(elsewhere, named=False)
    seen = await plain.backend.get("far-1")
    assert (seen.phase, seen.host) == (Phase.RUNNING, "other")
    index.delete("far-1")


async def test_a_store_of_another_major_version_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text('{"major": 7}')
    with pytest.raises(StoreVersion) as refusal:
        LocalBackend(Config(home=tmp_path))
    assert "version 7" in refusal.value.what
    assert "CNAI_HOME" in refusal.value.next_step
    assert [path.name for path in tmp_path.iterdir()] == ["store.json"]


@pytest.mark.parametrize("damage", ["torn", "empty", "removed"])
async def test_a_damaged_index_is_rebuilt_and_no_job_is_lost(plain: Machine, damage: str) -> None:
    done = await plain.run("return 1", name="done")
    running = await plain.submit(WAIT_FOR_RELEASE, name="running")
    await plain.running(running.id)
    path = plain.backend._index.path
    if damage == "removed":
        path.unlink()
    else:
        with path.open("r+b") as file:
            file.truncate(0 if damage == "empty" else 100)
            file.write(b"this is no database" * 300 if damage == "torn" else b"")
    fresh = Machine(plain.config)
    states = {w.id: w.phase for w in await fresh.backend.list()}
    assert states == {done.id: Phase.SUCCEEDED, running.id: Phase.RUNNING}
    (plain.folder(running.id) / "outputs" / "release").touch()
    assert (await fresh.ended(running.id)).phase is Phase.SUCCEEDED
    assert (await plain.ended(running.id)).phase is Phase.SUCCEEDED
    await fresh.backend.close()


async def test_a_newer_minor_version_may_add_fields_and_columns(plain: Machine) -> None:
    """A kernel with a newer SDK, on another machine, has written a phase that is news here."""
    job = await plain.run("return 1")
    far = msgspec.structs.replace(
        job, id="far-1", name="far", base="far", phase=Phase.RUNNING, host="other", boot="other"
    )
    plain.backend._index.insert(far, named=False)
    with contextlib.closing(sqlite3.connect(plain.backend._index.path)) as db, db:
        db.execute("ALTER TABLE workloads ADD COLUMN newer TEXT")
        db.execute(
            "UPDATE workloads SET data = json_set(CAST(data AS TEXT), '$.newer', 1, '$.phase', ?)",
            ("Hibernating",),
        )
    seen = await plain.backend.get("far-1")
    assert seen.phase.label == "unknown"
    assert seen.phase.value == "Hibernating"
    assert seen in await plain.backend.list()
    plain.backend._index.delete("far-1")


@pytest.mark.timeout(1200)
async def test_two_kernels_submit_two_hundred_jobs_at_once(tmp_path: Path) -> None:
    machine = Machine(Config(home=tmp_path / "store", warm=False))
    spec = machine.spec("return cnai.rank()")
    (tmp_path / "spec.json").write_bytes(msgspec.json.encode(spec))
    kernel = f"""
import asyncio, msgspec
from pathlib import Path
from cnai_sdk.backends.local.backend import LocalBackend
from cnai_sdk.config import Config
from cnai_sdk.model.spec import Spec
spec = msgspec.json.decode(Path({str(tmp_path / "spec.json")!r}).read_bytes(), type=Spec)
async def main():
    backend = LocalBackend(Config(home=Path({str(machine.home)!r}), warm=False))
    made = await asyncio.gather(*(backend.submit(spec, secrets={{}}) for _ in range(100)))
    print(*(w.id for w in made))
asyncio.run(main())
"""
    kernels = [
        subprocess.Popen([sys.executable, "-c", kernel], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ids = {id for each in kernels for id in each.communicate(timeout=600)[0].split()}
    assert len(ids) == 200
    async with asyncio.timeout(600):
        jobs = await machine.backend.list()
        while not all(w.phase.ended for w in jobs):
            await asyncio.sleep(0.2)
            jobs = await machine.backend.list()
    assert {w.id for w in jobs} == ids
    assert {w.phase for w in jobs} == {Phase.SUCCEEDED}
    assert len({w.name for w in jobs}) == 200
    assert not [p for id in ids for p in machine.processes(id)]
    await machine.backend.close()
