"""What `make demo`, `make lab` and `make setup` install, and what they say meanwhile.

uv, node and the package manager of the page are taken by programs that write down what they were
asked for: the real ones would fetch gigabytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = ("scripts/setup.py", "pyproject.toml", "package.json", "yarn.lock", ".yarnrc.yml")

UV = """#!/bin/sh
echo "uv $*" >> "$ASKED"
if [ "$1" = venv ]; then
    for last; do :; done
    mkdir -p "$last/bin"
    ln -s "$TOOLS/python" "$last/bin/python"
    ln -s "$TOOLS/jlpm" "$last/bin/jlpm"
fi
"""
JLPM = """#!/bin/sh
echo "jlpm $*" >> "$ASKED"
case "$1" in
    install) mkdir -p node_modules ;;
    build:prod) echo '{}' > labextension/dist/package.json ;;
esac
"""
TOOLS = {
    "uv": UV,
    "jlpm": JLPM,
    "node": "#!/bin/sh\necho v22.0.0\n",
    "python": "#!/bin/sh\nexit 1\n",  # asked for torch: there is none yet
    "chromium": "#!/bin/sh\n",
    "bwrap": "#!/bin/sh\n",
    "ip": "#!/bin/sh\n",
}


class Checkout:
    """A copy of what the set-up reads, with programs that only write down what they are asked."""

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        tools = root / "tools"
        tools.mkdir()
        for name, text in TOOLS.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        for name in READ:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self._asked = root / "asked"
        self._environment = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "ASKED": str(self._asked),
            "TOOLS": str(tools),
        }

    def set_up(self, purpose: str) -> tuple[str, str]:
        """What was printed, and what was installed and built."""
        self._asked.write_text("")
        done = subprocess.run(
            [sys.executable, "scripts/setup.py", purpose],
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, self._asked.read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_user_of_lab_gets_the_panel_and_nothing_of_the_developers(checkout: Checkout) -> None:
    _, asked = checkout.set_up("lab")
    assert "--editable .[train,lab,kubernetes,examples]\n" in asked
    assert "jlpm build:prod" in asked
    assert "--group" not in asked
    assert "playwright" not in asked


def test_the_demo_needs_neither_lab_nor_node(checkout: Checkout) -> None:
    _, asked = checkout.set_up("demo")
    assert "--editable .[train,examples]\n" in asked
    assert "jlpm" not in asked


def test_who_develops_gets_the_tests_too(checkout: Checkout) -> None:
    checkout.set_up("lab")
    _, asked = checkout.set_up("develop")
    assert "--group dev --group build" in asked


@pytest.mark.parametrize("smaller", ["demo", "lab", "develop"])
def test_what_is_there_is_not_installed_again(checkout: Checkout, smaller: str) -> None:
    checkout.set_up("develop")
    printed, asked = checkout.set_up(smaller)
    assert printed == ""
    assert asked.split() in ([], ["uv", "--version"])


def test_each_step_says_what_it_does_before_it_does_it(checkout: Checkout) -> None:
    printed, _ = checkout.set_up("lab")
    lines = printed.splitlines()
    ran = [number for number, line in enumerate(lines) if line.startswith("  $ ")]
    assert len(ran) > 3
    assert [
        lines[number - 1] for number in ran if not lines[number - 1].startswith("setup: ")
    ] == []
    assert any(line.startswith("setup: installing torch for ") for line in lines)


@pytest.mark.parametrize(
    ("target", "purpose"), [("demo", "demo"), ("lab", "lab"), ("setup", "develop")]
)
def test_make_sets_up_what_its_target_needs(target: str, purpose: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in planned.splitlines() if "scripts/setup.py" in line] == [
        purpose
    ]
