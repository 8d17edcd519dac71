"""What `import cnai_sdk` arranges in IPython: how handles are shown, and a warm start.

Belongs here: registrations by name, which import nothing. Never here: what is shown.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnai_sdk.handle import Explanation, Handle

_arranged: set[int] = set()


def arrange() -> None:
    """Prepare the IPython that runs now, once; a terminal keeps its text."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # Only the shell of a kernel has one: a terminal's does not.
    if shell is None or getattr(shell, "kernel", None) is None or id(shell) in _arranged:
        return
    _arranged.add(id(shell))
    formatter = shell.display_formatter
    formatter.ipython_display_formatter.for_type_by_name("cnai_sdk.handle", "Handle", _show)
    html = formatter.formatters["text/html"]
    html.for_type_by_name("cnai_sdk.handle", "Handle", _handle_html)
    html.for_type_by_name("cnai_sdk.handle", "Explanation", _explanation_html)
    png = formatter.formatters["image/png"]  # without pyplot nothing says how a figure is drawn
    png.for_type_by_name("matplotlib.figure", "Figure", _figure_png)
    shell.events.register("post_run_cell", _WarmUp(shell))


def _show(handle: Handle) -> None:
    if importlib.util.find_spec("ipywidgets") is None:
        # IPython then asks the other formatters, for HTML and text that do not change.
        raise NotImplementedError
    from cnai_sdk.widgets.live import show

    show(handle)


def _handle_html(handle: Handle) -> str:
    from cnai_sdk.widgets.html import card_html, style

    view = handle.view()
    return style() + card_html(view, saved=view.now)


def _explanation_html(explanation: Explanation) -> str:
    from cnai_sdk.text import to_html
    from cnai_sdk.widgets.html import style
    from cnai_sdk.widgets.verdict import verdict_html

    if explanation.diagnosis is None:
        return f"<p>{to_html(str(explanation))}</p>"
    return f'{style()}<div class="cnai-Card">{verdict_html(explanation.diagnosis)}</div>'


def _figure_png(figure: Any) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


class _WarmUp:
    """Starts what the first job needs, behind the first cell, when nobody waits for it."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def __call__(self, *_: object) -> None:
        self._shell.events.unregister("post_run_cell", self)
        threading.Thread(target=_warm_up, name="cnai-warm", daemon=True).start()


def _warm_up() -> None:
    # The first job says what is wrong here; a cell that only imports does not.
    with contextlib.suppress(Exception):
        from cnai_sdk.client import default_client

        default_client().warm_up()
