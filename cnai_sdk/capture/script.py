"""Puts the parts together: one readable script, and which of its lines came from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnai_sdk.capture.nodes import Node, Part
from cnai_sdk.model.spec import Span

FUTURE = "from __future__ import annotations"
LOAD = "from cnai_sdk.values import load as _cnai_load"


def assembled(nodes: Sequence[Node], *, call: str, future: bool) -> tuple[str, tuple[Span, ...]]:
    """The script's text, and the spans of its lines.

    Args:
        nodes: in the order in which they run.
        call: the expression that the job evaluates.
        future: whether annotations stay unevaluated, as where the code comes from.
    """
    writer = _Writer()
    if future:
        writer.section([Part(text=FUTURE)], gap=0)
    writer.section(_imports(nodes), gap=1)
    writer.section([p for n in nodes if n.kind == "literal" for p in n.parts], gap=1)
    for node in nodes:
        if node.kind in ("values", "definition"):
            writer.section(node.parts, gap=2)
    writer.section([Part(text=f'if __name__ == "__main__":\n    _cnai_result = {call}')], gap=2)
    return "\n".join(writer.lines) + "\n", tuple(writer.spans)


def _imports(nodes: Iterable[Node]) -> list[Part]:
    """Whole modules first, then names from modules, each sorted."""
    texts = {part.text for node in nodes if node.kind == "import" for part in node.parts}
    if any(node.kind == "values" for node in nodes):
        texts.add(LOAD)
    return [Part(text=text) for text in sorted(texts, key=lambda text: (text[:4] == "from", text))]


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.spans: list[Span] = []
        self._said = ""

    def section(self, parts: Iterable[Part], *, gap: int) -> None:
        first = True
        for part in parts:
            if first and self.lines:
                self.lines.extend([""] * gap)
            if part.source and (first or part.source != self._said):
                self.lines.append(f"# {part.source}")
                self._said = part.source
            first = False
            self._write(part)

    def _write(self, part: Part) -> None:
        begin = len(self.lines) + 1
        self.lines.extend(part.text.split("\n"))
        if part.source:
            end = len(self.lines)
            self.spans.append(Span(first=begin, last=end, source=part.source, line=part.line))
