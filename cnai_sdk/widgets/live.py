"""A job shown live under its cell, and kept there when it has ended.

A cell shows a job in two outputs. The first is the card: a widget while the job can change, then
plain HTML, so that a saved notebook shows the end without a kernel. The second holds the buttons of
a job that has ended. A rerun takes the place of the job that it repeats.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from IPython.core.getipython import get_ipython
from IPython.display import display, update_display
from ipywidgets import HTML, Button, HBox, VBox

from cnai_sdk import runtime
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.view import JobView
from cnai_sdk.text import job_text, to_html
from cnai_sdk.widgets.html import card_html, style

if TYPE_CHECKING:
    from cnai_sdk.handle import Handle

_RUN_AGAIN_AFTER = 1.0
_TICK, _SLOW_TICK = 1.0, 60.0
_NOTHING = {"text/html": "", "text/plain": ""}


def show(handle: Handle) -> None:
    """Display a handle's card under the cell that runs now."""
    view = handle.view()
    place = Place()
    if view.workload.phase.ended:
        place.keep(view)
        place.offer(handle, view)
    else:
        place.follow(handle, view)


def kept_bundle(view: JobView) -> dict[str, Any]:
    """How the job stands, as what a notebook keeps: HTML and text, no buttons."""
    html = style() + card_html(view, saved=view.now)
    return {"text/html": html, "text/plain": job_text(view)}


class Place:
    """The two outputs of a cell in which a job is shown."""

    def __init__(self) -> None:
        self._card = _Output()
        self._buttons = _Output()

    def follow(self, handle: Handle, view: JobView) -> None:
        """Show a job that can change, until it has ended; returns at once."""
        card = LiveCard(handle, view, self)
        self._card.put(kept_bundle(view) | card.bundle())
        self._buttons.put(_NOTHING)
        # Without the context of this cell, what comes later belongs to the cell that runs then.
        contextvars.Context().run(runtime.submit, card.run())

    def keep(self, view: JobView) -> None:
        """Show the end of a job as plain HTML."""
        self._card.keep(kept_bundle(view))

    def offer(self, handle: Handle, view: JobView) -> None:
        """Show the buttons of a job that has ended."""
        again = RunAgain(handle, view, self)
        self._buttons.put(_NOTHING | again.bundle())


class _Output:
    """One output, displayed when it is first put and replaced after that."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._bundle: dict[str, Any] = {}

    def put(self, bundle: dict[str, Any]) -> None:
        self._bundle = bundle
        if self._id is None:
            self._id = uuid.uuid4().hex
            display(bundle, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]
        else:
            update_display(bundle, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]

    def keep(self, bundle: dict[str, Any]) -> None:
        """Put it now, and once more when a cell ends.

        Who runs a notebook without a page listens only while a cell runs.
        """
        self.put(bundle)
        events = get_ipython().events  # type: ignore[no-untyped-call]

        def once_more() -> None:
            events.unregister("post_execute", once_more)
            if self._bundle is bundle:
                self.put(bundle)

        events.register("post_execute", once_more)


class LiveCard:
    """The card of a job that can change: its body, and Stop."""

    def __init__(self, handle: Handle, view: JobView, place: Place) -> None:
        self._handle, self._place = handle, place
        self._body = HTML(card_html(view))
        self._said = _Refusal()
        self._stop = _button("Stop", "stop")
        self._stop.on_click(self._pressed)
        self._buttons = HBox([self._stop])
        self._buttons.add_class("cnai-buttons")
        sheet = HTML(style())
        sheet.layout.display = "none"
        self._box = VBox([sheet, self._body, self._buttons, self._said.widget])
        self._box.add_class("cnai-Live")
        self._box.add_class("cnai-with-buttons")

    def bundle(self) -> dict[str, Any]:
        """What a page shows as the widget itself."""
        return _view_of(self._box)

    def _pressed(self, _: Button) -> None:
        _act(self._stop, self._handle.stop, self._said)

    async def run(self) -> None:
        """Follow the job to its end, then leave the place to what is kept."""
        try:
            async for view in _ticking(self._handle.updates()):
                self._body.value = card_html(view)
        except Exception as error:
            # This card would otherwise stand still without a word.
            self._said.say(f"This card does not follow {self._handle.name} any more. {error}")
            return
        self._stop.disabled = True
        self._place.keep(view)
        await asyncio.sleep(_RUN_AGAIN_AFTER)
        # A page that was loaded anew has lost the outputs, and still shows this widget.
        again = RunAgain(self._handle, view, self._place)
        self._buttons.children = ()
        self._box.children = (*self._box.children, again.widget)
        self._place.offer(self._handle, view)


class RunAgain:
    """The buttons of a job that has ended."""

    def __init__(self, handle: Handle, view: JobView, place: Place) -> None:
        self._handle, self._place = handle, place
        self._said = _Refusal()
        changes = dict(view.diagnosis.changes) if view.diagnosis is not None else {}
        buttons = [self._make(changes, main=True)] if changes else []
        self.widget = VBox()
        if hasattr(handle, "rerun"):
            buttons.append(self._make({}, main=False))
            self.widget.children = (HBox(buttons), self._said.widget)
        self.widget.add_class("cnai-Again")

    def bundle(self) -> dict[str, Any]:
        """What a page shows as the widget itself."""
        return _view_of(self.widget)

    def _make(self, changes: dict[str, Any], *, main: bool) -> Button:
        written = ", ".join(f"{name}={value!r}" for name, value in changes.items())
        button = _button(f"Run again with {written}" if changes else "Run again", "refresh")
        if main:
            button.add_class("cnai-main")
        button.on_click(lambda _: _act(button, lambda: self._rerun(changes), self._said))
        return button

    def _rerun(self, changes: dict[str, Any]) -> None:
        job = self._handle.rerun(**changes)  # type: ignore[attr-defined]
        self._said.say(f'It runs again as {job.name}: cnai.job("{job.name}")')
        self._place.follow(job, job.view())


class _Refusal:
    """Where a refused action is said: beside its button."""

    def __init__(self) -> None:
        self.widget = HTML()
        self.widget.layout.display = "none"

    def say(self, text: str) -> None:
        self.widget.value = f'<p class="cnai-refused" role="alert">{to_html(text)}</p>'
        self.widget.layout.display = ""


def _button(word: str, icon: str) -> Button:
    button = Button(description=word, icon=icon)
    button.add_class("cnai-button")
    _hear_while_a_cell_runs(button)
    return button


def _hear_while_a_cell_runs(button: Button) -> None:
    """Let a click reach the kernel while its main shell waits, as in `job.wait()`.

    A page sends a click to a subshell, but ipykernel hands it to the shell through which the
    button spoke last, and that is the main one, where it was made. A button that has not spoken
    is heard where the page says.
    """
    if button.comm is not None:
        vars(button.comm).pop("_reply_subshell_id", None)


def _view_of(widget: Any) -> dict[str, Any]:
    kind = "application/vnd.jupyter.widget-view+json"
    return {kind: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}


def _act(button: Button, action: Callable[[], object], said: _Refusal) -> None:
    """Run an action beside the kernel; its button comes back when it is refused."""
    button.disabled = True

    def work() -> None:
        try:
            action()
        except CnaiError as error:
            said.say(str(error))
            button.disabled = False

    threading.Thread(target=work, name="cnai-button", daemon=True).start()


async def _ticking(updates: AsyncIterator[JobView]) -> AsyncIterator[JobView]:
    """The updates, and between them the last one with a new time, as long as ages change."""
    view: JobView | None = None
    waiting: asyncio.Task[JobView] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(updates))
            done, _ = await asyncio.wait({waiting}, timeout=_pause(view))
            if done:
                task, waiting = waiting, None
                try:
                    view = task.result()
                except StopAsyncIteration:
                    return
                yield view
            elif view is not None:
                yield msgspec.structs.replace(view, now=time.time())
    finally:
        if waiting is not None:
            waiting.cancel()


def _pause(view: JobView | None) -> float | None:
    if view is None or view.interruption is not None:
        return None
    age = time.time() - (view.workload.started or view.workload.created)
    return _TICK if age < 3600 else _SLOW_TICK
