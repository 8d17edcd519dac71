"""Every row is found by the text that it was recorded from, and its sentences are sound."""

from __future__ import annotations

import string
from dataclasses import dataclass

import pytest

from cnai_sdk.explain.catalogue import SHORT, Row, row, rows
from cnai_sdk.model.spec import Resources
from cnai_sdk.model.workload import Granted
from cnai_sdk.worker.reporting import CnaiError, report
from tests.unit.explain.workloads import failed, raised, verdict

SAMPLED = [each for each in rows() if each.sample]
NAMES = {
    *("worker", "Worker", "rank", "other", "workers", "said", "limit", "double", "used", "timeout"),
    *("longer", "course", "exit", "type", "message", "source", "raised_by", "alone", "debug"),
    *("found", "advice", "package", "metric", "value", "since", "spent", "Early", "was"),
    *("gpu_memory", "saving", "others"),
}


@dataclass(frozen=True)
class Recorded:
    """What the issue tracker of the world says, and which row it means."""

    id: str
    text: str


LOADER = "RuntimeError: DataLoader worker (pid 7) is killed by signal"
OTHERS = [
    Recorded("CUDA_OOM", "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
    Recorded(
        "CUDA_OOM",
        "torch.OutOfMemoryError: Allocation on device 0 would exceed allowed memory. "
        "(out of memory)",
    ),
    Recorded(
        "CUDA_OOM",
        "torch.OutOfMemoryError: CUDA out of memory. Allocation was preemptively rejected because "
        "it would exceed per_process_memory_fraction limit. Requested size: 64.00 MiB",
    ),
    Recorded("CUDA_NO_GPU", "RuntimeError: No CUDA GPUs are available"),
    Recorded("CUDA_NO_GPU", "RuntimeError: Distributed package doesn't have NCCL built in"),
    Recorded("SHM_SMALL", f"{LOADER}: Bus error."),
    Recorded("OOM_CHILD_ONLY", f"{LOADER}: Killed."),
    Recorded("DISK_FULL", "OSError: [Errno 28] No space left on device"),
    Recorded("PORT_IN_USE", "OSError: [Errno 98] Address already in use"),
    Recorded("PY_NAME_MISSING", "NameError: name 'model' is not defined"),
    Recorded("PY_UNPICKLABLE", "AttributeError: Can't pickle local object 'digits.<locals>.Net'"),
    Recorded("LABEL_RANGE", "IndexError: Target -3 is out of bounds."),
    Recorded(
        "DTYPE", "RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float"
    ),
    Recorded(
        "DTYPE",
        "RuntimeError: expected m1 and m2 to have the same dtype, but got: long int != float",
    ),
    Recorded("DTYPE", "RuntimeError: Input type (double) and bias type (float) should be the same"),
    Recorded(
        "DTYPE",
        "ValueError: RNN input dtype (torch.float64) does not match weight dtype (torch.float32). "
        "Convert input: input.to(torch.float32), or convert model: model.to(torch.float64)",
    ),
    Recorded("CUDA_NO_GPU", "RuntimeError: nccl2 requires at least one CUDA device"),
    Recorded("SHAPE", "RuntimeError: in loading state_dict:\n  size mismatch for fc.weight: x"),
]


def test_who_had_a_share_of_a_gpu_is_told_how_large_it_was() -> None:
    said = [(0, raised("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 64.00 MiB."))]
    shared = verdict(said, more={"granted": Granted(gpu=0.25, gpu_memory=35 * 2**30)})
    assert shared.why.startswith(
        "The GPU's memory, not the machine's. It was given 35\N{NO-BREAK SPACE}GiB."
    )
    assert "given" not in verdict(said).why


def test_a_label_that_the_model_does_not_know_sends_to_the_labels_and_not_to_the_function() -> None:
    found = verdict([(0, raised("IndexError: Target 10 is out of bounds.", cell=6))])
    assert found.happened == "A label in worker 0 is 10, and the model has no such class."
    assert "labels.max()" in found.fix
    assert "cell [6]" not in found.fix


@pytest.mark.parametrize("workers", [1, 2])
def test_shapes_that_do_not_fit_are_tried_with_corrected_code_and_not_the_same(
    workers: int,
) -> None:
    said = raised("RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4)")
    found = verdict([(0, said)], exits=dict.fromkeys(range(workers), 1))
    assert found.fix.startswith("Print the shapes before that line and correct cell [3].")
    assert found.code == ("cnai.train(digits, workers=1)" if workers > 1 else "")


def test_a_full_disk_speaks_of_torch_only_where_torch_saved() -> None:
    saved = "RuntimeError: [enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"
    plain = "OSError: [Errno 28] No space left on device"
    assert "torch.save" in verdict([(0, raised(saved))]).why
    assert "torch" not in verdict([(0, raised(plain))]).why


def test_what_the_sdk_refuses_on_a_worker_keeps_what_to_do() -> None:
    with pytest.raises(CnaiError) as refused:
        report(loss=[0.1, 0.2])
    said = raised(f"cnai_sdk.worker.reporting.CnaiError: {refused.value}")
    found = verdict([(0, said)])
    assert found.happened.endswith("report(loss=…) was given list, which is not one number.")
    assert found.fix == "In cell [3]: pass a number, such as loss=float(value.mean())."


def test_parameters_without_a_gradient_are_named_by_the_next_run() -> None:
    said = raised(
        "RuntimeError: Expected to have finished reduction in the prior iteration before starting "
        "a new one. This error indicates that your module has parameters that were not used in "
        "producing loss. You can enable unused parameter detection by passing the keyword "
        "argument `find_unused_parameters=True` to `torch.nn.parallel.DistributedDataParallel`"
    )
    found = verdict([(rank, said) for rank in (0, 1)], exits={0: 1, 1: 1})
    assert found.id == "DDP_UNUSED"
    assert "find_unused_parameters=True" in found.fix
    assert found.code == 'job.rerun(env={"TORCH_DISTRIBUTED_DEBUG": "INFO"})'


def test_no_two_rows_have_one_name() -> None:
    assert len({each.id for each in rows()}) == len(rows())


@pytest.mark.parametrize("each", SAMPLED, ids=lambda each: each.id)
def test_a_sample_leads_to_its_row(each: Row) -> None:
    if each.reason:
        found = verdict([(0, each.sample)], reason=each.reason, message=each.sample, exits={0: 1})
    elif ": " in each.sample.split("(")[0] and each.sample.split(":")[0].endswith("Error"):
        found = verdict([(0, raised(each.sample))])
    else:
        found = verdict([(0, f"epoch 1\n{each.sample}")])
    assert found.id == each.id


@pytest.mark.parametrize("recorded", OTHERS, ids=lambda recorded: recorded.text[:40])
def test_other_words_for_the_same_failure_lead_there_too(recorded: Recorded) -> None:
    assert verdict([(1, raised(recorded.text))], exits={1: 1, 0: 143}).id == recorded.id


@pytest.mark.parametrize("each", SAMPLED, ids=lambda each: each.id)
def test_a_pattern_does_not_mind_case_and_finds_its_sample_among_other_lines(each: Row) -> None:
    assert each.pattern is not None
    assert each.pattern.search(f"first line\n{each.sample.upper()}\nlast line")


@pytest.mark.parametrize("each", rows(), ids=lambda each: each.id)
def test_templates_name_only_what_is_known(each: Row) -> None:
    texts = [each.short, each.happened, each.why, each.fix, each.code]
    for value in each.changes.values():
        texts += [value] if isinstance(value, str) else value
    named = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    groups = {name for name in named if name.isdigit()}
    assert named - groups <= NAMES
    assert all(each.pattern and int(name) <= each.pattern.groups for name in groups)


@pytest.mark.parametrize("each", rows(), ids=lambda each: each.id)
def test_a_row_says_what_happened_and_what_to_do(each: Row) -> None:
    assert each.happened.endswith((".", "}")), "a sentence"
    assert each.fix
    assert not each.code or each.fix.endswith((":", "}")), "a call follows a colon"
    assert not {"please", "oops", "!", "pod"} & set(each.happened.lower().split())


@pytest.mark.parametrize("each", SAMPLED, ids=lambda each: each.id)
def test_the_short_form_fits_its_row(each: Row) -> None:
    long = raised(each.sample) if each.sample.split(":")[0].endswith("Error") else each.sample
    found = verdict([(11, long)], exits={11: 1}, reason=each.reason or "WorkerFailed")
    assert len(found.short) <= SHORT


def test_a_short_form_that_is_too_long_loses_its_parentheses_first() -> None:
    big = Resources(memory=1010 * 2**20)
    found = verdict(exits={112: -9}, reason="MemoryExceeded", resources=big)
    assert found.short == "out of memory: a worker"


def test_the_catalogue_is_read_once() -> None:
    assert row("OOM_KILLED") is row("OOM_KILLED")
    assert failed().workload.reason == "WorkerFailed"
