"""What the suite's workloads do: as scripts that really run, told apart by the payload's entry."""

from __future__ import annotations

from enum import StrEnum
from textwrap import dedent, indent
from typing import Any

from cnai_sdk.model.phase import Kind
from cnai_sdk.model.spec import Payload, ServeSpec, Spec, TrainSpec


class Behaviour(StrEnum):
    """The value is the entry: a function's name for training, a class's for serving."""

    PRINTS = "prints"
    """Prints one, two, three, and succeeds."""
    WAITS = "waits"
    """Prints 'waiting'. Training goes on when it is released, prints 'released', and succeeds."""
    REPORTS = "reports"
    """Reports three steps with numbers that JSON lacks, and progress 3 of 3 epochs."""
    FAILS = "fails"
    """Prints a line, and raises."""
    FAILS_ONCE = "fails_once"
    """Reports, raises on its first attempt, and succeeds on the second."""
    WRITES = "writes"
    """Writes notes.txt, model/weights.bin, and a link named 'away' that leads out."""
    RETURNS = "returns"
    """Returns a dict that is JSON."""
    RETURNS_AN_OBJECT = "returns_an_object"
    """Returns what JSON cannot hold."""
    RANKS = "ranks"
    """Each rank prints its number and reports ten times it; the last writes a file."""


RESULT = {"accuracy": 0.97, "classes": [0, 1, 2], "name": "数字"}
WEIGHTS = bytes(range(256))
REASON = "label 10 is not a digit"

_TRAIN = {
    Behaviour.PRINTS: """
        for line in ("one", "two", "three"):
            print(line)
        """,
    # The release is a file, since a file can be made from outside on every backend.
    Behaviour.WAITS: """
        import time
        print("waiting", flush=True)
        while not (cnai.output_dir() / "release").exists():
            time.sleep(0.01)
        print("released")
        """,
    Behaviour.REPORTS: """
        cnai.report(step=0, loss=float("nan"), accuracy=0.5)
        cnai.report(step=1, loss=float("inf"), accuracy=0.75)
        cnai.report(step=2, loss=float("-inf"), accuracy=1.0)
        cnai.progress(3, 3, unit="epoch")
        """,
    Behaviour.FAILS: f"""
        print("about to fail")
        raise ValueError("{REASON}")
        """,
    Behaviour.FAILS_ONCE: f"""
        mark = cnai.checkpoint_dir() / "tried"
        cnai.report(step=0, tries=2.0 if mark.exists() else 1.0)
        if not mark.exists():
            mark.touch()
            raise ValueError("{REASON}")
        """,
    Behaviour.WRITES: """
        folder = cnai.output_dir()
        (folder / "notes.txt").write_text("三 epochs", encoding="utf-8")
        (folder / "model").mkdir()
        (folder / "model" / "weights.bin").write_bytes(bytes(range(256)))
        (folder / "away").symlink_to("/etc/hostname")
        """,
    Behaviour.RETURNS: f"""
        return {RESULT!r}
        """,
    Behaviour.RETURNS_AN_OBJECT: """
        return object()
        """,
    Behaviour.RANKS: """
        print(f"rank {cnai.rank()} of {cnai.world_size()}")
        cnai.report(step=0, tens=10.0 * cnai.rank())
        """,
}

_SERVE = {
    Behaviour.WAITS: """
        def load(self):
            print("waiting", flush=True)

        def predict(self, x):
            return x
        """,
}


def script_of(kind: Kind, behaviour: Behaviour) -> str:
    """The script that a worker runs."""
    body = {Kind.TRAIN: _TRAIN, Kind.SERVE: _SERVE}[kind][behaviour]
    inside = indent(dedent(body).strip(), "    ")
    if kind is Kind.SERVE:
        return f"class {behaviour}:\n{inside}\n"
    return (
        f"import cnai_sdk as cnai\n\n\ndef {behaviour}():\n{inside}\n\n\n"
        f'if __name__ == "__main__":\n    _cnai_result = {behaviour}()\n'
    )


def spec_of(kind: Kind, behaviour: Behaviour, *, replicas: int = 1, **fields: Any) -> Spec:
    """A spec of that kind which does that.

    Args:
        replicas: how many workers or servers.
        fields: more fields of the spec.
    """
    script = script_of(kind, behaviour).encode()
    payload = Payload(entry=behaviour.value, files={"script.py": script})
    fields = {"name": "contract", "payload": payload, **fields}
    if kind is Kind.SERVE:
        return ServeSpec(replicas=replicas, **fields)
    return TrainSpec(workers=replicas, **fields)
