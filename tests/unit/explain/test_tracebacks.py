"""Real tracebacks, printed by Python itself, and what is read from them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cnai_sdk.explain.tracebacks import Ended, read_traceback
from cnai_sdk.model.spec import Span

PREFIX = "import sys, traceback\n"


@pytest.fixture
def printed(tmp_path: Path):
    """Runs a script as cell [3], and reads what it printed."""

    def run(code: str, *, before: str = "", after: str = "") -> Ended | None:
        script = tmp_path / "payload" / "script.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(textwrap.dedent(code))
        answer = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, check=False, timeout=240
        )
        lines = [before, *answer.stderr.splitlines(), after]
        return read_traceback(lines, [Span(first=1, last=99, source="cell [3]")])

    return run


def test_the_deepest_frame_in_a_cell_is_the_place(printed) -> None:
    ended = printed(
        """
        def check(y):
            raise ValueError(f"bad label {y}")
        def digits():
            check(7)
        digits()
        """
    )
    assert (ended.root.type, ended.root.message) == ("ValueError", "bad label 7")
    assert (ended.root.place.shown, ended.root.place.line) == ("cell [3]", 3)
    assert ended.root.place.source == 'raise ValueError(f"bad label {y}")'


def test_a_library_that_raised_is_named_beside_the_cell_that_called_it(printed) -> None:
    ended = printed("import json\njson.loads('{')")
    assert ended.root.place.shown == "cell [3]"
    assert ended.root.frames[-1].shown == "json"
    assert ended.root.type == "JSONDecodeError"


def test_a_direct_cause_is_the_root_and_what_wraps_it_is_the_end(printed) -> None:
    ended = printed(
        """
        try:
            {}["lr"]
        except KeyError as error:
            raise RuntimeError("broken") from error
        """
    )
    assert (ended.root.type, ended.root.link, ended.last.type) == (
        "KeyError",
        "cause",
        "RuntimeError",
    )


def test_what_was_being_handled_is_not_the_root(printed) -> None:
    ended = printed(
        """
        try:
            {}["lr"]
        except KeyError:
            raise RuntimeError("broken")
        """
    )
    assert ended.root.type == "RuntimeError"
    assert [(each.type, each.link) for each in ended.behind] == [("KeyError", "context")]


def test_a_group_leads_to_its_first_member(printed) -> None:
    ended = printed(
        """
        def made(number):
            try:
                raise ValueError(number)
            except ValueError as error:
                return error
        raise ExceptionGroup("many", [made(1), made(2)])
        """
    )
    assert ended.last.type == "ExceptionGroup"
    assert (ended.root.type, ended.root.message, ended.root.link) == ("ValueError", "1", "member")
    assert ended.root.place.line == 4


def test_a_syntax_error_has_its_place(printed) -> None:
    ended = printed("compile('x = (1', 'cell [4]', 'exec')")
    assert (ended.root.type, ended.root.place.shown) == ("SyntaxError", "cell [4]")
    assert ended.root.place.source == "x = (1"


def test_an_exception_without_a_message_is_read(printed) -> None:
    assert printed("assert 1 == 2").root.message == ""
    assert printed("raise KeyboardInterrupt").root.type == "KeyboardInterrupt"


def test_a_message_of_many_lines_is_kept_and_shown_by_its_first(printed) -> None:
    ended = printed("raise ValueError('one\\ntwo')", after="")
    assert ended.root.message == "one"
    assert "two" in ended.root.text


def test_recursion_is_read_through_its_repeated_lines(printed) -> None:
    ended = printed("def again():\n    again()\nagain()")
    assert ended.root.type == "RecursionError"
    assert ended.root.place.function == "again"


def test_a_thread_that_died_did_not_end_the_worker(printed) -> None:
    assert (
        printed("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()")
        is None
    )


def test_of_two_tracebacks_the_last_one_ended_it(printed) -> None:
    ended = printed(
        """
        import traceback
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        raise ValueError("after that")
        """
    )
    assert ended.root.type == "ValueError"
    assert ended.behind == ()


def test_a_process_of_a_data_loader_hands_over_the_original() -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "cell [4]", line 8, in loader',
        "    for b in batches: pass",
        '  File "/env/lib/python3.11/site-packages/torch/_utils.py", line 769, in reraise',
        "    raise exception",
        "ValueError: Caught ValueError in DataLoader worker process 1.",
        "Original Traceback (most recent call last):",
        '  File "/env/lib/python3.11/site-packages/torch/utils/data/w.py", line 349, in _loop',
        "    data = fetcher.fetch(index)",
        '  File "/jobs/a/payload/script.py", line 12, in __getitem__',
        '    raise ValueError("item 5 is broken")',
        "ValueError: item 5 is broken",
    ]
    ended = read_traceback(lines, [Span(first=10, last=20, source="cell [2]")])
    assert ended is not None
    assert (ended.root.message, ended.root.link) == ("item 5 is broken", "original")
    assert ended.root.place is not None
    assert (ended.root.place.shown, ended.root.place.line) == ("cell [2]", 3)
    assert ended.last.frames[-1].shown == "torch"


def test_the_rank_that_torch_prints_before_each_line_is_no_part_of_it() -> None:
    lines = ["[rank1]: Traceback (most recent call last):", '[rank1]:   File "a.py", line 2, in f']
    ended = read_traceback([*lines, "[rank1]: ValueError: bad label 7"])
    assert ended is not None
    assert (ended.root.type, ended.root.message) == ("ValueError", "bad label 7")


def test_a_traceback_that_is_cut_off_is_none() -> None:
    assert read_traceback(["Traceback (most recent call last):", '  File "a.py", line 2']) is None
    assert read_traceback([]) is None
