"""What rank 0 returned, out of its last message, and what is said where that is not to be had."""

from __future__ import annotations

import json
from typing import Any

from cnai_sdk.backends.kubernetes.reading import lost_result, result, result_file
from cnai_sdk.backends.kubernetes.standing_pods import PodFacts
from cnai_sdk.model.phase import Phase


def run(rank: int = 0, phase: Phase = Phase.SUCCEEDED, **document: Any) -> PodFacts:
    """A run of a worker that left this message."""
    end = json.dumps({"attempt": 0, **document})
    return PodFacts(uid=f"p{rank}", name=f"a-{rank}", rank=rank, phase=phase, end=end)


def test_the_result_is_what_rank_0_said_at_its_end() -> None:
    runs = [run(result={"ok": True}), run(1, result=7)]
    assert result(runs) == b'{"ok":true}'
    assert lost_result("fit", runs) is None


def test_a_function_that_returned_nothing_has_lost_nothing() -> None:
    assert result([run()]) is None
    assert lost_result("fit", [run()]) is None


def test_a_result_that_lies_in_the_outputs_is_found_there() -> None:
    assert result_file([run(result_file="result.json")]) == "result.json"


def test_a_result_that_is_too_long_for_a_message_says_so() -> None:
    said = (
        "The return value is not kept, because it is 9000 bytes of JSON, and a cluster hands on at "
        'most 4096. To keep it, write outputs="pvc://CLAIM/folder" at the call, or return less.'
    )
    runs = [run(reason="ResultTooLarge", message=said)]
    assert result(runs) is None
    lost = lost_result("fit", runs)
    assert lost is not None
    assert lost.what == "fit has no result."
    assert lost.why.endswith("9000 bytes of JSON, and a cluster hands on at most 4096.")
    assert "outputs=" in lost.next_step


def test_a_worker_that_went_unread_may_have_returned_something() -> None:
    left = PodFacts(uid="p0", name="a-0", rank=0, phase=Phase.STOPPED, why="Deleted", gone=True)
    for runs in ([], [run(1, result=7)], [left]):
        lost = lost_result("fit", runs)
        assert lost is not None
        assert lost.what == "What fit returned is not known."
        assert "pod is gone" in lost.why
        assert "outputs=" in lost.next_step


def test_a_result_that_is_not_a_number_is_no_missing_value() -> None:
    assert result([run(result={"loss": float("nan"), "none": None})]) == b'{"loss":NaN,"none":null}'
    assert result([run(result=[float("-inf")])]) == b"[-Infinity]"
