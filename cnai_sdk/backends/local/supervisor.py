"""The process that owns one job, from the queue to its end. It stays single-threaded."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from pathlib import Path

from cnai_sdk.backends.local import control, ranks, tree, turns
from cnai_sdk.backends.local.attempt import Attempt, Outcome
from cnai_sdk.backends.local.host import this_host
from cnai_sdk.backends.local.index import Index
from cnai_sdk.backends.local.limits import MemoryGuard
from cnai_sdk.backends.local.machine import Ask, Lease, LocalMachine, describe, lease_environment
from cnai_sdk.backends.local.order import DECODE, Order
from cnai_sdk.backends.local.ranks import RankPlan
from cnai_sdk.backends.local.reaper import look_after
from cnai_sdk.backends.local.standing import Standing
from cnai_sdk.backends.record.logbook import LogWriter
from cnai_sdk.errors import CnaiError
from cnai_sdk.model.phase import Phase
from cnai_sdk.model.spec import TrainSpec
from cnai_sdk.model.workload import Queued, Replica
from cnai_sdk.worker.masking import Mask

_LOOK_AGAIN = 2.0


class Supervisor:
    """Runs one job to its end.

    Args:
        order: what to run.
        requests: a listening socket, bound before this process existed.
        warm: ranks are forked from this process.
    """

    def __init__(self, order: Order, requests: socket.socket, *, warm: bool) -> None:
        self._order = order
        self._requests = requests
        self._warm = warm
        self._host = this_host()
        self._index = Index(Path(order.home))
        self._folder = self._index.folder(order.id)
        spec = self._folder.bare_spec()
        assert isinstance(spec, TrainSpec)
        self._spec = spec
        mask = Mask(tuple(order.secrets.values()))
        self._standing = Standing(self._folder, self._index, self._index.get(order.id), mask=mask)
        self._log = LogWriter(self._folder.log, order.log_limit, mask=mask)
        self._selector = selectors.DefaultSelector()
        self._attempt: Attempt | None = None
        self._stopped: Outcome | None = None
        self._machine = LocalMachine()
        self._interpreter = order.interpreter

    def run(self) -> None:
        """Wait for the turn, run, record the end, wake the next."""
        self._selector.register(self._requests, selectors.EVENT_READ, self._request)
        signal.signal(signal.SIGTERM, lambda *_: self._stop("a signal"))
        tree.take_requests()
        try:
            outcome = self._work()
        except Exception:
            text = traceback.format_exc().strip()
            outcome = Outcome(phase=Phase.FAILED, reason="StartFailed", message=text)
        tree.end_children()
        self._standing.end(outcome.phase, outcome.reason, outcome.message)
        with contextlib.suppress(CnaiError):
            turns.leave(self._index, self._order.id)
        self._wake_next()

    def _wake_next(self) -> None:
        with contextlib.suppress(CnaiError, OSError):
            turns.nudge_first(self._index, self._is_mine)

    def _work(self) -> Outcome:
        lease = self._wait_for_turn()
        if lease is None or self._stopped:
            return self._stopped or Outcome(phase=Phase.STOPPED)
        self._wake_next()
        granted = describe(lease, self._spec.resources, self._spec.workers)
        self._standing.event("Admitted", granted.asked)
        self._standing.change(phase=Phase.STARTING, queued=None, granted=granted, message="")
        if self._spec.packages:
            failed = self._install()
            if failed is not None:
                return failed
        return self._attempts(lease)

    # -- the queue ---------------------------------------------------------------

    def _wait_for_turn(self) -> Lease | None:
        ask = Ask(workers=self._spec.workers, resources=self._spec.resources)
        said = None
        while not self._stopped:
            answer: Lease | Queued | None = None
            with contextlib.suppress(CnaiError, OSError):  # a busy or full disk: ask again
                capacity = self._machine.capacity(gpus=self._spec.resources.wants_gpu)
                answer = turns.take_turn(self._index, self._order.id, ask, capacity, self._is_mine)
                if isinstance(answer, Lease):
                    self._folder.write_lease(answer)
            if isinstance(answer, Lease):
                return answer
            if answer is not None and answer != said:
                self._say_place(answer)
                said = answer
            self._standing.flush(now=True)
            for key, _ in self._selector.select(_LOOK_AGAIN):
                key.data()
            with contextlib.suppress(CnaiError):
                self._look_after_others(first=answer is not None and answer.position == 1)
        return None

    def _say_place(self, place: Queued) -> None:
        self._standing.change(queued=place, message=f"Waits for {place.waits_for}")
        if place.position == 1:
            self._standing.event("Queued", f"Waits for {place.waits_for}")

    def _look_after_others(self, *, first: bool) -> None:
        """The first in line looks after those that run; the others after the first."""
        ahead = None if first else turns.first_waiting(self._index, self._is_mine)
        for other in self._index.active():
            if other.id != self._order.id and (first or other.id == ahead):
                look_after(self._index, self._host, other)

    def _is_mine(self, name: str) -> bool:
        return self._host.is_mine(name)

    # -- running -----------------------------------------------------------------

    def _install(self) -> Outcome | None:
        from cnai_sdk.backends.local import packages  # a fifth of a plain supervisor's start

        wanted = ", ".join(self._spec.packages)
        self._standing.change(message=f"Installing {wanted}")
        self._standing.event("Installing", wanted)
        layer = packages.Layer(
            Path(self._order.home) / "environments",
            packages=self._spec.packages,
            interpreter=self._order.interpreter,
            environment=self._order.environment,
        )
        problem = layer.ensure(
            say=lambda data: self._log.feed(0, data),
            wait=self._wait_for_process,
            pause=self._pause,
            stopped=lambda: self._stopped is not None,
        )
        self._log.finish(0)
        if self._stopped:
            return self._stopped
        if problem:
            self._standing.event("InstallFailed", problem, warning=True)
            return Outcome(phase=Phase.FAILED, reason="InstallFailed", message=problem)
        for notice in layer.shadowed():
            self._standing.event("Shadowed", notice, warning=True)
        self._interpreter = str(layer.python)
        self._warm = False
        self._standing.event("Installed", f"{wanted} in {layer.root.name}")
        self._standing.change(message="")
        return None

    def _pause(self) -> None:
        for key, _ in self._selector.select(0.2):
            key.data()
        self._standing.flush()

    def _wait_for_process(self, descriptor: int) -> None:
        """Serve requests until the descriptor is ready."""
        ready: list[bool] = []
        self._selector.register(descriptor, selectors.EVENT_READ, lambda: ready.append(True))
        try:
            while not ready and not self._stopped:
                for key, _ in self._selector.select(1.0):
                    key.data()
                self._standing.flush()
        finally:
            self._selector.unregister(descriptor)

    def _attempts(self, lease: Lease) -> Outcome:
        started = time.time()
        clock = time.monotonic()
        deadline = None if self._spec.timeout is None else clock + self._spec.timeout
        self._standing.change(started=started)
        for number in range(self._spec.retries + 1):
            outcome = self._once(number, lease, deadline)
            final = outcome.phase is not Phase.FAILED or outcome.reason == "Timeout"
            if final or self._stopped or number == self._spec.retries:
                return self._stopped or outcome
            self._standing.event("Retrying", outcome.message, warning=True)
            self._again(number + 1, outcome)
        raise AssertionError("unreachable")

    def _once(self, number: int, lease: Lease, deadline: float | None) -> Outcome:
        environment = lease_environment(lease, self._order.environment | self._spec.env)

        def plan(rank: int, out: int, port: int, store: int) -> RankPlan:
            return self._plan(rank, out, port, store, number, lease, environment[rank])

        self._attempt = Attempt(
            standing=self._standing,
            log=self._log,
            selector=self._selector,
            plans=plan,
            guard=MemoryGuard(limit=self._spec.resources.memory, name=f"cnai-{self._order.id}"),
            warm=self._warm,
            number=number,
            deadline=deadline,
        )
        try:
            return self._stopped or self._attempt.run()  # a signal comes at any moment
        finally:
            self._attempt = None

    def _plan(
        self,
        rank: int,
        out: int,
        port: int,
        store: int,
        number: int,
        lease: Lease,
        device: dict[str, str],
    ) -> RankPlan:
        order, folder = self._order, self._folder
        environment = ranks.base_environment(order.environment)
        environment |= self._spec.env | order.secrets
        if order.secrets:
            environment["CNAI_SECRETS"] = ",".join(order.secrets)
        environment |= ranks.distributed_environment(
            rank=rank,
            world=self._spec.workers,
            port=port,
            attempt=number,
            threads=lease.threads,
            wished=self._spec.env.get("OMP_NUM_THREADS", ""),
        )
        environment |= ranks.shipped_environment(
            payload=str(folder.payload),
            outputs=str(folder.outputs),
            result=str(folder.result),
            rank=rank,
            job=order.id,
            name=self._standing.workload.name,
            mark=folder.mark,
        )
        environment |= ranks.arguments(self._spec.argv)
        if store >= 0:
            environment["CNAI_STORE_FD"] = str(store)
        return RankPlan(
            rank=rank,
            payload=str(folder.payload),
            outputs=str(folder.outputs),
            environment=environment | self._spec.env | device,
            cpus=lease.cpus[rank] if lease.cpus else (),
            out=out,
            store=store,
            interpreter=self._interpreter,
            umask=self._order.umask,
            open_files=self._order.open_files,
        )

    def _again(self, number: int, outcome: Outcome) -> None:
        replicas = tuple(Replica(rank=r) for r in range(self._spec.workers))
        self._standing.change(
            phase=Phase.STARTING,
            attempt=number,
            replicas=replicas,
            progress=None,
            message=f"Starting again: {outcome.message}",
        )

    # -- requests ----------------------------------------------------------------

    def _request(self) -> None:
        request = control.accept(self._requests)
        if request is not None and request.get("do") == "stop":
            self._stop(str(request.get("by") or "you"))

    def _stop(self, by: str) -> None:
        if self._stopped is not None:
            return
        self._stopped = Outcome(phase=Phase.STOPPED, reason="Stopped", message=f"Stopped by {by}")
        self._standing.event("StopRequested", f"Asked to stop by {by}")
        if self._attempt is not None:
            self._attempt.stop(self._stopped)


def supervise(order: Order, lock: int, requests: socket.socket, *, warm: bool) -> None:
    """Run the job whose lock and socket were handed over; the lock is held until this process ends.

    A job that was handed over twice, because an answer was lost, is run by the first only.
    """
    tree.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.set_inheritable(lock, False)
    os.umask(0o077)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, order.cpus)
    root = Path(order.home) / "jobs" / order.id
    try:
        os.close(os.open(root / "started", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    try:
        Supervisor(order, requests, warm=warm).run()
    finally:
        Path(requests.getsockname()).unlink(missing_ok=True)


def main(descriptors: list[int]) -> None:
    """A plain start: the order comes through a pipe, the lock and the socket are inherited."""
    pipe, lock, server = descriptors
    with os.fdopen(pipe, "rb") as file:
        order = DECODE.decode(file.read())
    os.set_inheritable(server, False)
    supervise(order, lock, socket.socket(fileno=server), warm=False)
    sys.stdout.flush()
