"""A verdict as HTML: what happened, why, what to do, and the lines that prove it."""

from __future__ import annotations

from cnai_sdk.model.diagnosis import Diagnosis, Evidence
from cnai_sdk.text import to_html


def verdict_html(diagnosis: Diagnosis) -> str:
    """The verdict's four parts; a part without words is left out.

    >>> verdict_html(Diagnosis(id="X", short="x", happened="<b>x</b>")).count("<dt>")
    1
    """
    parts = [("What happened", f'<dd class="cnai-first">{to_html(diagnosis.happened)}</dd>')]
    if diagnosis.why:
        parts.append(("Why", f"<dd>{to_html(diagnosis.why)}</dd>"))
    if diagnosis.fix or diagnosis.code:
        parts.append(("What to do", f"<dd>{_fix(diagnosis)}</dd>"))
    if diagnosis.evidence:
        lines = "".join(_evidence(line) for line in diagnosis.evidence)
        parts.append(("Evidence", f'<dd><div class="cnai-Evidence">{lines}</div></dd>'))
    body = "".join(f"<dt>{title}</dt>{content}" for title, content in parts)
    return f'<div class="cnai-Verdict"><dl>{body}</dl></div>'


def _fix(diagnosis: Diagnosis) -> str:
    if not diagnosis.code or diagnosis.code in diagnosis.fix:
        return to_html(diagnosis.fix)
    return f"{to_html(diagnosis.fix)} <code>{to_html(diagnosis.code)}</code>".lstrip()


def _evidence(line: Evidence) -> str:
    also = "" if line.root else ' class="cnai-also"'
    return f"<div{also}><span>{to_html(line.where)}</span> <span>{to_html(line.text)}</span></div>"
