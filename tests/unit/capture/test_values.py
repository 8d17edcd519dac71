"""Data travels with the value that it has now; nothing on a right-hand side runs again."""

import pytest

from cnai_sdk.errors import CaptureError


def test_a_changed_value_travels_as_it_is_now(notebook, job):
    notebook.cell(
        "import itertools\ncounter = itertools.count(1)\nn = next(counter)\nCFG = {'lr': 1}"
    )
    notebook.cell("n += 1\nCFG['lr'] = 5")
    notebook.cell("def f():\n    return [n, CFG]")
    captured = notebook.capture("f")
    assert job(captured) == [2, {"lr": 5}]
    assert "counter" not in captured.payload.script


def test_arrays_and_objects_of_cell_classes_travel(notebook, job):
    notebook.cell("import numpy as np\nclass Box:\n    def __init__(self, v):\n        self.v = v")
    notebook.cell("W = np.arange(4)\nbox = Box(W)")
    notebook.cell("def f():\n    return [int(W.sum()), box.v is W, type(box) is Box]")
    captured = notebook.capture("f")
    assert job(captured) == [6, True, True]
    assert set(captured.payload.files) == {"script.py", "values/1.pkl"}


def test_two_names_of_one_list_stay_one_list(notebook, job):
    notebook.cell("a = [1]\nb = a\nc = {'inner': a}")
    notebook.cell("def f():\n    b.append(2)\n    return [a, c['inner'], a is b]")
    assert job(notebook.capture("f")) == [[1, 2], [1, 2], True]


def test_an_object_and_a_name_share_their_list(notebook, job):
    notebook.cell("class B: pass\na = [1]\nbox = B()\nbox.items = a")
    notebook.cell("def f():\n    a.append(2)\n    return box.items")
    assert job(notebook.capture("f")) == [1, 2]


def test_a_default_that_is_an_object_travels(notebook, job):
    notebook.cell(
        "import time, numpy as np\ndef f(x=np.ones(3), t=time.time()):\n"
        "    return [float(x.sum()), t]"
    )
    t = notebook["f"].__defaults__[1]
    captured = notebook.capture("f")
    assert job(captured) == [3.0, t]
    assert "time.time()" not in captured.payload.script


def test_a_class_body_may_read_an_array(notebook, job):
    notebook.cell("import numpy as np\nW = np.ones(2)\nclass A:\n    w = W\na = A()")
    notebook.cell("def f():\n    return [float(A.w.sum()), isinstance(a, A)]")
    assert job(notebook.capture("f")) == [2.0, True]


def test_loggers_patterns_paths_and_dtypes_are_written_down(notebook, job):
    notebook.cell(
        "import logging, re, torch\nfrom pathlib import Path\nlog = logging.getLogger('m')\n"
        "word = re.compile('a+', re.I)\nroot = Path('x') / 'y'\nkind = torch.float16\n"
        "dev = torch.device('cpu')"
    )
    notebook.cell(
        "def f():\n    return [log.name, bool(word.match('AA')), str(root), str(kind), str(dev)]"
    )
    captured = notebook.capture("f")
    assert job(captured) == ["m", True, "x/y", "torch.float16", "cpu"]
    assert captured.payload.python is None


def test_a_module_of_a_cell_class_travels_with_its_weights(notebook, job):
    notebook.cell(
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.a = nn.Linear(2, 1)\n"
        "    def forward(self, x):\n        return self.a(x)\nnet = Net()"
    )
    notebook.cell("@torch.no_grad()\ndef f():\n    return net(torch.ones(1, 2)).item()")
    wanted = notebook.shell.ev("f()")
    assert job(notebook.capture("f")) == pytest.approx(wanted)


def test_arguments_may_be_objects(notebook, job):
    notebook.cell(
        "import numpy as np\ndef f(x, n=1, *, act=None):\n    return [float(x.sum()), n, act(2)]"
    )
    captured = notebook.capture("f", x=notebook.shell.ev("np.ones(2)"), n=float("inf"), act=abs)
    assert job(captured) == [2.0, float("inf"), 2]


LIVE = {
    "threading.Lock()": "a lock",
    "threading.RLock()": "a lock",
    "threading.Event()": "a threading object",
    "threading.Thread(target=print)": "a thread",
    "queue.Queue()": "a queue",
    "open(__import__('os').devnull)": "an open file",
    "(i for i in range(3))": "a generator",
    "iter([1])": "an iterator",
    "map(str, [1])": "an iterator",
    "socket.socket()": "a socket",
    "sqlite3.connect(':memory:')": "a database connection",
    "sqlite3.connect(':memory:').cursor()": "a database connection",
    "concurrent.futures.ThreadPoolExecutor(1)": "an executor",
    "multiprocessing.Queue()": "a multiprocessing object",
    "subprocess.Popen(['true'])": "a running process",
    "tqdm.tqdm([1], disable=True)": "a progress bar",
    "ipywidgets.IntSlider()": "a widget",
    "requests.Session()": "an HTTP session",
    "httpx.Client()": "an HTTP session",
    "os.environ": "the environment",
}


@pytest.mark.parametrize("made", LIVE)
def test_live_objects_are_refused_by_name(made, notebook):
    module = made.split(".")[0]
    if module.isidentifier():
        pytest.importorskip(module)
        notebook.cell(f"import {'.'.join(made.split('(')[0].split('.')[:-1]) or module}")
    notebook.cell(f"thing = {made}")
    notebook.cell("def f():\n    return thing")
    with pytest.raises(CaptureError) as refused:
        notebook.capture("f")
    number = len(notebook.shell.history_manager.input_hist_raw) - 2
    assert f"thing (cell [{number}])" in refused.value.what
    assert LIVE[made] in refused.value.why
    assert refused.value.next_step
    assert refused.value.name == "thing"


def test_the_place_inside_a_container_is_named(notebook):
    notebook.cell(
        "import threading\nclass C: pass\nc = C()\nc.guard = threading.Lock()\nCFG = {'a': [1, c]}"
    )
    notebook.cell("def f():\n    return CFG")
    with pytest.raises(CaptureError) as refused:
        notebook.capture("f")
    assert "CFG['a'][1].guard (cell [1])" in refused.value.what
    assert "a lock" in refused.value.why


def test_a_large_array_is_refused_with_its_size(notebook):
    notebook.cell("import numpy as np\nBIG = np.zeros(5 * 2**20)")
    notebook.cell("def f():\n    return BIG.sum()")
    with pytest.raises(CaptureError) as refused:
        notebook.capture("f")
    assert "BIG (cell [1])" in refused.value.what
    assert "40.0 MB" in refused.value.what and "10.0 MB" in refused.value.what
    notebook.capture("f", limit=50 * 2**20)


@pytest.mark.parametrize(
    "made", ["BIG = bytes(20 * 2**20)", "BIG = open(__import__('os').devnull)"]
)
def test_a_file_is_proposed_for_this_machine_and_for_a_cluster(notebook, made):
    """Where the job will run is not known here, and a cluster reads no path of this machine."""
    notebook.cell(made)
    notebook.cell("def f():\n    return BIG")
    with pytest.raises(CaptureError) as refused:
        notebook.capture("f")
    step = refused.value.next_step
    assert "inside the function" in step
    assert "this machine" in step and "path" in step
    assert "cluster" in step and "pvc://CLAIM/folder" in step


def test_pickling_stops_at_the_limit(notebook):
    notebook.cell(
        "class Endless:\n    reads = 0\n    def __reduce__(self):\n"
        "        Endless.reads += 1\n        return (list, ([Endless(), 'x' * 1000],))\n"
        "e = [str(i) * 50 for i in range(100000)]"
    )
    notebook.cell("def f():\n    return len(e)")
    with pytest.raises(CaptureError, match="e \\(cell \\[1\\]\\) is too large"):
        notebook.capture("f", limit=100_000)


def test_a_lambda_inside_an_object_is_carried_as_source(notebook, job):
    notebook.cell("class C: pass\nc = C()\nc.act = lambda x: x + 1")
    notebook.cell("def f():\n    return c.act(2)")
    assert job(notebook.capture("f")) == 3


def test_a_cuda_tensor_is_refused_with_cpu_as_the_fix(notebook):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU on this machine")
    notebook.cell("import torch\nw = torch.ones(2, device='cuda')\ndef f():\n    return w.sum()")
    with pytest.raises(CaptureError, match=r"\.cpu\(\)"):
        notebook.capture("f")
