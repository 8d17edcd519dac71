"""A forked worker and a fresh one give the same answers."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from typing import Any

from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import Resources

from .conftest import Machine


async def result(machine: Machine, body: str, **fields: Any) -> Any:
    """What rank 0 returns."""
    ended = await machine.run(body, **fields)
    assert ended.phase is Phase.SUCCEEDED, await machine.lines(ended.id)
    found = await machine.backend.result(ended.id)
    assert found is not None
    return json.loads(found)


async def test_random_numbers_differ_between_ranks_and_between_runs(machine: Machine) -> None:
    body = """
    import random
    import numpy
    print(random.random(), numpy.random.rand())
    """
    seen = []
    for _ in range(2):
        job = await machine.run(body, workers=2)
        seen += await machine.lines(job.id)
    assert len(seen) == 4
    python, numpys = zip(*(line.split() for line in seen), strict=True)
    assert len(set(python)) == 4
    assert len(set(numpys)) == 4


async def test_torch_is_seeded_as_in_a_new_process(machine: Machine) -> None:
    """Every process anew, or all from one seed, as the installed torch does it."""
    ask = "import torch; print(torch.initial_seed(), torch.rand(1).item())"
    fresh = {
        subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    job = await machine.run(ask, workers=2)
    assert len(set(await machine.lines(job.id))) == len(fresh)


async def test_threads_follow_cpu_in_torch_and_in_blas(machine: Machine) -> None:
    body = """
    import numpy, torch, threadpoolctl
    pools = {p["user_api"]: p["num_threads"] for p in threadpoolctl.threadpool_info()}
    return [torch.get_num_threads(), pools["blas"], pools["openmp"], len(os.sched_getaffinity(0)),
            os.environ["OMP_NUM_THREADS"]]
    """
    for cpu in (1.0, 2.0):
        told = await result(machine, body, resources=Resources(cpu=cpu))
        assert told == [int(cpu), int(cpu), int(cpu), int(cpu), str(int(cpu))]


async def test_a_file_that_was_never_closed_is_whole(machine: Machine) -> None:
    job = await machine.run(
        """
        import csv, gzip, zipfile
        global kept
        text = open("rows.csv", "w", newline="")
        csv.writer(text).writerows([n, n * n] for n in range(1000))
        packed = gzip.open("rows.gz", "wt")
        packed.write("line\\n" * 1000)
        archive = zipfile.ZipFile("rows.zip", "w")
        archive.writestr("inside.txt", "x" * 1000)
        binary = open("rows.bin", "wb")
        binary.write(b"y" * 100)
        kept = [text, packed, archive, binary]
        """
    )
    outputs = machine.folder(job.id) / "outputs"
    assert (outputs / "rows.csv").read_text().count("\n") == 1000
    assert gzip.decompress((outputs / "rows.gz").read_bytes()).count(b"\n") == 1000
    assert zipfile.ZipFile(outputs / "rows.zip").read("inside.txt") == b"x" * 1000
    assert (outputs / "rows.bin").read_bytes() == b"y" * 100


async def test_atexit_has_run_and_threads_were_joined(machine: Machine) -> None:
    job = await machine.run(
        """
        import atexit, threading
        atexit.register(lambda: open("at_exit", "w").write("ran"))
        def late():
            time.sleep(0.2)
            open("thread", "w").write("joined")
        threading.Thread(target=late).start()
        """
    )
    outputs = machine.folder(job.id) / "outputs"
    assert (outputs / "at_exit").read_text() == "ran"
    assert (outputs / "thread").read_text() == "joined"


async def test_a_worker_that_is_asked_to_stop_while_it_ends_goes_on_ending(
    machine: Machine,
) -> None:
    """As when another worker failed while this one's libraries take their leave."""
    job = await machine.run(
        """
        import atexit, signal
        def leave():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)
            open("at_exit", "w").write("ran")
        atexit.register(leave)
        """
    )
    assert job.phase is Phase.SUCCEEDED
    assert (machine.folder(job.id) / "outputs" / "at_exit").read_text() == "ran"
    assert await machine.lines(job.id) == []


async def test_a_worker_that_is_asked_to_stop_while_it_says_what_it_raised_says_it(
    machine: Machine,
) -> None:
    job = await machine.run(
        """
        import signal
        class Odd(Exception):
            def __str__(self):
                if not asked:
                    asked.append(os.kill(os.getpid(), signal.SIGTERM))
                return "was asked"
        asked = []
        raise Odd
        """
    )
    assert (job.phase, job.replicas[0].exit_code) == (Phase.FAILED, 1)
    assert any("was asked" in line for line in await machine.lines(job.id))


async def test_a_thread_that_never_ends_is_left_when_the_worker_is_asked_to_stop(
    machine: Machine,
) -> None:
    job = await machine.run(
        """
        import atexit, signal, threading
        atexit.register(lambda: open("at_exit", "w").write("ran"))
        def asks():
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(3600)
        threading.Thread(target=asks).start()
        """
    )
    assert job.phase is Phase.SUCCEEDED
    assert (machine.folder(job.id) / "outputs" / "at_exit").read_text() == "ran"


async def test_the_shipped_package_is_cnai_sdk_and_other_names_say_so(machine: Machine) -> None:
    body = """
    import cnai_sdk
    try:
        cnai_sdk.train
    except cnai_sdk.CnaiError as error:
        told = str(error)
    try:
        from cnai_sdk.client import Client
    except ImportError:
        told += "; no client"
    return [told, cnai_sdk.__file__.split("/store/")[1].split("/")[0], hasattr(cnai_sdk, "tune")]
    """
    told, where, has_tune = await result(machine, body)
    assert "cnai_sdk.train does not exist inside a job" in told
    assert told.endswith("no client")
    assert where in ("worker", "jobs")
    assert has_tune is False


async def test_import_paths_arguments_and_environment_are_the_same(machine: Machine) -> None:
    body = """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "OMP_NUM_THREADS", "MPLBACKEND")
    paths = [p for p in sys.path if "/store/" not in p]
    here = os.getcwd() == str(cnai.output_dir())
    return [paths, sys.argv[1:], __name__, {n: os.environ.get(n) for n in names}, here]
    """
    told = await result(machine, body, argv=("--fast",), workers=2)
    paths, argv, name, environment, in_outputs = told
    assert argv == ["--fast"]
    assert name == "__main__"
    assert environment == {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "OMP_NUM_THREADS": environment["OMP_NUM_THREADS"],
        "MPLBACKEND": None,
    }
    assert in_outputs
    fresh = subprocess.run(
        [sys.executable, "-P", "-c", "import json, sys; print(json.dumps(sys.path))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert paths == json.loads(fresh.stdout)


async def test_ddp_over_gloo_trains_and_destroys_its_group(machine: Machine) -> None:
    body = """
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    dist.init_process_group("gloo")
    model = DistributedDataParallel(torch.nn.Linear(4, 1))
    for _ in range(3):
        model(torch.ones(2, 4) * (cnai.rank() + 1)).sum().backward()
    total = torch.tensor([cnai.rank() + 1.0])
    dist.all_reduce(total)
    dist.destroy_process_group()
    return total.item()
    """
    assert await result(machine, body, workers=2) == 3.0


async def test_a_dataloader_with_workers_runs(machine: Machine) -> None:
    body = """
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    data = DataLoader(TensorDataset(torch.arange(64.0)), batch_size=8, num_workers=2)
    return sum(batch.sum().item() for (batch,) in data)
    """
    assert await result(machine, body) == sum(range(64))
