"""What is refused before anything is made, and what is said in notices."""

import sys

import pytest

from cnai_sdk.capture import capture, check_secret
from cnai_sdk.errors import CaptureError, InvalidRequest, SecretRefused


def test_a_missing_argument_is_named(notebook):
    notebook.cell("def f(lr, epochs=1):\n    return lr")
    with pytest.raises(InvalidRequest) as refused:
        notebook.capture("f")
    assert "missing the argument lr" in refused.value.what
    assert "args={'lr': ...}" in refused.value.next_step


def test_an_unknown_argument_comes_with_the_nearest_name(notebook):
    notebook.cell("def f(epochs=1):\n    return epochs")
    with pytest.raises(InvalidRequest) as refused:
        notebook.capture("f", epoch=2)
    assert "no argument 'epoch'" in refused.value.what
    assert "epochs" in refused.value.next_step


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("async def f():\n    return 1", "async function"),
        ("def f():\n    yield 1", "generator function"),
        ("class f:\n    pass", "is a class"),
        ("f = 3", "not a function"),
    ],
)
def test_what_cannot_be_a_job_is_refused(text, words, notebook):
    notebook.cell(text)
    with pytest.raises(InvalidRequest, match=words):
        notebook.capture("f")


@pytest.mark.parametrize(
    ("line", "magic"),
    [
        ("%time print(1)", "%time"),
        ("!ls", "!"),
        ("x = !ls", "!"),
        ("get_ipython()", "get_ipython()"),
        ("print?", "?"),
    ],
)
def test_notebook_syntax_inside_the_function_is_refused_with_its_line(line, magic, notebook):
    notebook.cell(f"\ndef f():\n    y = 1\n    {line}\n    return 1")
    with pytest.raises(CaptureError) as refused:
        notebook.capture("f")
    assert f"f uses {magic} (cell [1], line 4)" in refused.value.what
    assert refused.value.cell == "cell [1]"


def test_a_name_that_is_not_defined_is_refused(notebook):
    notebook.cell("def f():\n    return missing_name + 1")
    with pytest.raises(CaptureError, match=r"missing_name is used, and not defined \(cell \[1\]\)"):
        notebook.capture("f")


def test_asking_for_input_is_refused(notebook):
    notebook.cell("def f():\n    return input('lr? ')")
    with pytest.raises(CaptureError, match="nobody to ask"):
        notebook.capture("f")


def test_a_function_without_source_is_refused(notebook):
    notebook.cell("exec('def f():\\n    return 1')")
    with pytest.raises(CaptureError, match="source of f cannot be found"):
        notebook.capture("f")


HIDDEN = "hf_" + "a1B2" * 8


@pytest.mark.parametrize(
    "cells",
    [
        [f"X = '{HIDDEN}'", "def f():\n    return X"],
        ["API_KEY = 'abc123'", "def f():\n    return API_KEY"],
        ["CFG = {'db': {'password': 'pw-1'}}", "def f():\n    return CFG"],
        [f"def f():\n    return '{HIDDEN}'"],
        ["def f():\n    return dict(api_key='abc123')"],
        ["class C: pass\nc = C()\nc.secret_key = 'abc123'", "def f():\n    return c"],
        [
            "def make(token):\n    def f():\n        return token\n    return f",
            f"f = make('{HIDDEN}')",
        ],
        [f"def f(x='{HIDDEN}'):\n    return x"],
    ],
)
def test_captured_secrets_are_refused_and_not_shown(cells, notebook):
    for text in cells:
        notebook.cell(text)
    with pytest.raises(SecretRefused) as refused:
        notebook.capture("f")
    said = str(refused.value)
    assert "secrets=[" in said and "cell [" in said
    assert HIDDEN not in said and "abc123" not in said and "pw-1" not in said


def test_secrets_in_arguments_are_refused(notebook):
    notebook.cell("def f(token='', cfg=None):\n    return 1")
    with pytest.raises(SecretRefused, match="token in args"):
        notebook.capture("f", token=HIDDEN)
    with pytest.raises(SecretRefused):
        notebook.capture("f", cfg={"HF_TOKEN": "x1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 100),
        ("token_ids", [1, 2]),
        ("pad_token", "<pad>"),
        ("eos_token", "</s>"),
        ("monkey", "banana"),
        ("tokenizer", "bert-base"),
        ("keys", ["a", "b"]),
        ("key", "label"),
        ("keyboard", "qwerty"),
        ("sort_key", "name"),
        ("num_tokens", "12"),
        ("key_column", "user_id"),
        ("KEY_PATH", "/run/key"),
        ("cls_token", "[CLS]"),
        ("public", "sk-learn"),
    ],
)
def test_ordinary_names_are_no_secrets(name, value):
    check_secret(name, value, where="args")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_TOKEN", "abc"),
        ("openai_api_key", "abc"),
        ("dbPassword", "x"),
        ("CLIENT_SECRET", "x"),
        ("x", "ghp_" + "a" * 36),
        ("x", "github_pat_" + "a" * 30),
        ("x", "sk-" + "a" * 32),
        ("x", "AKIA" + "A" * 16),
        ("x", "xoxb-" + "1" * 12),
        ("aws", {"SECRET_ACCESS_KEY": "z"}),
        ("x", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
        ("x", [("a", b"hf_" + b"a" * 30)]),
    ],
)
def test_secrets_are_known_by_name_and_by_shape(name, value):
    with pytest.raises(SecretRefused):
        check_secret(name, value, where="env")


def test_effects_left_behind_are_said_with_their_cell(notebook):
    notebook.cell("import random, os, sys, torch")
    notebook.cell("random.seed(0)\ntorch.manual_seed(1)\ntorch.set_default_dtype(torch.float32)")
    notebook.cell("x = 1\nos.environ['CNAI_TEST_FLAG'] = '1'\nsys.path.append('lib')")
    notebook.cell("def f():\n    random.seed(3)\n    return 1")
    notices = "\n".join(notebook.capture("f").notices)
    for wanted in (
        "cell [2], line 1: random.seed",
        "cell [2], line 2: torch.manual_seed",
        "cell [2], line 3: torch.set_default_dtype",
        "cell [3], line 2: os.environ['CNAI_TEST_FLAG'] changes the environment",
        "cell [3], line 3: sys.path.append",
    ):
        assert wanted in notices
    assert "cell [4]" not in notices


@pytest.mark.parametrize(
    "written",
    [
        "os.environ['TK'] = 'x'",
        'os.environ.setdefault("TK", "x")',
        "%env TK=x",
        "%set_env TK x",
    ],
)
def test_a_variable_that_the_call_names_is_not_said_to_stay_behind(notebook, written):
    notebook.cell("import os")
    notebook.cell(written)
    notebook.cell("def f():\n    return os.environ['TK']")
    (said,) = notebook.capture("f", variables=["OTHER"]).notices
    assert "does not travel" in said
    assert notebook.capture("f", variables=["OTHER", "TK"]).notices == ()


def test_a_file_beside_the_notebook_draws_a_notice_until_it_is_in_data(notebook):
    (notebook.folder / "x.csv").write_text("1\n")
    (notebook.folder / "w").write_text("")
    (notebook.folder / "out.txt").write_text("")
    (notebook.folder / "images").mkdir()
    (notebook.folder / "images" / "a.png").write_bytes(b"")
    notebook.cell(
        "CSV = 'x.csv'\ndef f():\n    open('images/a.png')\n    open('absent.csv')\n"
        "    open('out.txt', 'w')\n"
        "    return open(CSV).read()"
    )
    notices = "\n".join(notebook.capture("f").notices)
    assert 'add data=["x.csv"]' in notices
    assert "cell [1], line 3: 'images/a.png'" in notices
    assert not [name for name in ("absent.csv", "out.txt", "'w'") if name in notices]
    assert notebook.capture("f", data=["x.csv", "images/"]).notices == ()


def test_local_modules_travel_with_what_they_import(notebook, job):
    root = notebook.folder
    (root / "helpers.py").write_text(
        "from pkg.deep import K\nimport other\ndef h(): return K + other.Z\n"
    )
    (root / "other.py").write_text("Z = 5\n")
    (root / "pkg").mkdir()
    (root / "pkg" / "__init__.py").write_text("")
    (root / "pkg" / "deep.py").write_text("from . import side\nK = side.S\n")
    (root / "pkg" / "side.py").write_text("S = 2\n")
    (root / "space").mkdir()
    (root / "space" / "mod.py").write_text("class M:\n    v = 1\n")
    (root / "unused.py").write_text("raise SystemExit\n")
    notebook.cell("import helpers\nfrom space.mod import M\nfrom pkg import deep as d\nm = M()")
    notebook.cell("def f():\n    return helpers.h() + m.v + d.K")
    captured = notebook.capture("f")
    assert job(captured) == 10
    carried = {path for path in captured.payload.files if path.startswith("code/")}
    assert carried == {
        "code/helpers.py",
        "code/other.py",
        "code/pkg/__init__.py",
        "code/pkg/deep.py",
        "code/pkg/side.py",
        "code/space/mod.py",
    }


def test_a_secret_in_a_local_module_is_refused(notebook):
    (notebook.folder / "conf.py").write_text(f"A = 1\nX = '{HIDDEN}'\n")
    notebook.cell("import conf\ndef f():\n    return conf.A")
    with pytest.raises(SecretRefused, match=r"conf\.py, line 2"):
        notebook.capture("f")


def test_an_installed_function_is_imported(job, tmp_path):
    import json

    captured = capture(json.dumps, {"obj": [1]}, cwd=tmp_path)
    assert job(captured) == "[1]"
    assert "from json import dumps" in captured.payload.script


def test_the_sdk_is_an_import_and_nothing_of_it_travels(notebook, job):
    notebook.cell(
        "import cnai_sdk as cnai\ndef f():\n    cnai.report(step=1, loss=0.5)\n"
        "    return cnai.rank()"
    )
    captured = notebook.capture("f")
    assert job(captured) == 0
    assert set(captured.payload.files) == {"script.py"}


def test_a_script_run_as_main_is_captured_from_its_file(tmp_path, job):
    import subprocess

    script = tmp_path / "train.py"
    script.write_text(
        "import base64, msgspec\nfrom cnai_sdk.capture import capture\nK = 2\n"
        "class A:\n    k = K\n"
        "def f(x=1):\n    return A().k + x\n"
        "if __name__ == '__main__':\n    c = capture(f, {'x': 5})\n"
        "    print(c.payload.script)\n    print('FROM', c.origin_cell)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "# train.py" in done.stdout and "_cnai_result = f(x=5)" in done.stdout
    assert "FROM train.py" in done.stdout
