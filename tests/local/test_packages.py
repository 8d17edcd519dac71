"""packages=: an environment over the caller's own, made once, seen while it is made."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnai_sdk.model.phase import Phase

from .conftest import PATIENCE, Machine

pytestmark = pytest.mark.timeout(900)  # where it is busy, each environment takes half a minute


def wheel(folder: Path, name: str, version: str, code: str) -> None:
    """A package with one module, as pip installs it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip is told to take packages from, by its own configuration."""
    folder = tmp_path / "wheels"
    wheel(folder, "greeter", "1.0", "def greet(): return 'hello'\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def silent_index() -> Iterator[str]:
    """An index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


async def test_a_package_is_installed_for_the_job_and_the_callers_stay(
    plain: Machine, wheels: Path
) -> None:
    job = await plain.run(
        """
        import greeter, torch, numpy
        return [greeter.greet(), greeter.__file__, torch.__file__, numpy.__version__]
        """,
        packages=("greeter",),
    )
    import json

    import numpy
    import torch

    found = await plain.backend.result(job.id)
    assert job.phase is Phase.SUCCEEDED, await plain.lines(job.id)
    assert found is not None
    greeting, place, torch_file, numpy_version = json.loads(found)
    assert greeting == "hello"
    assert Path(place).is_relative_to(plain.home / "environments")
    assert (torch_file, numpy_version) == (torch.__file__, numpy.__version__)
    with pytest.raises(ModuleNotFoundError):
        __import__("greeter")


async def test_installing_is_a_visible_part_of_starting(
    plain: Machine, silent_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", silent_index)
    job = await plain.submit("import greeter", packages=("greeter",))
    seen = await plain.until(job.id, lambda w: "Installing" in w.message or w.phase.ended)
    assert (seen.phase, seen.message) == (Phase.STARTING, "Installing greeter")


async def test_what_was_installed_is_told_by_its_events_and_in_the_log(
    plain: Machine, wheels: Path
) -> None:
    job = await plain.run("import greeter", packages=("greeter",))
    reasons = await plain.reasons(job.id)
    assert reasons.index("Installing") < reasons.index("Installed")
    assert any("Successfully installed greeter-1.0" in x for x in await plain.lines(job.id))


async def test_the_second_job_uses_what_the_first_installed(plain: Machine, wheels: Path) -> None:
    await plain.run("import greeter", packages=("greeter",))
    (wheels / "greeter-1.0-py3-none-any.whl").unlink()
    second = await plain.run("import greeter", packages=("greeter",))
    assert second.phase is Phase.SUCCEEDED, await plain.lines(second.id)
    assert any("made earlier" in line for line in await plain.lines(second.id))
    made = [path for path in (plain.home / "environments").iterdir() if path.is_dir()]
    assert len(made) == 1


async def test_two_jobs_at_once_make_it_once(plain: Machine, wheels: Path) -> None:
    jobs = [await plain.submit("import greeter", packages=("greeter",)) for _ in range(2)]
    assert [(await plain.ended(job.id)).phase for job in jobs] == [Phase.SUCCEEDED] * 2
    logs = [" ".join(await plain.lines(job.id)) for job in jobs]
    assert sum("Successfully installed" in log for log in logs) == 1


async def test_a_package_that_stands_before_the_callers_is_said(
    plain: Machine, wheels: Path
) -> None:
    import iniconfig

    wheel(wheels, "iniconfig", "99.0", "where = 'layer'\n")
    job = await plain.run("import iniconfig; return iniconfig.where", packages=("iniconfig==99.0",))
    assert await plain.backend.result(job.id) == b'"layer"', await plain.lines(job.id)
    said = [e for e in await plain.backend.events(job.id) if e.reason == "Shadowed"]
    assert len(said) == 1
    assert "iniconfig 99.0 stands before" in said[0].message
    assert not hasattr(iniconfig, "where")


async def test_a_package_that_does_not_exist_fails_with_pips_words(
    plain: Machine, wheels: Path
) -> None:
    job = await plain.run("return 1", packages=("no-such-package-cnai",))
    assert (job.phase, job.reason) == (Phase.FAILED, "InstallFailed")
    assert "no-such-package-cnai" in job.message
    assert any("No matching distribution" in line for line in await plain.lines(job.id))
    again = await plain.run("return 1", packages=("no-such-package-cnai",))
    assert again.reason == "InstallFailed", "what failed is not taken for made"


async def test_an_index_that_nobody_serves_fails_soon_and_is_named(
    plain: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens
        port = taken.getsockname()[1]
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
        job = await plain.run("return 1", packages=("greeter",))
    assert (job.phase, job.reason) == (Phase.FAILED, "InstallFailed")
    assert "Connection refused" in job.message
    lines = await plain.lines(job.id)
    assert sum("Retrying" in line for line in lines) == 2, "pip's own five last a minute"
    assert str(port) in " ".join(lines), "pip's own configuration was used"


async def test_a_job_can_be_stopped_while_it_installs(
    plain: Machine, silent_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", silent_index)
    monkeypatch.setenv("PIP_TIMEOUT", "600")
    job = await plain.submit("return 1", packages=("greeter",))
    async with asyncio.timeout(PATIENCE):
        while not any("Looking in indexes" in line for line in await plain.lines(job.id)):
            await asyncio.sleep(0.05)
    await plain.backend.stop(job.id)
    assert (await plain.ended(job.id)).phase is Phase.STOPPED
    await plain.gone(job.id)
    made = [path for path in (plain.home / "environments").iterdir() if path.is_dir()]
    assert made == []


async def test_the_timeout_of_a_job_begins_with_its_workers(plain: Machine, wheels: Path) -> None:
    job = await plain.run("time.sleep(600)", packages=("greeter",), timeout=1.0)
    assert (job.phase, job.reason) == (Phase.FAILED, "Timeout")
    at = {event.reason: event.time for event in await plain.backend.events(job.id)}
    assert at["TimedOut"] - at["Installed"] > 0.9


async def test_a_package_comes_from_the_real_index(plain: Machine) -> None:
    asked = [sys.executable, "-m", "venv", str(plain.home / "probe")]
    subprocess.run(asked, check=True)
    pip = str(plain.home / "probe" / "bin" / "pip")
    answer = subprocess.run(
        [pip, "download", "--no-deps", "--retries=0", "--dest", str(plain.home), "humanize==4.12.3"]
    )
    if answer.returncode:
        pytest.skip("no package index can be reached from here")
    job = await plain.run(
        "import humanize; return humanize.intcomma(12345)", packages=("humanize==4.12.3",)
    )
    assert await plain.backend.result(job.id) == b'"12,345"', await plain.lines(job.id)
