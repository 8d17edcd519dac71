"""The public surface: one sorted list, light to import, and named in the docs."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import cnai_sdk as cnai
from cnai_sdk.config import Config
from cnai_sdk.gpu.resolver import MECHANISMS
from cnai_sdk.handle import Handle
from cnai_sdk.training import TrainJob

ROOT = Path(__file__).parents[2]
HEAVY = {
    "IPython", "asyncio", "click", "ipywidgets", "kfp", "kserve", "lightkube", "matplotlib",
    "msgspec", "numpy", "optuna", "pandas", "psutil", "pynvml", "sklearn", "sqlite3", "torch",
}  # fmt: skip


def test_the_names_are_one_sorted_list_and_all_are_there() -> None:
    assert sorted(cnai.__all__) == cnai.__all__
    for name in cnai.__all__:
        assert getattr(cnai, name) is not None
    assert set(cnai.__all__) <= set(dir(cnai))
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", cnai.__version__)


def test_a_verb_stays_a_verb_whatever_was_imported_before() -> None:
    code = (
        "import cnai_sdk, cnai_sdk.client, cnai_sdk.training, cnai_sdk.joblist, cnai_sdk.quotas\n"
        "print(all(callable(getattr(cnai_sdk, n)) for n in ('train', 'jobs', 'job', 'quota')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = cnai.trian


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import cnai_sdk, json, sys; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(said.stdout)}
    before = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    already = {name.partition(".")[0] for name in json.loads(before.stdout)}
    assert (loaded - already) & HEAVY == set()


def test_the_client_loads_none_of_the_users_libraries() -> None:
    code = "import cnai_sdk.client, json, sys; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(said.stdout)}
    assert (
        loaded & {"torch", "numpy", "pandas", "sklearn", "matplotlib", "pynvml", "IPython"} == set()
    )


@pytest.mark.parametrize("owner", [cnai.Client, Handle, TrainJob, cnai.worker])
def test_what_is_public_says_what_it_gives(owner: object) -> None:
    names = [name for name in dir(owner) if not name.startswith("_")]
    public = [getattr(owner, name) for name in names if callable(getattr(owner, name))]
    assert [f for f in public if not inspect.getdoc(f)] == []


def test_every_setting_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    for field in msgspec.structs.fields(Config):
        if field.name != "backend_why":
            assert f"`{field.name}`" in text
            assert f"`CNAI_{field.name.upper()}`" in text


def test_every_gpu_mechanism_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "gpu-local.md").read_text().lower()
    assert MECHANISMS
    for mechanism in MECHANISMS:
        assert mechanism.name.lower() in text


def test_every_argument_of_train_is_in_its_docstring_and_the_readme() -> None:
    said, readme = inspect.getdoc(cnai.Client.train) or "", (ROOT / "README.md").read_text()
    for name in inspect.signature(cnai.Client.train).parameters:
        if name not in ("self", "unknown"):
            assert f"{name}:" in said
        if name not in ("self", "unknown", "fn", "gpu_model"):
            assert f"{name}=" in readme
