"""What literal() writes evaluates to an equal value of the same type."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai_sdk.capture import literal
from cnai_sdk.capture.nodes import Cycle, Node, in_order

ATOMS: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)
ATOMS |= st.binary(max_size=20) | st.complex_numbers(allow_nan=False) | st.just(Ellipsis)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES | st.sets(st.integers()) | st.frozensets(st.text(max_size=3)))
def test_reads_back_equal(value):
    text = literal(value)
    if text is not None:
        back = eval(text)
        assert back == value
        assert type(back) is type(value)
        assert repr(back) == repr(value) or isinstance(value, set | frozenset)


def test_numbers_that_are_none_read_back():
    assert literal(float("inf")) == "float('inf')"
    assert str(eval(literal({"loss": float("nan")}) or "")) == "{'loss': nan}"


@pytest.mark.parametrize(
    "value", [pathlib.Path("a/b"), range(1, 9, 2), slice(1, None), b"\x00", {1}]
)
def test_other_plain_types_read_back(value):
    assert eval(literal(value) or "") == value


def test_what_is_not_plain_is_no_literal():
    class Number(int):
        pass

    twice = [0]
    endless: list[object] = []
    endless.append(endless)
    for value in (Number(3), object(), [twice, twice], endless, "x" * 10_000, list(range(9999))):
        assert literal(value) is None


def test_definitions_come_after_what_they_read_at_once():
    def node(name, eager=(), lazy=()):
        return Node(
            names=(name,), kind="definition", parts=(), eager=frozenset(eager), lazy=frozenset(lazy)
        )

    order = in_order(
        [
            node("main", lazy=["Net", "helper"]),
            node("Net", lazy=["helper"]),
            node("helper", eager=["Net"]),
            node("deco"),
            node("top", eager=["deco"]),
        ]
    )
    names = [n.names[0] for n in order]
    assert names.index("Net") < names.index("helper") < names.index("main")
    assert names.index("deco") < names.index("top")
    with pytest.raises(Cycle):
        in_order([node("a", eager=["b"]), node("b", eager=["a"])])
