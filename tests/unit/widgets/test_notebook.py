"""What an import arranges in IPython: names only, once, and in a kernel only."""

from __future__ import annotations

import subprocess
import sys

import pytest

PREPARE = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
"""
IN_A_KERNEL = "shell.kernel = object()\n"


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_import_in_a_kernel_loads_no_widgets_and_arranges_by_name():
    said = run(
        PREPARE + IN_A_KERNEL + "import cnai_sdk\n"
        "heavy = {'ipywidgets', 'msgspec', 'cnai_sdk.handle'} & set(sys.modules)\n"
        "shows = shell.display_formatter.ipython_display_formatter.deferred_printers\n"
        "print(sorted(heavy), ('cnai_sdk.handle', 'Handle') in shows)"
    )

    assert said == "[] True"


@pytest.mark.parametrize("before", ["", "import matplotlib.pyplot\n"])
def test_a_figure_in_a_kernel_is_a_picture(before: str):
    pytest.importorskip("matplotlib")
    said = run(
        PREPARE + IN_A_KERNEL + before + "import cnai_sdk\n"
        "from cnai_sdk.metrics import MetricTable\n"
        "from cnai_sdk.model.metric import Metric\n"
        "chart = MetricTable([Metric(values={'loss': 0.5}), Metric(values={'loss': 0.2})]).plot()\n"
        "shown, _ = shell.display_formatter.format(chart)\n"
        "print(shown['image/png'][:4])"
    )

    assert said == repr(b"\x89PNG")


def test_it_is_arranged_once_however_often_it_is_asked_for():
    said = run(
        PREPARE + IN_A_KERNEL + "import cnai_sdk\n"
        "from cnai_sdk.notebook import arrange\n"
        "before = len(shell.events.callbacks['post_run_cell'])\n"
        "arrange()\n"
        "print(before, len(shell.events.callbacks['post_run_cell']))"
    )

    before, after = said.split()
    assert before == after


def test_a_terminal_keeps_its_text():
    said = run(
        PREPARE + "import cnai_sdk\n"
        "print(len(shell.display_formatter.ipython_display_formatter.deferred_printers))"
    )

    assert said == "0"


@pytest.mark.parametrize("name", ["IPython", "ipywidgets"])
def test_plain_python_loads_nothing_of_a_notebook(name: str):
    assert run(f"import sys, cnai_sdk; print({name!r} in sys.modules)") == "False"
