"""Tracebacks that name the notebook's cell and show its source line."""

import json
import os
import sys
import traceback
from typing import Any

from .record import put
from .reporting import flush, in_job, say_frame, write

_HERE = os.path.dirname(os.path.realpath(__file__))


def show(error: BaseException, payload: str) -> None:
    """Print the traceback, without the frames of this package, and frame its last words."""
    spans = _spans(payload)
    script = os.path.join(payload, "script.py")
    shown = traceback.TracebackException.from_exception(error)
    place = _relabel(shown, script, spans)
    text = "".join(shown.format())
    flush(sys.stdout)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:  # the user's code has replaced or closed it
        write(text.encode("utf-8", "backslashreplace"))
    if in_job():
        try:
            message = str(error)[:1000]
        except Exception:
            message = ""
        last = {"type": type(error).__name__, "message": message, "at": place}
        _leave(last)
        say_frame({"error": last})


def _leave(last: dict[str, Any]) -> None:
    """Where only the last message of a container is read, its first process picks it up."""
    path = os.environ.get("CNAI_ERROR")
    if not path:
        return
    try:
        put(path, json.dumps(last))
    except OSError:
        return


def _spans(payload: str) -> list[dict[str, Any]]:
    try:
        with open(os.path.join(payload, "spans.json"), encoding="utf-8") as file:
            return list(json.load(file))
    except (OSError, ValueError):
        return []


def _relabel(
    shown: traceback.TracebackException, script: str, spans: list[dict[str, Any]]
) -> list[Any]:
    """Name cells instead of the script, through all chained and grouped exceptions."""
    place: list[Any] = []
    for chained in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if chained is not None:
            place = _relabel(chained, script, spans) or place
    kept = []
    for frame in shown.stack:
        if os.path.dirname(os.path.realpath(frame.filename)) == _HERE:
            continue
        if frame.filename == script:
            _ = frame.line  # load the source line while the name is still the file's
            found = _origin(frame.lineno or 0, spans)
            if found:
                frame.filename, frame.lineno = found
                place = [frame.filename, frame.lineno]
        kept.append(frame)
    shown.stack[:] = kept
    if getattr(shown, "filename", None) == script:
        shown.filename, shown.lineno = _syntax_place(shown, spans)
    return place


def _syntax_place(shown: traceback.TracebackException, spans: list[dict[str, Any]]) -> Any:
    found = _origin(int(shown.lineno or 0), spans)
    return (found[0], str(found[1])) if found else (shown.filename, shown.lineno)


def _origin(line: int, spans: list[dict[str, Any]]) -> tuple[str, int] | None:
    for span in spans:
        if span["first"] <= line <= span["last"]:
            return f"{span['source']}", line - span["first"] + span.get("line", 1)
    return None
