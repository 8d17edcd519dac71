"""Every Struct crosses the wire unchanged, in both directions of time."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnai_sdk.model
from cnai_sdk.model.phase import Kind, Phase
from cnai_sdk.model.spec import Payload, Resources, ServeSpec, Spec, TrainSpec, kind_of, replicas_of
from cnai_sdk.model.stream import Change, Snapshot, Update
from cnai_sdk.model.workload import Progress, Workload


def _structs() -> list[type[msgspec.Struct]]:
    found = set()
    for module in pkgutil.iter_modules(cnai_sdk.model.__path__, "cnai_sdk.model."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, msgspec.Struct) and value.__module__ == module.name:
                found.add(value)
    return sorted(found, key=lambda struct: struct.__name__)


STRUCTS = _structs()
every_struct = pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)

st.register_type_strategy(Phase, st.sampled_from(list(Phase)) | st.just(Phase("Hibernating")))
st.register_type_strategy(Kind, st.sampled_from(list(Kind)) | st.just(Kind("notebook")))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(object, st.none() | st.booleans() | st.integers(0, 99) | st.text())


def _values(struct: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Structs of a type, with any values that their annotations allow."""
    return st.builds(struct, **{n: _field(h) for n, h in get_type_hints(struct).items()})


def _field(hint: Any) -> st.SearchStrategy[Any]:
    if hint is Any:
        return st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
    if inspect.isclass(hint) and issubclass(hint, msgspec.Struct):
        return _values(hint)
    arguments: tuple[Any, ...] = getattr(hint, "__args__", ())
    origin = getattr(hint, "__origin__", None)
    if origin is tuple:
        return st.lists(_field(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), _field(arguments[1]), max_size=2)
    if type(hint).__name__ in ("UnionType", "Union", "_UnionGenericAlias"):
        return st.one_of([_field(argument) for argument in arguments])
    if hint is int:
        return st.integers(-(2**53), 2**53)
    return st.from_type(hint)


def _smallest(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Only what is required, as an older writer would send it."""
    fields = msgspec.structs.fields(struct)
    required = {field.name: field.type for field in fields if field.required}
    value = struct(**{name: _EXAMPLE[hint] for name, hint in required.items()})
    sent: dict[str, Any] = json.loads(msgspec.json.encode(value))
    return sent


_EXAMPLE: dict[Any, Any] = {
    str: "x",
    int: 1,
    float: 1.0,
    Phase: Phase.RUNNING,
    Kind: Kind.TRAIN,
    Payload: Payload(entry="digits"),
    Workload: Workload(id="x", name="x", kind=Kind.TRAIN, phase=Phase.RUNNING, backend="local"),
}
for _field_info in (f for s in STRUCTS for f in msgspec.structs.fields(s) if f.required):
    _kind = str(_field_info.type)
    if "Literal" in _kind and "dict" not in _kind and "tuple" not in _kind:
        _EXAMPLE.setdefault(_field_info.type, _field_info.type.__args__[0])
    elif "dict" in _kind:
        _EXAMPLE.setdefault(_field_info.type, {})
    elif "tuple" in _kind:
        _EXAMPLE.setdefault(_field_info.type, ())


@every_struct
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_value_comes_back_as_it_was_sent(
    struct: type[msgspec.Struct], data: st.DataObject
) -> None:
    value = data.draw(_values(struct))
    assert msgspec.json.decode(msgspec.json.encode(value), type=struct) == value


@every_struct
def test_a_field_that_a_newer_writer_added_is_ignored(struct: type[msgspec.Struct]) -> None:
    sent = _smallest(struct)
    newer = json.dumps(sent | {"from_a_newer_version": {"deep": [1, 2]}})
    assert msgspec.json.decode(newer, type=struct) == msgspec.convert(sent, struct)


@every_struct
def test_a_field_that_an_older_writer_left_out_has_its_default(
    struct: type[msgspec.Struct],
) -> None:
    value = msgspec.convert(_smallest(struct), struct)
    for field in msgspec.structs.fields(struct):
        if field.default is not msgspec.NODEFAULT:
            assert getattr(value, field.name) == field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            assert getattr(value, field.name) == field.default_factory()


@every_struct
def test_a_value_is_frozen(struct: type[msgspec.Struct]) -> None:
    value = msgspec.convert(_smallest(struct), struct)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(value, msgspec.structs.fields(struct)[0].name, "changed")


@every_struct
def test_fields_are_given_by_name_only(struct: type[msgspec.Struct]) -> None:
    with pytest.raises(TypeError, match="positional"):
        struct("x")


def test_a_spec_says_its_kind_on_the_wire() -> None:
    payload = Payload(entry="digits", files={"script.py": b"print(1)\n\xff\x00"})
    specs: list[Spec] = [
        TrainSpec(name="digits", payload=payload, workers=2),
        ServeSpec(name="digits", payload=payload, replicas=3),
    ]
    for spec, kind, count in zip(specs, (Kind.TRAIN, Kind.SERVE), (2, 3), strict=True):
        sent = msgspec.json.encode(spec)
        assert json.loads(sent)["kind"] == kind.value
        again = msgspec.json.decode(sent, type=Spec)
        assert again == spec
        assert (kind_of(again), replicas_of(again)) == (kind, count)


def test_a_spec_of_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="dream"):
        msgspec.json.decode(b'{"kind": "dream", "name": "digits"}', type=Spec)


def test_an_update_says_whether_it_is_a_snapshot() -> None:
    workload = Workload(
        id="1", name="digits", kind=Kind.TRAIN, phase=Phase.RUNNING, backend="memory"
    )
    updates: list[Update] = [
        Snapshot(epoch="e", seq=1, workloads=(workload,)),
        Change(epoch="e", seq=2, workloads=(workload,), deleted=("0",)),
    ]
    for update in updates:
        assert msgspec.json.decode(msgspec.json.encode(update), type=Update) == update


def test_a_workload_with_a_phase_from_the_future_goes_on_unchanged() -> None:
    sent = b'{"id":"1","name":"digits","kind":"notebook","phase":"Hibernating","backend":"memory"}'
    workload = msgspec.json.decode(sent, type=Workload)
    assert (workload.phase.label, workload.kind.label) == ("unknown", "unknown")
    assert msgspec.json.encode(workload) == sent


@pytest.mark.parametrize(
    ("done", "total", "fraction"),
    [(1, 4, 0.25), (9, 4, 1.0), (-1, 4, 0.0), (3, None, None), (0, 0, None)],
)
def test_a_fraction_is_between_0_and_1_or_unknown(
    done: float, total: float | None, fraction: float | None
) -> None:
    assert Progress(done=done, total=total).fraction == fraction


def test_a_share_by_memory_is_a_wish_for_a_gpu() -> None:
    assert Resources(gpu=0.25).wants_gpu
    assert Resources(gpu_memory=2**30).wants_gpu
    assert not Resources(cpu=4, memory=2**30).wants_gpu


def test_the_script_is_the_payloads_text() -> None:
    payload = Payload(entry="digits", files={"script.py": "print('数字')\n".encode()})
    assert payload.script == "print('数字')\n"
