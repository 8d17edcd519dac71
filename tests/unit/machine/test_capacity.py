"""What the kernel's files say about the machine, on recorded trees."""

import os
import resource
from pathlib import Path

import pytest

from cnai_sdk.backends.local.capacity import LocalMachine

GIB = 2**30


class Recorded:
    """A /proc and a /sys/fs/cgroup below a folder."""

    def __init__(self, root: Path, *, cores=8, memory=32 * GIB, available=24 * GIB):
        self.proc, self.cgroup = root / "proc", root / "cgroup"
        self.cores = set(range(cores))
        self.files = 2**20
        self.put("proc/cpuinfo", "".join(f"processor\t: {n}\n\n" for n in range(cores)))
        self.put(
            "proc/meminfo",
            f"MemTotal: {memory // 1024} kB\nMemAvailable: {available // 1024} kB\n",
        )
        self.cgroup.mkdir()

    def put(self, path, text):
        place = self.proc.parent / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def capacity(self):
        machine = LocalMachine(
            proc=self.proc,
            cgroup=self.cgroup,
            affinity=lambda: self.cores,
            files=lambda: self.files,
        )
        return machine.capacity(gpus=False)


@pytest.fixture
def recorded(tmp_path):
    return Recorded(tmp_path)


def test_without_limits_the_hardware_decides(recorded):
    found = recorded.capacity()
    assert (found.cpu, found.cpu_why) == (8.0, "hardware")
    assert (found.memory, found.memory_available) == (32 * GIB, 24 * GIB)
    assert found.memory_why == "hardware"


def test_the_cores_bound_the_workers_of_a_job(recorded):
    recorded.cores = {0, 1}
    found = recorded.capacity()
    assert found.workers == 200
    assert "share a core, and it has 2" in found.workers_why


def test_the_least_of_what_bounds_the_workers_is_told(recorded):
    recorded.files = 1024
    found = recorded.capacity()
    assert (found.workers, "1024 files open here (ulimit -n)" in found.workers_why) == (500, True)
    recorded.put("proc/self/cgroup", "0::/\n")
    recorded.put("cgroup/memory.max", str(GIB))
    found = recorded.capacity()
    assert (found.workers, "of memory" in found.workers_why) == (128, True)
    recorded.put("cgroup/pids.max", "64\n")
    found = recorded.capacity()
    assert (found.workers, found.workers_why) == (
        64,
        "A cgroup allows it 64 processes (pids.max).",
    )
    recorded.put("cgroup/pids.max", "max\n")
    assert recorded.capacity().workers == 128


def test_without_a_limit_of_open_files_they_bound_nothing(recorded):
    recorded.files = resource.RLIM_INFINITY
    assert "files" not in recorded.capacity().workers_why


def test_affinity_leaves_some_of_the_cores(recorded):
    recorded.cores = {2, 5}
    found = recorded.capacity()
    assert (found.cpus, found.cpu, found.cpu_why) == ((2, 5), 2.0, "affinity")


def test_a_v2_container_sees_its_limits_at_the_root_of_its_mount(recorded):
    recorded.put("proc/self/cgroup", "0::/\n")
    recorded.put("cgroup/cpu.max", "150000 100000\n")
    recorded.put("cgroup/memory.max", str(4 * GIB))
    recorded.put("cgroup/memory.current", str(3 * GIB))
    recorded.put("cgroup/memory.stat", f"anon {GIB}\ninactive_file {2 * GIB}\n")
    found = recorded.capacity()
    assert (found.cpu, found.cpu_why) == (1.5, "cgroup limit")
    assert (found.memory, found.memory_why) == (4 * GIB, "cgroup limit")
    assert found.memory_available == 3 * GIB


def test_of_nested_v2_limits_the_least_holds_and_max_is_none(recorded):
    recorded.put("proc/self/cgroup", "0::/user.slice/job.scope\n")
    recorded.put("cgroup/user.slice/job.scope/memory.max", "max\n")
    recorded.put("cgroup/user.slice/job.scope/cpu.max", "max 100000\n")
    recorded.put("cgroup/user.slice/memory.max", str(8 * GIB))
    recorded.put("cgroup/user.slice/memory.current", str(GIB))
    recorded.put("cgroup/user.slice/cpu.max", "300000 100000\n")
    found = recorded.capacity()
    assert (found.memory, found.cpu) == (8 * GIB, 3.0)
    assert found.memory_available == 7 * GIB


def test_v1_limits_hold_and_its_huge_number_is_none(recorded):
    recorded.put("proc/self/cgroup", "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n")
    recorded.put("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    recorded.put("cgroup/memory/docker/abc/memory.limit_in_bytes", str(2 * GIB))
    recorded.put("cgroup/memory/docker/abc/memory.usage_in_bytes", str(GIB))
    recorded.put("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "50000\n")
    recorded.put("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n")
    found = recorded.capacity()
    assert (found.memory, found.memory_available, found.cpu) == (2 * GIB, GIB, 0.5)


def test_a_v1_quota_of_minus_one_is_none(recorded):
    recorded.put("proc/self/cgroup", "2:cpu:/\n")
    recorded.put("cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    recorded.put("cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert recorded.capacity().cpu == 8.0


def test_a_path_that_lies_outside_of_the_container_falls_back_to_its_root(recorded):
    recorded.put("proc/self/cgroup", "5:memory:/kubepods/pod1/c1\n")
    recorded.put("cgroup/memory/memory.limit_in_bytes", str(GIB))
    recorded.put("cgroup/memory/memory.usage_in_bytes", "0\n")
    assert recorded.capacity().memory == GIB


def test_beside_v1_controllers_the_unified_hierarchy_is_read_in_its_own_folder(recorded):
    recorded.put("proc/self/cgroup", "4:memory:/\n0::/\n")
    recorded.put("cgroup/memory/memory.limit_in_bytes", str(6 * GIB))
    recorded.put("cgroup/unified/cgroup.controllers", "\n")
    assert recorded.capacity().memory == 6 * GIB


def test_a_loaded_gpu_driver_is_known_without_asking_it(recorded):
    assert not recorded.capacity().gpu_present
    recorded.put("proc/driver/nvidia/version", "NVRM version: 580.95.05\n")
    assert recorded.capacity().gpu_present


def test_this_very_machine_has_the_cores_that_this_process_may_use():
    found = LocalMachine().capacity(gpus=False)
    assert set(found.cpus) == os.sched_getaffinity(0)
    assert 0 < found.cpu <= len(found.cpus)
    assert 0 < found.memory_available <= found.memory
