"""torch.distributed on a worker: a store without a port race, and no deadlock at the end.

In torch 2.13 and 2.14 a gloo ProcessGroup that is destroyed while the interpreter holds its lock
joins a thread that waits for that lock (pytorch#56297): a job hangs at `destroy_process_group`,
or aborts at exit. So a reference to every group is kept, and the process ends with `os._exit`.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import importing

_MODULE = "torch.distributed.distributed_c10d"
_kept: list[Any] = []
_stores: list[Any] = []
_found: list[bool] = []
_LONG = 1800.0
_LOOK_AGAIN = 0.25
_SAY_AFTER = 10.0


def install() -> None:
    """Arrange both, now when torch.distributed is loaded, else when it will be."""
    loaded = sys.modules.get(_MODULE)
    if loaded is not None:
        _adapt(loaded)
    else:
        importing.around(_MODULE, _import_and_adapt)


def _adapt(c10d: ModuleType) -> None:
    if os.environ.get("CNAI_KEEP_GROUPS", "1") != "0":
        _keep_groups(c10d)
    _serve_store_on_first_group(c10d)
    _find_master_before_first_group(c10d)


def _keep_groups(c10d: ModuleType) -> None:
    make = getattr(c10d, "_new_process_group_helper", None)
    if make is None:
        return

    def keeping(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        _kept.append(made)
        return made

    c10d._new_process_group_helper = keeping  # type: ignore[attr-defined]


def _serve_store_on_first_group(c10d: ModuleType) -> None:
    """Rank 0 serves the store on a socket that its supervisor bound, so no port is raced for."""
    descriptor = os.environ.pop("CNAI_STORE_FD", "")
    if not descriptor:
        return
    join = c10d.init_process_group

    def serving(*args: Any, **kwargs: Any) -> Any:
        if not _stores:
            from torch.distributed import TCPStore  # type: ignore[attr-defined]

            store = TCPStore(
                os.environ["MASTER_ADDR"],
                int(os.environ["MASTER_PORT"]),
                None,
                True,
                wait_for_workers=False,
                master_listen_fd=int(descriptor),
            )
            _stores.append(store)
        return join(*args, **kwargs)

    serving.__wrapped__ = join  # type: ignore[attr-defined]
    _replace(c10d, serving)


def _find_master_before_first_group(c10d: ModuleType) -> None:
    """The name that a cluster gives rank 0 comes to be with its pod; torch does not wait for it."""
    if not os.environ.pop("CNAI_AWAIT_MASTER", ""):
        return
    join = c10d.init_process_group

    def finding(*args: Any, **kwargs: Any) -> Any:
        if not _found:
            timeout = kwargs.get("timeout")
            _await_name(os.environ["MASTER_ADDR"], timeout.total_seconds() if timeout else _LONG)
            _found.append(True)
        return join(*args, **kwargs)

    finding.__wrapped__ = join  # type: ignore[attr-defined]
    _replace(c10d, finding)


def _await_name(name: str, longest: float) -> None:
    """Wait until it is known; afterwards torch says itself what it cannot reach."""
    begun, told = time.monotonic(), False
    while time.monotonic() - begun < longest:
        try:
            socket.getaddrinfo(name, None)
            return
        except OSError:
            if not told and time.monotonic() - begun > _SAY_AFTER:
                print(f"Waiting for worker 0 ({name}) to come up", file=sys.stderr, flush=True)
                told = True
            time.sleep(_LOOK_AGAIN)


def _replace(c10d: ModuleType, join: Callable[..., Any]) -> None:
    c10d.init_process_group = join  # type: ignore[attr-defined]
    package = sys.modules.get("torch.distributed")
    if package is not None and hasattr(package, "init_process_group"):
        package.init_process_group = join  # type: ignore[attr-defined]


def _import_and_adapt(module: ModuleType, execute: Callable[[ModuleType], None]) -> None:
    execute(module)
    _adapt(module)
