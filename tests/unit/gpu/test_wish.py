"""What is no wish for a GPU at all is refused where it is written."""

from __future__ import annotations

from typing import Any

import pytest

from cnai_sdk.arguments import parse_resources
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.gpu.wish import check_wish
from cnai_sdk.grants import GrantedView
from cnai_sdk.model.quota import Device
from cnai_sdk.model.workload import Granted
from cnai_sdk.quotas import Devices


def wish(**given: Any) -> None:
    names = ("cpu", "memory", "gpu", "gpu_memory", "gpu_model", "isolation")
    check_wish(parse_resources(**{name: given.get(name) for name in names}), 1)


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"gpu": 0}, "a number above 0"),
        ({"gpu": -1}, "a number above 0"),
        ({"gpu": 1.5}, "gpu=1 or gpu=2"),
        ({"gpu": "half"}, "gpu=1"),
        ({"gpu": True}, "gpu=1"),
        ({"gpu": 0.001}, "gpu=0.1"),
        ({"gpu": float("nan")}, "a number above 0"),
        ({"gpu_memory": "10GB"}, 'gpu_memory="10Gi"'),
        ({"gpu_memory": "10"}, 'gpu_memory="10Gi"'),
        ({"gpu_memory": 10}, 'gpu_memory="10Gi"'),
        ({"gpu_memory": "much"}, 'gpu_memory="8Gi"'),
        ({"gpu_model": "A100"}, "gpu=1"),
        ({"gpu": 1, "gpu_model": 100}, 'gpu_model="A100"'),
        ({"gpu": 1, "gpu_model": "x" * 101}, "cnai.gpus()"),
        ({"gpu": 0.5, "isolation": "some"}, 'isolation="memory"'),
        ({"gpu": 0.5, "isolation": 1}, 'isolation="memory"'),
    ],
)
def test_what_is_no_wish_is_refused_with_one_that_is(given: dict[str, Any], step: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        wish(**given)
    assert step in error.value.next_step


def test_what_was_granted_reads_well_and_escapes_what_a_driver_says() -> None:
    view = GrantedView(
        Granted(
            asked="1 worker, gpu 0.5",
            gpu_granted="1 × MIG 3g.40gb of <b>A100</b>, 39.2 GiB",
            isolation="hardware",
            quota_key="requests.nvidia.com/mig-3g.40gb",
            how=("CPU: shared.", "GPU: held by the hardware."),
        )
    )
    assert repr(view) == (
        "Asked       1 worker, gpu 0.5\n"
        "GPU         1 × MIG 3g.40gb of <b>A100</b>, 39.2 GiB\n"
        "Isolation   hardware: nobody else on the card is noticed\n"
        "Charged to  requests.nvidia.com/mig-3g.40gb\n"
        "How         CPU: shared.\n"
        "            GPU: held by the hardware."
    )
    assert "<b>" not in view._repr_html_()


def test_what_is_on_offer_is_a_table_with_isolation_and_how_it_was_found() -> None:
    told = Devices(
        [
            Device(
                id="nvidia.com/mig-3g.40gb",
                model="NVIDIA A100",
                memory=40192 * 2**20,
                mechanism="mig",
                profile="3g.40gb",
                isolation="hardware",
                count=2,
                found="labels of the nodes",
            ),
            Device(id="nvidia.com/gpu", model="", memory=0, found="quota of team-a"),
            Device(
                id="nvidia.com/gpu",
                model="NVIDIA A100",
                memory=2**32,
                mechanism="time-slicing",
                profile="1g.10gb",
                replicas=2,
            ),
            Device(id="GPU-1\x1b[31m", model="NVIDIA L4", memory=24 * 2**30, free=0.75),
        ]
    )
    head, mig, unseen, turns, local = repr(told).splitlines()
    assert head.split()[:3] == ["GPU", "Shared", "by"]
    assert "MIG 3g.40gb" in mig
    assert "hardware" in mig
    assert unseen.count("not visible") == 3
    assert "time-slicing of MIG 1g.10gb ×2" in turns
    assert "0.75 free" in local
    assert "\x1b" not in local
    assert told._repr_html_().count("<tr>") == 5
