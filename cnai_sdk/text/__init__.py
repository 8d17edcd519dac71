"""Workloads, verdicts and foreign text as plain text and as safe HTML.

Belongs here: pure functions from frozen values to text, and the cleaning of text that others wrote.
Never here: I/O, ipywidgets, colours of our own, or anything that decides what a job is.
"""

from cnai_sdk.text.columns import display_width
from cnai_sdk.text.foreign import clean, one_line, to_html
from cnai_sdk.text.job import job_text, verdict_text
from cnai_sdk.text.row import row_text
from cnai_sdk.text.spark import sparkline
from cnai_sdk.text.words import left_text, progress_text, size_text, time_text

__all__ = [
    "clean",
    "display_width",
    "job_text",
    "left_text",
    "one_line",
    "progress_text",
    "row_text",
    "size_text",
    "sparkline",
    "time_text",
    "to_html",
    "verdict_text",
]
