"""Definitions travel as source, and give what they give in the notebook."""

import sys

import pytest

# name → (cells, the expression that is captured, its arguments, its result)
CASES = {
    "imports and helpers of other cells": (
        [
            "import math",
            "from json import dumps as say",
            "def half(x):\n    return x / 2",
            "def f(x=8):\n    return say(half(math.sqrt(x * 2)))",
        ],
        "f",
        {},
        "2.0",
    ),
    "a class of another cell with its base class": (
        [
            "class Base:\n    k = 3\n    def get(self):\n        return self.k",
            "class Net(Base):\n    def get(self):\n        return super().get() + 1",
            "def f():\n    return Net().get()",
        ],
        "f",
        {},
        4,
    ),
    "the newest definition": (
        ["def g():\n    return 1", "def f():\n    return g()", "def g():\n    return 2"],
        "f",
        {},
        2,
    ),
    "a class that is defined again": (
        ["class A:\n    x = 1", "def f():\n    return A().x", "class A:\n    x = 2"],
        "f",
        {},
        2,
    ),
    "recursion": (
        ["def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)"],
        "fact",
        {"n": 5},
        120,
    ),
    "mutual recursion": (
        [
            "def even(n):\n    return True if n == 0 else odd(n - 1)",
            "def odd(n):\n    return False if n == 0 else even(n - 1)",
        ],
        "even",
        {"n": 10},
        True,
    ),
    "a closure with its value": (
        [
            "def make(n, scale):\n    def add(x):\n        return (x + n) * scale\n    return add",
            "add = make(3, [2][0])",
        ],
        "add",
        {"x": 4},
        14,
    ),
    "a closure that calls itself": (
        [
            "def make(k):\n    def count(n):\n        return 0 if n == 0 else k + count(n - 1)\n"
            "    return count",
            "c = make(2)",
        ],
        "c",
        {"n": 3},
        6,
    ),
    "a closure over a helper": (
        [
            "def twice(x):\n    return 2 * x",
            "def make(g):\n    def inner(x):\n        return g(x) + 1\n    return inner",
            "h = make(twice)",
        ],
        "h",
        {"x": 5},
        11,
    ),
    "a lambda with a name": (["sq = lambda x: x * x"], "sq", {"x": 3}, 9),
    "the second lambda of a line": (["a, b = lambda x: x + 1, lambda x: x + 2"], "b", {"x": 1}, 3),
    "a lambda with a closure": (
        ["def make(n):\n    return lambda x: x - n", "m = make(1)"],
        "m",
        {"x": 5},
        4,
    ),
    "a lambda without a name": (["K = 4", "fs = [lambda: K, lambda: K + 1]"], "fs[1]", {}, 5),
    "a decorator that wraps": (
        [
            "import functools",
            "def plus(n):\n    def deco(f):\n        @functools.wraps(f)\n"
            "        def inner(*a, **k):\n"
            "            return f(*a, **k) + n\n        return inner\n    return deco",
            "@plus(10)\n@plus(100)\ndef f(x):\n    return x",
        ],
        "f",
        {"x": 1},
        111,
    ),
    "a decorator that does not wrap": (
        [
            "def deco(f):\n    def inner(**k):\n        return f(**k) * 2\n    return inner",
            "@deco\ndef f(x):\n    return x",
        ],
        "f",
        {"x": 4},
        8,
    ),
    "lru_cache": (
        [
            "from functools import lru_cache",
            "@lru_cache(maxsize=None)\ndef fib(n):\n"
            "    return n if n < 2 else fib(n - 1) + fib(n - 2)",
        ],
        "fib",
        {"n": 30},
        832040,
    ),
    "a partial": (
        [
            "from functools import partial",
            "def f(a, b, c):\n    return [a, b, c]",
            "p = partial(partial(f, 1), b=2)",
        ],
        "p",
        {"c": 3},
        [1, 2, 3],
    ),
    "a partial inside the function": (
        [
            "from functools import partial",
            "def g(a, b):\n    return a - b",
            "p = partial(g, b=1)",
            "def f():\n    return p(5)",
        ],
        "f",
        {},
        4,
    ),
    "a bound method": (
        [
            "class T:\n    def __init__(self):\n        self.k = 2\n    def fit(self, n):\n"
            "        return self.k * n",
            "t = T()",
        ],
        "t.fit",
        {"n": 4},
        8,
    ),
    "a bound method of an object without a name": (
        ["class T:\n    def fit(self, n):\n        return n"],
        "T().fit",
        {"n": 4},
        4,
    ),
    "a class method and a static method": (
        [
            "class T:\n    k = 3\n    @classmethod\n    def a(cls):\n"
            "        return cls.k + cls.b(1)\n"
            "    @staticmethod\n    def b(x):\n        return x"
        ],
        "T.a",
        {},
        4,
    ),
    "a callable object": (
        ["class C:\n    def __call__(self, x):\n        return x + 1", "c = C()"],
        "c",
        {"x": 1},
        2,
    ),
    "a dataclass with a field from another cell": (
        [
            "from dataclasses import dataclass, field",
            "SIZE = 3",
            "@dataclass\nclass Cfg:\n    n: int = SIZE\n    xs: list = field(default_factory=list)",
            "cfg = Cfg(n=5, xs=[1])",
            "def f():\n    return [cfg.n, cfg.xs, Cfg().n]",
        ],
        "f",
        {},
        [5, [1], 3],
    ),
    "an enum": (
        [
            "import enum",
            "class Color(enum.Enum):\n    RED = 1\n    BLUE = 2",
            "best = Color.BLUE",
            "def f():\n    return [best.name, best is Color.BLUE]",
        ],
        "f",
        {},
        ["BLUE", True],
    ),
    "named tuples of both kinds": (
        [
            "from typing import NamedTuple\nfrom collections import namedtuple",
            "class P(NamedTuple):\n    x: int\n    y: int = 2",
            "Q = namedtuple('Q', 'a b')",
            "p, q = P(1), Q(3, 4)",
            "def f():\n    return [*p, *q, *P(5), *Q(6, 7)]",
        ],
        "f",
        {},
        [1, 2, 3, 4, 5, 2, 6, 7],
    ),
    "nested classes": (
        [
            "class Outer:\n    class Inner:\n        v = 7",
            "o = Outer.Inner()",
            "def f():\n    return o.v",
        ],
        "f",
        {},
        7,
    ),
    "a generic class with a type variable": (
        [
            "from typing import Generic, TypeVar",
            "T = TypeVar('T')",
            "class Box(Generic[T]):\n    def __init__(self, v: T):\n        self.v = v",
            "def f():\n    return Box[int](3).v",
        ],
        "f",
        {},
        3,
    ),
    "a metaclass of another cell": (
        [
            "class M(type):\n    def __call__(cls):\n        return super().__call__()",
            "class A(metaclass=M):\n    z = 1",
            "def f():\n    return A().z",
        ],
        "f",
        {},
        1,
    ),
    "defaults and annotations of other cells": (
        [
            "class Opt:\n    lr = 2",
            "D = 5",
            "def f(x: Opt = None, n: 'Opt' = D) -> Opt:\n    return n",
        ],
        "f",
        {},
        5,
    ),
    "a default that is as it was": (["D = 1", "def f(x=D):\n    return x", "D = 2"], "f", {}, 1),
    "a helper whose annotation is a class that uses the helper": (
        [
            "class A:\n    def go(self):\n        return helper(self)\n",
            "def helper(a: A):\n    return 3",
            "def f():\n    return A().go()",
        ],
        "f",
        {},
        3,
    ),
    "comprehensions, walrus, match and star arguments": (
        [
            "def f(xs=(1, 2, 3)):\n    out = [y for x in xs if (y := x * 2) > 2]\n"
            "    match out:\n        case [a, *rest]:\n            return [a, rest]"
        ],
        "f",
        {},
        [4, [6]],
    ),
    "a timed cell": (["%%time\nK = 3\ndef f():\n    return K"], "f", {}, 3),
    "a captured cell": (["%%capture out\ndef f():\n    return 4"], "f", {}, 4),
    "magics elsewhere in the cell": (
        ["%matplotlib --list\nx = 1\n!true\ndef f():\n    return x"],
        "f",
        {},
        1,
    ),
    "a generator as a helper": (
        ["def gen(n):\n    yield from range(n)", "def f():\n    return list(gen(3))"],
        "f",
        {},
        [0, 1, 2],
    ),
    "a method that was replaced later": (
        [
            "class A:\n    def go(self):\n        return 1",
            "def go2(self):\n    return 2",
            "A.go = go2",
            "def f():\n    return A().go()",
        ],
        "f",
        {},
        2,
    ),
    "a class attribute that was set later": (
        ["class A:\n    size = 1", "A.size = 9", "def f():\n    return A().size"],
        "f",
        {},
        9,
    ),
    "another name for a function": (
        ["def g():\n    return 1", "h = g", "def f():\n    return h() + g()"],
        "f",
        {},
        2,
    ),
    "a name that a helper sets": (
        [
            "def setup():\n    global state\n    state = 5",
            "def f():\n    setup()\n    return state",
        ],
        "f",
        {},
        5,
    ),
    "functions and lambdas in a dict": (
        [
            "def a():\n    return 1",
            "FNS = {'a': a, 'b': lambda: 2}",
            "def f():\n    return [FNS['a'](), FNS['b']()]",
        ],
        "f",
        {},
        [1, 2],
    ),
    "text in triple quotes inside a closure": (
        [
            'def make(k):\n    def inner():\n        return """a\n  b""" + k\n    return inner',
            "g = make('!')",
        ],
        "g",
        {},
        "a\n  b!",
    ),
    "a registry that decorators fill": (
        [
            "REG = {}\ndef register(fn):\n    REG[fn.__name__] = fn\n    return fn",
            "@register\ndef g():\n    return 1",
            "def f():\n    return [REG['g'](), list(REG)]",
        ],
        "f",
        {},
        [1, ["g"]],
    ),
    "a function that dispatches on a type": (
        [
            "import functools\n@functools.singledispatch\ndef g(x):\n    return 'other'",
            "@g.register\ndef _(x: int):\n    return 'int'",
            "def f():\n    return [g(1), g('a')]",
        ],
        "f",
        {},
        ["int", "other"],
    ),
    "a star import": (["from math import *", "def f():\n    return floor(pi)"], "f", {}, 3),
    "a submodule that another cell imports": (
        [
            "import os",
            "import xml.dom.minidom",
            "def f():\n    return xml.dom.minidom.parseString('<a/>').documentElement.tagName",
        ],
        "f",
        {},
        "a",
    ),
    "names that only a type checker needs": (
        [
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere",
            "def f(x: 'nowhere.Thing' = 1):\n    return x",
        ],
        "f",
        {},
        1,
    ),
    "built-in names that the notebook takes": (
        ["def sum(xs):\n    return 42", "def f():\n    return sum([1])"],
        "f",
        {},
        42,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_gives_the_same_result_in_a_job(name, notebook, job):
    cells, expression, args, wanted = CASES[name]
    for text in cells:
        notebook.cell(text)
    assert job(notebook.capture(expression, **args)) == wanted


def test_a_function_of_this_file_travels_with_its_module(job, tmp_path):
    from cnai_sdk.capture import capture

    assert job(capture(from_a_file, {"x": 2}, cwd=tmp_path)) == [2, "helper"]


def from_a_file(x):
    return [x, helper_of_the_file()]


def helper_of_the_file():
    return "helper"


def test_the_script_reads_like_a_file(notebook):
    notebook.cell("import numpy as np")
    notebook.cell("LR = 0.1")
    notebook.cell("def half(x):\n    return x / 2")
    notebook.cell("\n\n# train\ndef digits(lr=LR):\n    return half(lr) + float(np.sum([1]))")
    captured = notebook.capture("digits", lr=0.5)
    assert captured.payload.script == (
        "import numpy as np\n\n# cell [2]\nLR = 0.1\n\n\n"
        "# cell [3]\ndef half(x):\n    return x / 2\n\n\n"
        "# cell [4]\ndef digits(lr=LR):\n    return half(lr) + float(np.sum([1]))\n\n\n"
        'if __name__ == "__main__":\n    _cnai_result = digits(lr=0.5)\n'
    )
    assert captured.origin_cell == "cell [4]"
    assert captured.title == captured.payload.entry == "digits"
    assert captured.payload.python is None
    last = captured.payload.spans[-1]
    assert (last.first, last.last, last.source, last.line) == (13, 14, "cell [4]", 4)


def test_lines_of_a_timed_cell_are_those_of_the_notebook(notebook):
    notebook.cell("%%time\n\nx = 1\ndef f():\n    return 1")
    assert notebook.capture("f").payload.spans[-1].line == 4


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_without_pickled_values_it_runs_on_another_python(version, notebook, job, other_python):
    notebook.cell("from dataclasses import dataclass\nimport enum")
    notebook.cell("class C(enum.Enum):\n    A = 1\n@dataclass\nclass P:\n    x: int = 1")
    notebook.cell("CFG = {'c': C.A, 'fn': lambda x: x + 1}")
    notebook.cell("def f():\n    return CFG['fn'](P().x) + CFG['c'].value")
    captured = notebook.capture("f")
    assert captured.payload.python is None
    assert job(captured, python=other_python(version)) == 3


def test_pickled_values_say_which_python_they_need(notebook, job, other_python):
    notebook.cell("import datetime\nday = datetime.date(2026, 1, 2)")
    notebook.cell("def f():\n    return day.isoformat()")
    captured = notebook.capture("f")
    assert captured.payload.python == "{}.{}".format(*sys.version_info)
    assert job(captured) == "2026-01-02"
    other = "3.12" if sys.version_info[:2] != (3, 12) else "3.13"
    said = job(captured, python=other_python(other), fails=True)
    assert f"was written by Python {captured.payload.python}" in said
    assert f"this worker runs Python {other}" in said
