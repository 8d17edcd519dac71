"""Memory is held to its limit, and what the kernel did is told apart from it."""

import os
import re
import subprocess
import sys
import time

import pytest

from cnai_sdk.backends.local import cgroup, usage
from cnai_sdk.backends.local.capacity import LocalMachine
from cnai_sdk.backends.local.limits import MemoryGuard

MIB = 2**20
HOLD = "import sys; held = b'x' * ({} * 2**20); print('ready', flush=True); sys.stdin.read()"


def start(code):
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process):
    process.communicate()


def until(condition, *, seconds=60.0):
    """What the condition gives, as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)
    return found


@pytest.fixture
def holder():
    process = start(HOLD.format(100))
    yield process
    end(process)


def test_a_worker_above_its_limit_is_named_with_both_numbers(holder):
    guard = MemoryGuard(limit=50 * MIB, name="cnai-test")
    guard.add(1, holder.pid)
    rank, message = until(guard.exceeded)
    assert rank == 1
    assert re.search(r"Worker 1 .* 50\sMiB; it used 1\d\d\sMiB", message)


def test_a_process_that_was_there_before_the_run_is_no_workers(holder):
    """Children that a rank leaves become its supervisor's, and count as the rank's."""
    large = start(HOLD.format(300))
    guard = MemoryGuard(limit=200 * MIB, name="cnai-test")
    guard.add(0, holder.pid)
    try:
        assert until(guard.sample)[0].memory < 200 * MIB
        assert guard.exceeded() is None
    finally:
        end(large)


def test_a_worker_below_its_limit_is_left_alone_and_its_use_is_known(holder):
    guard = MemoryGuard(limit=1000 * MIB, name="cnai-test")
    guard.add(0, holder.pid)
    assert 100 * MIB < until(guard.sample)[0].memory < 200 * MIB
    assert guard.exceeded() is None


def test_nothing_is_read_before_it_is_due(holder, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    guard = MemoryGuard(limit=None, name="cnai-test")
    guard.add(0, holder.pid)
    now += guard.due() or 0
    assert guard.sample()
    assert (guard.due() or 0) > 0
    assert guard.sample() == {}


def test_a_worker_that_has_ended_is_looked_at_no_more(holder):
    guard = MemoryGuard(limit=None, name="cnai-test")
    guard.add(0, holder.pid)
    guard.forget(0)
    assert guard.due() is None


def test_what_a_worker_had_stays_known_when_it_ends_before_it_is_waited_for(monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    guard = MemoryGuard(limit=None, name="cnai-test")
    guard.add(0, ended.pid)
    now += guard.due() or 0
    assert guard.sample() == {}
    ended.wait()


def test_pages_shared_with_the_parent_are_not_held_against_a_forked_worker():
    code = (
        "import os, sys; held = b'x' * (200 * 2**20); pid = os.fork()\n"
        "if pid: print(pid, flush=True); sys.stdin.read(); os.kill(pid, 9); os.wait()\n"
        "else:\n import time; time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert usage.tree(parent.pid) == [parent.pid, child]
        assert usage.upper_memory([child]) > 200 * MIB
        assert usage.exact_memory([child]) < 150 * MIB
    finally:
        parent.communicate()


def test_processor_time_only_grows():
    before = usage.cpu_seconds([os.getpid()])
    while usage.cpu_seconds([os.getpid()]) < before + 0.05:
        sum(range(10_000))


def v2(root, *, controllers="cpu memory", group="app/kernel", kills=0):
    proc, mount = root / "proc", root / "cgroup"
    (mount / group).mkdir(parents=True)
    (mount / "cgroup.controllers").write_text(controllers)
    parent = (mount / group).parent
    (parent / "cgroup.subtree_control").write_text(controllers)
    (parent / "cgroup.procs").touch()
    (proc / "self").mkdir(parents=True)
    (proc / "self/cgroup").write_text(f"0::/{group}\n")
    (proc / "vmstat").write_text(f"nr_free_pages 5\noom_kill {kills}\n")
    return LocalMachine(proc=proc, cgroup=mount)


def test_a_delegated_v2_group_with_the_memory_controller_can_be_used(tmp_path):
    machine = v2(tmp_path)
    assert cgroup.usable(machine.cgroup, proc=machine.proc) is None


def test_why_groups_cannot_be_used_is_a_sentence(tmp_path):
    machine = v2(tmp_path, controllers="cpu")
    assert "memory controller" in (cgroup.usable(machine.cgroup, proc=machine.proc) or "")
    assert "does not show" in (cgroup.usable(tmp_path / "nothing", proc=machine.proc) or "")


def test_a_worker_is_put_into_a_group_with_its_limit_and_the_group_goes_away(tmp_path):
    group = cgroup.WorkerGroup(tmp_path / "cnai-1-0", limit=64 * MIB)
    assert (tmp_path / "cnai-1-0/memory.max").read_text() == str(64 * MIB)
    assert (tmp_path / "cnai-1-0/memory.oom.group").read_text() == "1"
    group.add(4711)
    assert (tmp_path / "cnai-1-0/cgroup.procs").read_text() == "4711"
    (tmp_path / "cnai-1-0/memory.events").write_text("max 9\noom 1\noom_kill 2\n")
    (tmp_path / "cnai-1-0/memory.peak").write_text("67108864\n")
    assert (group.oom_kills(), group.peak()) == (2, 64 * MIB)
    for file in (tmp_path / "cnai-1-0").iterdir():
        file.unlink()
    group.close()
    assert not (tmp_path / "cnai-1-0").exists()


def test_the_kernels_kills_are_counted_on_the_machine_and_in_v1_and_v2_groups(tmp_path):
    machine = v2(tmp_path, kills=3)
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/memory.oom_control").write_text("oom_kill_disable 0\noom_kill 5\n")
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2/memory.events").write_text("oom 9\noom_kill 7\n")
    groups = (tmp_path / "v1", tmp_path / "v2")
    assert cgroup.machine_oom_kills(machine.proc) == 3
    assert cgroup.machine_oom_kills(machine.proc, groups) == 15
