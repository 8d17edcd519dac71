"""Errors read as sentences, and travel between processes as they are."""

from __future__ import annotations

import copy
import pickle

import pytest

from cnai_sdk import errors
from cnai_sdk.errors import CaptureError, CnaiError, JobFailed, NotFound
from cnai_sdk.model.diagnosis import Diagnosis

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CnaiError)
]


def test_an_error_says_what_why_and_what_to_do() -> None:
    error = CnaiError("It is so.", why="Because.", next_step="Do this.")
    assert str(error) == "It is so.\nWhy: Because.\nWhat to do: Do this."
    assert str(CnaiError("It is so.")) == "It is so."


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not JobFailed])
def test_an_error_travels_between_processes(kind: type[CnaiError]) -> None:
    error = kind("It is so.", why="Because.", next_step="Do this.")
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(same) is kind
        assert (same.what, same.why, same.next_step) == ("It is so.", "Because.", "Do this.")
        assert str(same) == str(error)


def test_a_capture_error_keeps_its_name_and_cell() -> None:
    error = CaptureError("lock cannot travel.", name="lock", cell="cell [3]")
    same = pickle.loads(pickle.dumps(error))
    assert (same.name, same.cell) == ("lock", "cell [3]")


def test_a_failed_job_keeps_its_verdict() -> None:
    verdict = Diagnosis(id="X", short="it broke", happened="It broke.", why="", fix="")
    same = pickle.loads(pickle.dumps(JobFailed("digits", verdict, "the whole card")))
    assert (same.name, same.diagnosis, str(same)) == ("digits", verdict, "the whole card")


def test_what_is_missing_from_a_mapping_is_a_key_error_too() -> None:
    assert issubclass(NotFound, KeyError)
    assert issubclass(NotFound, LookupError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    for kind in KINDS:
        assert kind.__name__ in errors.__doc__
