"""A call that cannot be carried out says what, why and what to do, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnai_sdk.backends.local.capacity import LocalMachine
from cnai_sdk.client import Client
from cnai_sdk.config import Config
from cnai_sdk.errors import (
    CaptureError,
    CnaiError,
    DoesNotFit,
    InvalidRequest,
    NotFound,
    SecretRefused,
)

HF = "hf_" + "a1B2c3D4e5F6g7H8i9"


def make_digits() -> Callable[..., float]:
    """A function that has no module of its own, as one in a notebook's cell."""

    def digits(lr: float = 0.1, *, epochs: int = 1) -> float:
        return lr * epochs

    return digits


digits = make_digits()


class Store:
    """What a refused call must not change."""

    def __init__(self, client: Client, home: Path) -> None:
        self.client = client
        self.home = home

    def refuse(
        self,
        kind: type[CnaiError] = InvalidRequest,
        fn: Callable[..., Any] = digits,
        **options: Any,
    ) -> CnaiError:
        """The refusal of train(fn, **options), when nothing was created."""
        before = self.everything()
        with pytest.raises(kind) as raised:
            self.client.train(fn, **options)
        error = raised.value
        assert error.what
        assert error.next_step, "a refusal says what to do"
        assert self.everything() == before, "a refusal leaves nothing behind"
        return error

    def everything(self) -> tuple[list[str], list[str], list[str]]:
        files = sorted(str(path) for path in self.home.rglob("*") if "index" not in path.name)
        names = [workload.id for workload in self.client.jobs().workloads]
        return files, names, sorted(_children())


def _children() -> Iterator[str]:
    """The processes that this test has started, and those that have left it."""
    mark = f"NOTEBOOK_OF_THIS_TEST={os.environ['NOTEBOOK_OF_THIS_TEST']}".encode()
    others = os.environ["STARTED_BEFORE_THIS_TEST"].split()  # a cluster of the session, say
    yield from (child for child in _own() if child not in others)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield entry.name
            except OSError:
                continue


def _own() -> Iterator[str]:
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended
            yield from (task / "children").read_text().split()


@pytest.fixture
def store(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("STARTED_BEFORE_THIS_TEST", " ".join(_own()))
    monkeypatch.setenv("NOTEBOOK_OF_THIS_TEST", str(tmp_path))
    client.jobs()
    return Store(client, tmp_path / "store")


@pytest.mark.parametrize("workers", [0, -1, "two", True, 1.5, None])
def test_workers_is_a_whole_number_from_one(store: Store, workers: Any) -> None:
    error = store.refuse(workers=workers)
    assert f"workers={workers!r}" in error.what
    assert "workers=2" in error.next_step


def test_an_unknown_argument_is_answered_with_the_nearest(store: Store) -> None:
    error = store.refuse(worker=2)
    assert "no argument worker" in error.what
    assert error.next_step == "Did you mean workers=2?"


def test_an_argument_that_is_near_to_nothing_is_answered_with_all(store: Store) -> None:
    assert "workers, args, name" in store.refuse(xyzzy=2).next_step


def test_an_argument_of_the_function_belongs_into_args(store: Store) -> None:
    error = store.refuse(epochs=5)
    assert "args={'epochs': 5}" in error.next_step


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "my job",
        "x" * 300,
        "训练",
        "🚀",
        "",
        "Digits",
        "-a",
        "a-",
        "a\n",
        "a\0b",
    ],
)
def test_a_name_is_a_label_and_the_refusal_has_one_that_works(store: Store, name: str) -> None:
    from cnai_sdk.model.name import check_name

    error = store.refuse(name=name)
    assert "cannot be a job's name" in error.what
    assert len(str(error)) < 500
    proposed = error.next_step.split('"')[1]
    assert check_name(proposed) == proposed


def test_a_name_is_text(store: Store) -> None:
    assert "is not text" in store.refuse(name=7).what


@pytest.mark.parametrize(
    ("memory", "proposed"), [("8GB", '"8Gi"'), ("8 gigs", '"8Gi"'), ("lots", '"8Gi"')]
)
def test_memory_is_a_quantity(store: Store, memory: str, proposed: str) -> None:
    error = store.refuse(memory=memory)
    assert f"memory={memory!r}" in error.what
    assert proposed in error.next_step


@pytest.mark.parametrize("memory", [0, -1, True, 1.5, [], "0", "-8Gi", "nan"])
def test_memory_that_no_machine_could_give_is_refused(store: Store, memory: Any) -> None:
    assert "memory=" in store.refuse(memory=memory).what


def test_memory_above_the_machines_is_refused_with_what_fits(store: Store) -> None:
    error = store.refuse(DoesNotFit, memory="900Ti")
    assert "this machine has" in error.what
    assert 'memory="' in error.next_step


@pytest.mark.parametrize("cpu", [0, -1, "two", True, float("nan"), float("inf"), 1e-9])
def test_cpu_is_a_number_of_cores(store: Store, cpu: Any) -> None:
    assert "cpu=" in store.refuse(cpu=cpu).what


def test_cpu_above_the_machines_is_refused_with_choices(store: Store) -> None:
    cores = int(LocalMachine().capacity(gpus=False).cpu)
    error = store.refuse(DoesNotFit, cpu=cores + 1)
    assert f"this machine has {cores}" in error.what
    assert "leave cpu out" in error.next_step


def test_workers_times_cpu_above_the_machines_is_refused(store: Store) -> None:
    cores = int(LocalMachine().capacity(gpus=False).cpu)
    error = store.refuse(DoesNotFit, cpu=cores, workers=2)
    assert f"{2 * cores} cores" in error.what


def test_one_and_a_half_gpus_are_refused_with_the_numbers_that_exist(store: Store) -> None:
    error = store.refuse(gpu=1.5)
    assert "gpu=1.5" in error.what
    assert "gpu=" in error.next_step


def test_several_workers_on_a_share_of_a_gpu_are_refused(store: Store) -> None:
    error = store.refuse(workers=2, gpu=0.5)
    assert error.what.startswith("2 workers")
    assert "workers=1, gpu=0.5" in error.next_step


@pytest.mark.skipif(bool(LocalMachine().capacity().gpus), reason="this machine has a GPU")
def test_a_gpu_on_a_machine_without_one_is_refused(store: Store) -> None:
    error = store.refuse(DoesNotFit, gpu=1)
    assert "GPU" in error.what


@pytest.mark.parametrize("gpu", [0, -1, "one", True, float("nan")])
def test_gpu_is_a_number(store: Store, gpu: Any) -> None:
    assert "gpu=" in store.refuse(gpu=gpu).what


def test_a_model_of_gpu_needs_a_number_of_them(store: Store) -> None:
    assert "gpu=1" in store.refuse(gpu_model="A100").next_step


def test_a_missing_argument_of_the_function_is_named(store: Store) -> None:
    def needs_rate(rate: float) -> float:
        return rate

    error = store.refuse(fn=needs_rate)
    assert "missing the argument rate" in error.what
    assert "args={'rate': ...}" in error.next_step


def test_an_argument_that_the_function_has_not_is_named_with_the_nearest(store: Store) -> None:
    error = store.refuse(args={"epoch": 3})
    assert "'epoch'" in error.what
    assert "epochs" in error.next_step


@pytest.mark.parametrize("args", [5, "lr", [("lr", 1)], {1: 2}])
def test_args_is_a_dict_of_names(store: Store, args: Any) -> None:
    assert "args" in store.refuse(args=args).what


def test_what_is_not_a_function_is_refused(store: Store) -> None:
    assert "int is not a function" in store.refuse(fn=3).what  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "what", "step"),
    [
        (None, "None is not a function.", "not digits()."),
        ("train.py", "'train.py' names a file, and is not a function.", "cnai train train.py,"),
        (Path("my runs/a.py"), "'my runs/a.py' names a file", "cnai train 'my runs/a.py',"),
        ("digits", "A text is not a function.", "without quotes"),
    ],
)
def test_who_passes_something_else_is_told_how_that_is_trained(
    store: Store, given: Any, what: str, step: str
) -> None:
    error = store.refuse(fn=given)
    assert error.what.startswith(what)
    assert step in error.next_step


def test_a_secret_in_env_is_refused_without_its_value(store: Store) -> None:
    for env in ({"HF_TOKEN": "abcdefgh12345"}, {"HARMLESS": HF}):
        error = store.refuse(SecretRefused, env=env)
        assert 'secrets=["' in error.next_step
        assert not any(value in str(error) for value in env.values())


def test_a_secret_in_args_is_refused_without_its_value(store: Store) -> None:
    def fetch(token: str, where: str = "") -> str:
        return token + where

    error = store.refuse(SecretRefused, fn=fetch, args={"token": "abcdefgh12345678"})
    assert "secrets=" in error.next_step
    assert "abcdefgh12345678" not in str(error)
    other = store.refuse(SecretRefused, fn=digits, args={"lr": HF})
    assert HF not in str(other)


API_KEY = "s3cr3t-" + "value-of-a-global"


def test_a_secret_in_a_captured_global_is_refused_without_its_value(store: Store) -> None:
    def uses_global() -> int:
        return len(API_KEY)

    error = store.refuse(SecretRefused, fn=uses_global)
    assert "API_KEY" in error.what
    assert "secrets=" in error.next_step
    assert API_KEY not in str(error)


def test_a_secret_that_nobody_has_is_refused_with_the_command_that_keeps_it(store: Store) -> None:
    error = store.refuse(secrets=["CNAI_TEST_NOBODY_HAS_IT"])
    assert "cnai secrets set CNAI_TEST_NOBODY_HAS_IT" in error.next_step


def test_a_value_in_place_of_a_secrets_name_is_not_repeated(store: Store) -> None:
    error = store.refuse(secrets=[f"{HF}-x"])
    assert HF not in str(error)


@pytest.mark.parametrize("packages", ["humanize", 5, [5], [""], {"humanize": "1"}])
def test_packages_is_a_list_of_names(store: Store, packages: Any) -> None:
    error = store.refuse(packages=packages)
    assert 'packages=["' in error.next_step


@pytest.mark.parametrize(
    "package",
    [
        "--index-url=http://x",
        "-r other.txt",
        "not a requirement!",
        "../here",
        "a b",
        "tqdm=4",
        "tqdm=>4",
        "tqdm!4",
    ],
)
def test_a_package_is_a_requirement_and_no_option_of_pip(store: Store, package: str) -> None:
    assert "packages" in store.refuse(packages=[package]).what


def test_a_password_in_a_packages_url_is_refused_without_it(store: Store) -> None:
    for url in ("git+https://me:hunter22@example.org/x.git", f"https://{HF}@example.org/x.whl"):
        error = store.refuse(SecretRefused, packages=[url])
        assert "hunter22" not in str(error)
        assert HF not in str(error)


@pytest.mark.parametrize("secrets", ["HF_TOKEN", [3]])
def test_secrets_is_a_list_of_names(store: Store, secrets: Any) -> None:
    assert store.refuse(secrets=secrets).next_step.startswith("Write secrets=")


@pytest.mark.parametrize(
    "env", [["A=1"], {"A": 1}, {"": "x"}, {"A=B": "x"}, {1: "x"}, {"A": "x\0y"}, {"A\0": "x"}]
)
def test_env_is_a_dict_of_text(store: Store, env: Any) -> None:
    assert "env" in store.refuse(env=env).what


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "CNAI_JOB_ID"])
def test_env_cannot_replace_what_a_worker_is_told(store: Store, name: str) -> None:
    assert name in store.refuse(env={name: "7"}).what


def test_data_that_is_not_there_is_refused_with_where_it_was_looked_for(
    store: Store, notebook: Path
) -> None:
    error = store.refuse(NotFound, data=["train.csv"])
    assert str(notebook / "train.csv") in error.why


@pytest.mark.parametrize("data", ["train.csv", 5, [5], [None]])
def test_data_is_a_list_of_paths(store: Store, data: Any) -> None:
    assert "data=[" in store.refuse(data=data).next_step


def test_data_inside_other_data_is_refused(store: Store, notebook: Path) -> None:
    (notebook / "images" / "cats").mkdir(parents=True)
    assert "images/cats" in store.refuse(data=["images", "images/cats"]).what
    (notebook / "images-2").mkdir()
    assert "images/cats" in store.refuse(data=["images", "images-2", "images/cats"]).what


def test_two_pieces_of_data_of_one_name_are_refused(
    store: Store, notebook: Path, tmp_path: Path
) -> None:
    (notebook / "a.csv").touch()
    (tmp_path / "a.csv").touch()
    assert "a.csv" in store.refuse(data=["a.csv", str(tmp_path / "a.csv")]).what


@pytest.mark.parametrize("data", [["."], ["/"], [""]])
def test_the_whole_folder_is_no_data(store: Store, data: list[str]) -> None:
    assert store.refuse(data=data).next_step


@pytest.mark.parametrize("timeout", ["soon", 0, -5, True, "10 parsecs", float("nan"), []])
def test_timeout_is_a_duration(store: Store, timeout: Any) -> None:
    assert "timeout=" in store.refuse(timeout=timeout).what


def test_more_workers_than_the_machine_can_run_are_refused_with_the_limit(store: Store) -> None:
    most = LocalMachine().capacity(gpus=False)
    error = store.refuse(DoesNotFit, workers=most.workers + 1)
    assert f"{most.workers} at most" in error.what
    assert error.why == most.workers_why
    assert not store.client.fits(workers=most.workers + 1)
    assert "Never fits" in repr(store.client.fits(workers=most.workers + 1))
    assert store.client.fits(workers=most.workers).fit.answer != "never"


@pytest.mark.parametrize("workers", [4097, 10**30])
def test_no_job_has_so_many_workers_anywhere(store: Store, workers: int) -> None:
    assert "4096 at most" in store.refuse(workers=workers).what


@pytest.mark.parametrize("retries", [-1, 1.5, "twice", True, None])
def test_retries_is_a_whole_number_from_zero(store: Store, retries: Any) -> None:
    assert f"retries={retries!r}" in store.refuse(retries=retries).what


def test_a_lock_is_refused_by_its_name(store: Store) -> None:
    import threading

    guard = threading.Lock()

    def holds() -> bool:
        return guard.locked()

    assert "guard" in store.refuse(CaptureError, fn=holds).what


def test_a_backend_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Client(config=Config(home=tmp_path / "store", backend="cloud")).jobs()
    assert "cloud" in refusal.value.what
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"worker": 2},
        {"workers": 0},
        {"memory": "8GB"},
        {"timeout": "soon"},
        {"retries": -1},
        {"name": "../x"},
        {"args": {"nothing": 1}},
        {"args": {"lr": HF}},
        {"env": {"A": 1}},
        {"packages": "x"},
        {"gpu": 1.5},
    ],
)
def test_a_bad_change_of_a_rerun_leaves_nothing(store: Store, changes: dict[str, Any]) -> None:
    job = store.client.train(digits)
    job.wait(60)
    while list(_children()):
        time.sleep(0.01)
    before = store.everything()
    with pytest.raises(CnaiError) as refusal:
        job.rerun(**changes)
    assert refusal.value.next_step
    assert HF not in str(refusal.value)
    assert store.everything() == before
