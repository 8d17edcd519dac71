"""The code on its way to the workers: the same bytes each time, whole, and found again."""

from __future__ import annotations

import ast
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnai_sdk import worker
from cnai_sdk.backends.kubernetes import payload, pods
from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import Payload, Span, TrainSpec

from .manifests import TRAINJOBS, container_of, environment_of, plan_of, spec_of
from .manifests import manifest_of as manifest_without_code

FILES = {"script.py": "print('数字')".encode(), "code/own.py": b"X = 1", "values/1.pkl": b"\x80\0"}
WORKER = sorted(Path(worker.__file__).parent.glob("*.py"))
SETTINGS = {"id": "a", "packages": []}


def test_the_same_spec_gives_the_same_bytes() -> None:
    spec = spec_of(payload=Payload(entry="train", files=FILES))
    turned = spec_of(payload=Payload(entry="train", files=dict(reversed(FILES.items()))))
    assert payload.pack(spec, SETTINGS) == payload.pack(turned, SETTINGS)


def test_the_files_come_out_as_they_went_in_without_what_was_added() -> None:
    spec = spec_of(
        payload=Payload(
            entry="train", files=FILES, spans=(Span(first=1, last=1, source="cell [3]"),)
        )
    )
    assert payload.unpack(payload.pack(spec, SETTINGS).data) == FILES


def test_a_usual_function_travels_in_the_job_itself() -> None:
    packed = payload.pack(spec_of(), SETTINGS)
    assert packed.inline
    assert len(packed.data) < payload.INLINE / 2


@pytest.mark.parametrize("module", WORKER, ids=lambda path: path.name)
def test_the_workers_modules_travel_without_their_words_and_keep_their_lines(module: Path) -> None:
    """What is said in a traceback of them is the line of the module."""
    source = module.read_text("utf-8")
    travels = payload.bare(source).decode()
    assert len(travels) < len(source)
    assert list(statements(travels)) == list(statements(source))
    compile(travels, module.name, "exec")


def test_a_line_of_a_text_that_looks_like_a_comment_travels() -> None:
    source = 'x = """one\n# two\n"""\n# three\n'
    assert payload.bare(source) == b'x = """one\n# two\n"""\n\n'


def statements(source: str) -> Iterator[tuple[int, str]]:
    """The lines and the code of what is run, without texts that stand alone."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            yield node.lineno, ast.unparse(node)


def test_values_that_do_not_compress_go_beside_the_job() -> None:
    assert not payload.pack(_with_noise(payload.INLINE), SETTINGS).inline


def test_what_no_object_of_a_cluster_holds_is_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidRequest, match="compressed") as refusal:
        payload.pack(_with_noise(payload.LARGEST), SETTINGS)
    assert "values/1.pkl" in refusal.value.why
    assert "pvc://" in refusal.value.next_step


@pytest.mark.parametrize("operator", ["pytorchjob", "trainjob"])
def test_the_code_is_found_again_in_the_job(operator: str) -> None:
    spec = spec_of(payload=Payload(entry="train", files=FILES))
    served = {"served": TRAINJOBS["2.2"]} if operator == "trainjob" else {}
    plan = plan_of(spec, **served)
    job = manifest_without_code(spec, **served)
    environment = container_of(job)["env"]
    next(v for v in environment if v["name"] == payload.ENV)["value"] = plan.packed.text
    found = payload.carried(job)
    assert found == plan.packed.data


def test_the_code_is_found_again_in_the_config_map() -> None:
    spec = _with_noise(payload.INLINE)
    plan, job = plan_of(spec), manifest_without_code(spec)
    assert payload.carried(job, pods.config_map(plan)) == plan.packed.data
    assert payload.carried(job) is None


def test_the_loader_unpacks_and_goes_on_in_the_worker_package(tmp_path: Path) -> None:
    done = _load(tmp_path, payload.pack(spec_of(), SETTINGS))
    assert done.returncode == 7, done.stderr
    assert (tmp_path / "job" / "script.py").exists()
    assert (tmp_path / "job" / "worker" / "cnai_sdk" / "bootstrap.py").exists()


def test_the_loader_refuses_code_that_was_changed_on_its_way(tmp_path: Path) -> None:
    packed = payload.pack(spec_of(), SETTINGS)
    done = _load(tmp_path, packed, digest=hashlib.sha256(b"other").hexdigest())
    assert done.returncode == 1
    assert "was changed on its way" in done.stderr
    assert not (tmp_path / "job").exists()


def test_the_loader_reads_code_that_lies_beside_the_job(tmp_path: Path) -> None:
    packed = payload.pack(_with_noise(payload.INLINE), SETTINGS)
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / payload.KEY).write_bytes(packed.data)
    assert _load(tmp_path, packed, inline=False).returncode == 7


def test_an_image_whose_python_is_too_old_says_so(tmp_path: Path) -> None:
    old = "import sys; sys.version_info = (3, 8, 1)\n"
    done = _load(tmp_path, payload.pack(spec_of(), SETTINGS), before=old)
    assert done.returncode == 1
    assert "this image has Python 3.8" in done.stderr


def test_the_loader_is_no_larger_than_what_one_reads_at_a_glance() -> None:
    assert len(payload.LOADER.splitlines()) < 25
    compile(payload.LOADER, "loader", "exec")


def test_the_code_is_not_told_to_the_rank_a_second_time() -> None:
    told = environment_of(manifest_without_code(spec_of()))
    assert payload.ENV in told
    assert f'os.environ.pop("{payload.ENV}"' in payload.LOADER


def _with_noise(size: int) -> TrainSpec:
    noise = random.Random(1).randbytes(size)
    return spec_of(payload=Payload(entry="f", files={"script.py": b"", "values/1.pkl": noise}))


def _load(
    home: Path, packed: payload.Packed, *, digest: str = "", inline: bool = True, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the loader, with folders of the test's own, up to the worker package's first word."""
    source = payload.LOADER.replace(f'"{payload.HOME}', f'"{home}')
    source = source.replace(payload.MOUNTED, str(home / "beside"))
    source = source.replace(f'main("{home}")', "sys.exit(7 if callable(main) else 8)")
    told = {payload.DIGEST: digest or packed.digest, "PATH": os.environ["PATH"]}
    if inline:
        told[payload.ENV] = packed.text
    return subprocess.run(
        [sys.executable, "-I", "-c", before + source], env=told, capture_output=True, text=True
    )
