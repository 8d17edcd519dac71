"""Runs the captured script on one rank: by `python bootstrap.py FOLDER`, or after a fork.

Both ways end in `run`, so that both give the same answers. It never returns to the interpreter's
own shutdown: a ProcessGroup that is destroyed there can hang or abort (see `distributed`).
"""

import os
import sys
from collections.abc import Sequence


def _own_path(payload: str, loaded: Sequence[str]) -> None:
    """Put the shipped package and the carried modules before everything else.

    The names of the SDK's modules are handed in: looking at every name that a template has loaded
    would copy the memory that they lie in.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    first = [os.path.join(payload, "worker"), os.path.join(payload, "code")]
    sys.path[:] = first + [p for p in sys.path if os.path.realpath(p or ".") != here]
    for name in loaded:
        sys.modules.pop(name, None)


def run(payload: str, *, loaded_with: int = 0, loaded: Sequence[str] = ()) -> None:
    """Run FOLDER/script.py as `__main__` and end the process with its exit code.

    Args:
        loaded_with: after a fork, the thread count that loaded libraries have; 0 otherwise.
        loaded: after a fork, the modules of the SDK that are loaded.
    """
    _own_path(payload, loaded)
    from cnai_sdk import distributed, ending, importing, processes, reporting, sharing, tracebacks

    processes.prepare(loaded_with=loaded_with)
    importing.now_or_later("torch", importing.without_collector, sharing.keeper())
    distributed.install()
    script = os.path.join(payload, "script.py")
    code = 0
    try:
        namespace = processes.fresh_main(script)
        with open(script, encoding="utf-8") as file:
            text = file.read()
        reporting.say_frame({"state": "running", **reporting.attempt()})
        exec(compile(text, script, "exec"), namespace)
        ending.keep_result(namespace)
    except SystemExit as error:
        code = ending.exit_code(error)
    except BaseException as error:
        processes.settle()
        tracebacks.show(error, payload)
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
    processes.settle(stops=True)
    ending.leave(code)


if __name__ == "__main__":
    run(os.path.abspath(sys.argv[1]))
