"""Phases and kinds, known and not yet known."""

from __future__ import annotations

import copy
import pickle

import msgspec
import pytest

from cnai_sdk.model.phase import Kind, Phase


@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.value)
def test_only_three_phases_are_ends(phase: Phase) -> None:
    assert phase.ended is (phase.value in ("Succeeded", "Failed", "Stopped"))
    assert phase.known
    assert phase.label == phase.value


@pytest.mark.parametrize("words", [Phase, Kind])
def test_an_unknown_word_is_visible_and_goes_on_unchanged(words: type[Phase] | type[Kind]) -> None:
    foreign = msgspec.json.decode(b'"Hibernating"', type=words)
    assert isinstance(foreign, words)
    assert (foreign.known, foreign.label, foreign.value) == (False, "unknown", "Hibernating")
    assert msgspec.json.encode(foreign) == b'"Hibernating"'
    assert str(foreign) == "Hibernating"


def test_an_unknown_phase_is_not_an_end() -> None:
    assert Phase("Hibernating").ended is False


def test_an_unknown_word_does_not_become_a_member() -> None:
    Phase("Hibernating")
    assert [phase.value for phase in Phase] == [
        "Queued",
        "Starting",
        "Running",
        "Ready",
        "Succeeded",
        "Failed",
        "Stopped",
    ]


def test_two_readings_of_an_unknown_word_are_equal() -> None:
    assert Phase("Hibernating") == Phase("Hibernating")
    assert Phase("Hibernating") != Phase("Dreaming")
    assert len({Phase("Hibernating"), Phase("Hibernating")}) == 1


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase("Hibernating")], ids=["known", "unknown"])
def test_a_phase_survives_copy_and_pickle(phase: Phase) -> None:
    for again in (copy.deepcopy(phase), pickle.loads(pickle.dumps(phase))):
        assert (again, again.known) == (phase, phase.known)


@pytest.mark.parametrize("wire", [b"3", b"null", b"[]"])
def test_what_is_no_word_is_refused(wire: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wire, type=Phase)
