"""Log: a job prints a million lines, and `job.logs(follow=True)` brings them into this process.

Every line carries its number, and each is checked: none may be lost, doubled or out of order. The
rate is that of the whole way, from the call to the last line here. Beside it, how fast the job
itself could print, which it measures from its first line to its last, and a plain process of which
the lines are read from a pipe.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence

from bench.notebook import Notebook
from bench.plan import Plan
from bench.table import Row
from bench.timing import Spread
from bench.workplace import warm_client
from cnai_sdk import Client

GOAL = 100_000
LINES = 1_000_000


_CELL = """
def chatter(lines):
    import time

    started = time.monotonic()
    for number in range(lines):
        print("step", number, "loss 0.12345")
    return time.monotonic() - started
"""
_PLAIN = "for number in range({}):\n    print('step', number, 'loss 0.12345')"


def measure(plan: Plan) -> Sequence[Row]:
    """Lines a second, and whether all came."""
    client, notebook = warm_client(), Notebook(_CELL)
    lines = LINES // 100 if plan.quick else LINES
    rates: dict[str, list[float]] = {"followed": [], "printed": [], "plain": []}
    lost = 0
    for _ in range(plan.runs(3)):
        followed, printed, wrong = _follow(client, notebook["chatter"], lines)
        rates["followed"].append(followed)
        rates["printed"].append(printed)
        rates["plain"].append(_read_plain(lines))
        lost += wrong
    middle = {name: Spread(tuple(values)).median for name, values in rates.items()}
    return [
        Row(
            what=f"{lines:,} log lines followed into this process",
            ours=f"{middle['followed']:,.0f} lines/s",
            peers=f"the job prints {middle['printed']:,.0f} lines/s; "
            f"a plain process read from a pipe {middle['plain']:,.0f} lines/s",
            ratio=middle["followed"] / middle["plain"],
            goal=f"≥ {GOAL:,} lines/s",
            met=middle["followed"] >= GOAL,
        ),
        Row(
            what="lines lost, doubled or out of order",
            ours=str(lost),
            goal="0",
            met=lost == 0,
        ),
    ]


def _follow(client: Client, chatter: Callable[..., float], lines: int) -> tuple[float, float, int]:
    """Rates of following and of printing, and how many lines were not as they should be."""
    started = time.monotonic()
    job = client.train(chatter, args={"lines": lines})
    wrong = _check(job.logs(follow=True), lines)
    took = time.monotonic() - started
    printing = job.result()
    job.delete()
    return lines / took, lines / printing, wrong


def _read_plain(lines: int) -> float:
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", _PLAIN.format(lines)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if _check((line.rstrip("\n") for line in process.stdout), lines):
            raise RuntimeError("The plain process lost lines.")
    return lines / (time.monotonic() - started)


def _check(found: Iterable[str], lines: int) -> int:
    """How many of the lines are not the next that was printed.

    >>> _check(["step 0 loss 0.12345", "step 2 loss 0.12345"], 3)
    2
    """
    wrong = count = 0
    for number, line in enumerate(found):
        wrong += line != f"step {number} loss 0.12345"
        count += 1
    return wrong + abs(lines - count)
