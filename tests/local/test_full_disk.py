"""A disk without space loses lines at most: never the end of a job, never the store.

Each test runs its part in a process that may mount: a small filesystem of its own, which nobody
else sees and which goes with the process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAY_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
    ).returncode
    == 0
)
pytestmark = pytest.mark.skipif(not MAY_MOUNT, reason="this user may not mount a tmpfs here")

PREAMBLE = """
import asyncio, json, os, subprocess, sys, time
from pathlib import Path
home = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(home)], check=True)
from cnai_sdk.client import Client
from cnai_sdk.config import Config
client = Client(config=Config(home=home, warm=False))

def fill(leave=0):
    with open(home / "ballast", "ab", buffering=0) as file:
        for size in (2**20, 2**12):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
        file.truncate(max(file.tell() - leave, 0))

def told(job):
    workload = job.workload
    folder = home / "jobs" / job.id
    return {
        "phase": workload.phase.value,
        "reason": workload.reason,
        "message": workload.message,
        "end": json.loads((folder / "end.json").read_text()).get("phase", ""),
        "events": [event.reason for event in job.events()],
        "verdict": str(job.explain()),
    }

def end(job, seconds=200):
    try:
        job.wait(seconds)
    except Exception as error:
        if type(error).__name__ != "JobFailed":
            raise
"""


def run(tmp_path: Path, body: str) -> dict[str, object]:
    """What the body prints as its last line, as JSON."""
    (tmp_path / "disk").mkdir()
    script = tmp_path / "part.py"
    script.write_text(PREAMBLE + body)
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, str(script), str(tmp_path / "disk")],
        capture_output=True,
        text=True,
        timeout=270,
        cwd=tmp_path,
        env=os.environ | {"XDG_RUNTIME_DIR": ""},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_job_that_fills_the_disk_ends_with_that_verdict(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
def writes():
    with open("model.pt", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 2**16)

job = client.train(writes)
end(job)
print(json.dumps(told(job)))
""",
    )
    assert (told["phase"], told["end"]) == ("Failed", "Failed")
    assert "disk" in str(told["verdict"]).lower()
    assert "no space left" in str(told["verdict"]).lower()


def test_a_log_that_fills_the_disk_costs_lines_and_not_the_job(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
def prints():
    for n in range(400_000):
        print("x" * 100)
    return "done"

job = client.train(prints)
end(job)
lines = sum(1 for _ in job.logs())
(home / "ballast").unlink(missing_ok=True)
for path in sorted((home / "jobs" / job.id / "log").iterdir())[:1]:
    path.unlink()
print(json.dumps(told(job) | {"lines": lines}))
""",
    )
    assert (told["phase"], told["end"]) == ("Succeeded", "Succeeded")
    assert 0 < int(str(told["lines"])) < 400_000


def test_the_end_of_a_job_is_kept_when_not_a_byte_is_free(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
def holds():
    import cnai_sdk as cnai
    while not Path("release").exists():
        time.sleep(0.01)
    cnai.report(step=1, loss=0.5)
    print("last words")

job = client.train(holds)
while job.status.value != "Running":
    time.sleep(0.02)
(job.outputs.path / "release").touch()
fill()
end(job)
while job.workload.phase.value != "Succeeded":
    time.sleep(0.02)
full = told(job)
(home / "ballast").unlink()
after = client.train(lambda: 7, name="after")
print(json.dumps(full | {"after": after.result(), "jobs": len(client.jobs())}))
""",
    )
    assert (told["phase"], told["end"]) == ("Succeeded", "Succeeded")
    assert (told["after"], told["jobs"]) == (7, 2)


def test_a_failure_on_a_full_disk_is_no_mystery(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
def fails():
    while not Path("release").exists():
        time.sleep(0.01)
    raise ValueError("bad label 7")

job = client.train(fails, workers=2)
while job.status.value != "Running":
    time.sleep(0.02)
(job.outputs.path / "release").touch()
fill()
end(job)
print(json.dumps(told(job)))
""",
    )
    assert (told["phase"], told["end"]) == ("Failed", "Failed")
    assert told["reason"] == "WorkerFailed"
    assert "bad label 7" in str(told["message"]) + str(told["verdict"])


def test_a_call_on_a_full_disk_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
from cnai_sdk.errors import CnaiError
client.train(lambda: 1, name="before").wait()
fill()
try:
    client.train(lambda: 2, name="refused")
    said, step = "", ""
except CnaiError as error:
    said, step = str(error), error.next_step
names = [job.name for job in client.jobs()]
folders = sorted(path.name.rpartition("-")[0] for path in (home / "jobs").iterdir())
(home / "ballast").unlink()
again = client.train(lambda: 3, name="refused").result()
print(json.dumps({"said": said, "step": step, "names": names, "folders": folders, "again": again}))
""",
    )
    assert "disk" in str(told["said"]).lower() or "space" in str(told["said"]).lower()
    assert told["step"]
    assert told["names"] == ["before"]
    assert told["folders"] == ["before"]
    assert told["again"] == 3


def test_a_killed_supervisor_is_found_out_on_a_full_disk(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
import signal
def holds():
    time.sleep(600)

job = client.train(holds)
while job.status.value != "Running":
    time.sleep(0.02)
fill()
mark = f"CNAI_MARK={client.backend._index.folder(job.id).mark}".encode()
marked = {}
for entry in Path("/proc").iterdir():
    if entry.name.isdigit():
        try:
            if mark in (entry / "environ").read_bytes().split(b"\\0"):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                marked[int(entry.name)] = int(stat[1])
        except OSError:
            pass
for pid, parent in marked.items():
    if parent not in marked:
        os.kill(pid, signal.SIGKILL)
end(job)
print(json.dumps(told(job)))
""",
    )
    assert (told["phase"], told["end"]) == ("Failed", "Failed")
    assert told["reason"] == "SupervisorLost"
