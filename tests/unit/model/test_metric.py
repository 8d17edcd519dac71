"""Metrics on the wire: a number, or the name of what JSON lacks."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai_sdk.model.metric import Metric, from_wire, to_wire


@given(st.floats())
def test_every_float_survives_the_wire(value: float) -> None:
    sent = msgspec.json.encode(Metric(values={"loss": to_wire(value)}))
    back = from_wire(msgspec.json.decode(sent, type=Metric).values["loss"])
    assert back == value or (math.isnan(back) and math.isnan(value))


@given(st.floats())
def test_the_wire_is_strict_json_without_null(value: float) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    sent = msgspec.json.encode(Metric(values={"loss": to_wire(value)}))
    assert json.loads(sent, parse_constant=refuse)["values"]["loss"] is not None


@pytest.mark.parametrize(
    ("value", "wire"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (1, 1.0)],
)
def test_what_json_lacks_is_sent_by_name(value: float, wire: object) -> None:
    assert to_wire(value) == wire
    assert type(to_wire(value)) is type(wire)


@pytest.mark.parametrize("value", ["nan", "0.5", "", None, [1]])
def test_another_word_is_not_a_value(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"values": {"loss": value}}, Metric)
