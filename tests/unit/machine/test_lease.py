"""Who gets what, what others wait for, and what is refused at the call."""

import msgspec
import pytest

from cnai_sdk.backends.local.machine import (
    Ask,
    Capacity,
    Held,
    Lease,
    Steady,
    describe,
    devices_now,
    grant,
    lease_environment,
    quota_of,
    validate,
)
from cnai_sdk.errors import DoesNotFit, InvalidRequest
from cnai_sdk.model.quota import Device
from cnai_sdk.model.spec import Resources

GIB = 2**30
FOUR = Capacity(cpus=(0, 1, 2, 3), cpu=4.0, memory=16 * GIB, memory_available=12 * GIB)
CARD = Device(id="GPU-0", model="NVIDIA L4", memory=24 * GIB, mechanism="fraction")
WITH_GPU = msgspec.structs.replace(FOUR, gpus=(CARD,), gpu_present=True)


def get(workers, capacity=FOUR, held=(), **resources):
    answer = grant(Ask(workers=workers, resources=Resources(**resources)), capacity, held)
    assert isinstance(answer, Lease), answer
    return answer


def wait(workers, capacity=FOUR, held=(), **resources):
    answer = grant(Ask(workers=workers, resources=Resources(**resources)), capacity, held)
    assert isinstance(answer, str), answer
    return answer.replace("\N{NO-BREAK SPACE}", " ")


def test_workers_that_ask_for_nothing_run_on_an_idle_machine_however_many():
    lease = get(64)
    assert (lease.cpu, lease.threads, lease.cpus) == (4.0, 1, ())
    assert validate(Resources(), 64, FOUR) == (
        "64 workers share 4 cores, so each is slower than alone.",
    )


def test_the_cores_of_an_idle_machine_are_divided_as_threads():
    assert get(2).threads == 2
    assert validate(Resources(), 2, FOUR) == ()


def test_whole_cores_are_pinned_and_another_job_gets_other_ones():
    first = get(2, cpu=1.0)
    second = get(1, cpu=2.0, held=[Held(name="first", lease=first)])
    assert first.cpus == ((0,), (1,))
    assert second.cpus == ((2, 3),)
    assert second.threads == 2


def test_a_part_of_a_core_is_counted_and_not_pinned():
    lease = get(2, cpu=0.5)
    assert (lease.cpu, lease.cpus, lease.threads) == (1.0, (), 1)


def test_a_full_machine_says_how_much_is_missing_and_who_has_it():
    held = [Held(name="digits", lease=get(2, cpu=1.0)), Held(name="resnet", lease=get(2, cpu=1.0))]
    assert wait(2, held=held) == "2 more cores; 4 of 4 are in use by digits, resnet"


def test_the_names_of_other_peoples_jobs_are_not_shown():
    held = [Held(name="salary-model", lease=get(4), mine=False)]
    assert wait(1, held=held) == "1 more core; 4 of 4 are in use by a job of another"


def test_memory_that_others_have_reserved_is_waited_for():
    held = [Held(name="digits", lease=get(1, memory=10 * GIB))]
    assert wait(1, memory=8 * GIB, held=held) == (
        "2 GiB more memory; 10 GiB of 16 GiB are reserved by digits"
    )


def test_memory_that_other_programs_use_is_waited_for():
    assert wait(1, memory=14 * GIB) == "2 GiB more memory; 4 GiB are in use by all programs"


def test_a_gpu_in_use_is_waited_for_by_name():
    held = [Held(name="bert", lease=get(1, WITH_GPU, gpu=1.0))]
    answer = wait(1, WITH_GPU, held, gpu=0.5)
    assert answer == "a free share of a GPU (gpu=0.5); they are in use by bert"


def test_a_lease_survives_the_index():
    lease = get(1, WITH_GPU, gpu=0.5, cpu=1.0, memory=GIB)
    assert msgspec.json.decode(msgspec.json.encode(lease), type=Lease) == lease


def test_workers_without_a_gpu_see_none():
    assert lease_environment(get(2)) == ({"CUDA_VISIBLE_DEVICES": ""},) * 2
    assert validate(Resources(), 1, WITH_GPU) == (
        "No GPU was asked for, so the workers see none: write gpu=1, or gpu=0.5.",
    )


@pytest.mark.parametrize("name", ["PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"])
def test_the_callers_allocator_settings_are_kept_beside_the_limit(name):
    """Under the newer name too, which torch does not read where the older one is set."""
    lease = get(1, WITH_GPU, gpu=0.5)
    (told,) = lease_environment(lease, {name: "expandable_segments:True"})
    assert told["PYTORCH_CUDA_ALLOC_CONF"] == (
        "expandable_segments:True,per_process_memory_fraction:0.5"
    )


def test_what_was_granted_is_said_with_what_holds_it():
    resources = Resources(gpu=0.5, cpu=1.0, memory=2 * GIB)
    granted = describe(get(1, WITH_GPU, gpu=0.5, cpu=1.0, memory=2 * GIB), resources, 1)
    cpu, memory, gpu = granted.how
    assert "pinned" in cpu
    assert "is ended" in memory
    assert "torch refuses" in gpu
    assert (granted.gpu, granted.gpu_memory, granted.devices) == (0.5, 12 * GIB, ("GPU-0",))


def test_the_quota_names_what_is_taken_and_by_whom():
    held = [
        Held(name="digits", lease=get(2, WITH_GPU, cpu=1.0)),
        Held(name="secret", lease=get(1, WITH_GPU, gpu=0.5), mine=False),
    ]
    cpu, memory, gpu = quota_of(WITH_GPU, held)
    assert (cpu.limit, cpu.used, cpu.mine) == (4.0, 3.0, 2.0)
    assert [h.name for h in cpu.holders] == ["digits", "secret"]
    assert (memory.limit, memory.others) == (16 * GIB, 4 * GIB)
    assert (gpu.limit, gpu.used, gpu.label) == (1.0, 0.5, "GPU, NVIDIA L4")
    assert devices_now(WITH_GPU, held)[0].free == 0.5


def test_a_machine_where_nothing_happens_has_the_same_quota_at_each_look():
    steady = Steady()

    def looked(wavers: int):
        capacity = msgspec.structs.replace(FOUR, memory_available=12 * GIB + wavers)
        return quota_of(capacity, [], steady)

    quiet = looked(0)
    assert [looked(n * 2**20) for n in (30, -30, 80, -5)] == [quiet] * 4
    _, memory = looked(-2 * GIB)
    assert memory.others == 6 * GIB


@pytest.mark.parametrize("workers", [0, -1, "two", True, 1.5, None])
def test_what_is_no_number_of_workers_is_refused(workers):
    with pytest.raises(InvalidRequest, match="workers=") as error:
        validate(Resources(), workers, FOUR)
    assert "workers=2" in error.value.next_step


@pytest.mark.parametrize("cpu", [0, -1, "4 cores", True, float("nan"), float("inf")])
def test_what_is_no_number_of_cores_is_refused(cpu):
    with pytest.raises(InvalidRequest, match="cpu=") as error:
        validate(Resources(cpu=cpu), 1, FOUR)
    assert "cpu=2" in error.value.next_step


@pytest.mark.parametrize("amount", ["10GB", "8 gigs", 0, -1, True])
@pytest.mark.parametrize("argument", ["memory", "gpu_memory"])
def test_what_is_no_amount_of_memory_is_refused_with_one_that_is(argument, amount):
    with pytest.raises(InvalidRequest) as error:
        validate(Resources(**{argument: amount}), 1, WITH_GPU)
    assert f"{argument}=" in error.value.next_step


def test_more_cores_than_the_machine_has_are_refused_with_the_numbers_and_the_choices():
    with pytest.raises(DoesNotFit, match=r"2 workers with cpu=3 need 6 cores, .* has 4") as error:
        validate(Resources(cpu=3.0), 2, FOUR)
    assert error.value.next_step.startswith("Write cpu=2; or write workers=1; or leave cpu out")


def test_more_memory_than_the_machine_has_is_refused_with_the_most_that_fits():
    with pytest.raises(DoesNotFit) as error:
        validate(Resources(memory=12 * GIB), 2, FOUR)
    assert 'memory="8Gi"' in error.value.next_step
    assert "workers=1" in error.value.next_step


def test_a_limit_of_a_container_is_named_as_the_reason():
    inside = msgspec.structs.replace(FOUR, cpu=0.5, cpu_why="cgroup limit")
    with pytest.raises(DoesNotFit) as error:
        validate(Resources(cpu=1.0), 1, inside)
    assert "container" in error.value.why


def test_a_model_without_a_number_of_gpus_is_refused():
    with pytest.raises(InvalidRequest) as error:
        validate(Resources(gpu_model="A100"), 1, WITH_GPU)
    assert "gpu=1" in error.value.next_step
