"""The first process of a worker's container: one rank, from its folders to its last message.

The rank itself is a child, started by the same bootstrap as on one machine, with its output going
straight to the container's log, or through here where it is masked or copied. A run that failed is
started again in the same pod, by all workers at once (see `crew`); where the container was killed,
or the whole pod is made anew, this program starts again, and finds in `state.json` how far the last
one was.
"""

import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import time
from typing import Any, NoReturn

from . import crew, fetching, installing, ranks, reporting
from .keeper import Keeper
from .masking import Mask
from .podlog import RankLog
from .record import Record

GRACE = 5.0
"""Seconds that a rank has to end when the run starts again or ends without it."""

MESSAGE = "/dev/termination-log"
_KILLED = 137
_LOOK_AGAIN = 5.0


def main(home: str) -> NoReturn:
    """Run the rank whose code lies in HOME/job; never returns.

    Args:
        home: a folder that lasts as long as the pod.
    """
    with open(os.path.join(home, "job", "pod.json"), encoding="utf-8") as file:
        settings = json.load(file)
    pod = Pod(home, settings, os.environ.get("CNAI_MESSAGE") or MESSAGE)
    try:
        code = pod.run()
    except Exception as error:
        code = pod.end(1, {"reason": "StartFailed", "message": f"{type(error).__name__}: {error}"})
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


class Pod:
    """Runs one rank.

    Args:
        home: a folder that lasts as long as the pod.
        settings: see `cnai_sdk/backends/kubernetes/plan.py`.
        message: the file that the node reads when the container has ended.
    """

    def __init__(self, home: str, settings: dict[str, Any], message: str) -> None:
        self._home = home
        self._settings = settings
        self._place = ranks.Place.found(settings)
        os.environ["CNAI_SECRETS"] = ",".join(settings["secrets"])
        self._mask = Mask.of_environment()
        self._outputs = settings["outputs"] or os.path.join(home, "outputs")
        kept = self._outputs if settings["outputs"] or settings["bucket"] else ""
        self._record = Record(home, message, self._mask, kept=kept)
        self._kept = kept
        self._interpreter = sys.executable
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._woken, self._wake = os.pipe()
        self._log: RankLog | None = None
        self._crew: crew.Crew | None = None
        self._keeper: Keeper | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._attempt = 0
        self._next: int | None = None
        self._code: int | None = None
        self._kill_at: float | None = None
        self._look_at: float | None = None
        self._deadline: float | None = None
        self._stopping = 0
        self._ready = False
        self._over = False
        self._said: dict[str, Any] = {}

    # -- from the start to the end ----------------------------------------------------

    def run(self) -> int:
        """The exit code of the container."""
        before = self._record.state()
        if before.get("code") is not None:
            self._record.leave_again()  # a container that has given up was started again
            return int(before["code"])
        self._attempt = int(os.environ.get("CNAI_RESTARTS") or 0)
        if before:
            self._attempt = before["attempt"] + 1
            if self._attempt > self._settings["retries"]:
                self._attempt = before["attempt"]
                return self.end(_KILLED, self._memory_exceeded() or {})
        self._prepare()
        trouble = self._install() or self._fetch() or self._link_data()
        if trouble:
            return self.end(1, trouble)
        self._keeper = self._keep()
        self._ready = True
        if self._settings["workers"] > 1 and self._settings["retries"]:
            self._crew = crew.join(self._place, self._settings, self._attempt, tell=self._tell)
        self._start(self._attempt)
        while not self._over:
            self._step()
        if self._crew is not None:
            self._crew.close()
        if self._log is not None:
            self._log.close()
        return self.end(self._code if self._code is not None else 0, self._said)

    def _prepare(self) -> None:
        os.makedirs(self._outputs, exist_ok=True)
        os.chdir(self._outputs)
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

    def _open_log(self) -> None:
        if self._log is not None or not (self._kept or self._mask):
            return
        name = f"rank-{self._place.rank}.log"
        copy = os.path.join(self._kept, "logs", name) if self._kept else ""
        self._log = RankLog(self._mask, copy=copy)

    def _install(self) -> dict[str, Any]:
        elsewhere = [*self._settings["fetch"].values(), self._settings["bucket"]]
        lacking = fetching.lacking(elsewhere)
        packages = [*self._settings["packages"], *lacking.values()]
        if not packages:
            return {}
        reporting.say_frame({"doing": f"Installing {', '.join(packages)}"})
        layer = os.path.join(self._home, "packages")
        self._interpreter, trouble = installing.installed(
            layer, packages, cache=self._settings["cache"], mask=self._mask
        )
        if trouble and lacking:
            trouble = f"The image lacks {', '.join(lacking)}: {trouble}"
        return {"reason": "InstallFailed", "message": trouble} if trouble else {}

    def _fetch(self) -> dict[str, Any]:
        fetch = self._settings["fetch"]
        return fetching.run(self._home, self._interpreter) if fetch else {}

    def _keep(self) -> Keeper | None:
        if not self._settings["bucket"]:
            return None
        place = self._place
        wanted = {"bucket": self._settings["bucket"], "folder": self._outputs}
        wanted |= {"rank": place.rank, "world": place.world}
        wanted["memory"] = os.path.join(self._home, "kept.json")
        return Keeper(self._home, self._interpreter, wanted)

    def _link_data(self) -> dict[str, Any]:
        """Let the data appear under the names that the function uses."""
        for name, source in self._settings["data"].items():
            if not os.path.exists(source):
                return {"reason": "DataMissing", "message": f"Nothing is at {source} for {name}"}
            place = os.path.join(self._outputs, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            try:
                os.symlink(source, place)
            except FileExistsError:
                continue  # another rank made it, or an earlier attempt
        return {}

    # -- one run of the rank ----------------------------------------------------------

    def _start(self, attempt: int) -> None:
        self._attempt, self._next, self._code, self._kill_at = attempt, None, None, None
        self._look_at = None
        self._record.keep_state(attempt, None)
        self._record.forget()
        self._record.keep_room()
        if self._deadline is None and self._settings.get("timeout"):
            self._deadline = time.monotonic() + self._settings["timeout"]
        if self._keeper is None:
            self._launch()
        else:
            self._keeper.begin(attempt)  # and then it is launched

    def _launch(self) -> None:
        self._open_log()
        job = os.path.join(self._home, "job")
        environment = ranks.environment(
            self._place,
            self._settings,
            home=self._home,
            outputs=self._outputs,
            attempt=self._attempt,
        )
        out = None if self._log is None else self._log.writer()
        self._child = subprocess.Popen(
            [self._interpreter, os.path.join(job, "worker", "cnai_sdk", "bootstrap.py"), job],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment,
            cwd=self._outputs,
            start_new_session=True,
        )
        if out is not None:
            os.close(out)

    def _step(self) -> None:
        deadline = self._deadline if self._child is not None else None
        waits = [at for at in (self._kill_at, self._look_at, deadline) if at is not None]
        timeout = max(0.0, min(waits) - time.monotonic()) if waits else None
        watched = [self._woken]
        if self._log is not None and self._log.reader is not None:
            watched.append(self._log.reader)
        if self._keeper is not None:
            watched.append(self._keeper.reader)
        ready, _, _ = select.select(watched, [], [], timeout)
        if self._keeper is not None and self._keeper.reader in ready:
            self._hear_keeper(self._keeper)
        if self._log is not None and self._log.reader in ready:
            self._log.take()
        if self._woken in ready:
            self._drain_wakes()
        self._reap()
        while not self._events.empty():
            self._hear(self._events.get())
        self._look_at_clocks()

    def _drain_wakes(self) -> None:
        try:
            while os.read(self._woken, 4096):
                continue
        except BlockingIOError:
            return

    def _reap(self) -> None:
        """The first process of a container inherits every orphan in it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._child is not None and pid == self._child.pid:
                code = os.waitstatus_to_exitcode(status)
                self._child.returncode = code
                self._child = None
                self._signal_group(pid, signal.SIGKILL)
                if self._log is not None:
                    self._log.finish()
                self._exited(code if code >= 0 else 128 - code)

    def _exited(self, code: int) -> None:
        self._kill_at = None
        self._code = code
        if self._next is not None and not self._stopping:
            self._start(self._next)
        elif self._stopping or self._said or self._over:
            self._over = True
        elif self._crew is not None:
            self._look_at = time.monotonic() + _LOOK_AGAIN
            self._crew.say("failed" if code else "done", self._attempt)
        elif code and self._attempt < self._settings["retries"]:
            self._start(self._attempt + 1)
        else:
            self._said = self._memory_exceeded() if code == _KILLED else {}
            self._over = True

    def _hear(self, event: tuple[Any, ...]) -> None:
        """What the other workers say."""
        if event[0] == "run" and event[1] > self._attempt and not self._over:
            self._next = event[1]
            if self._child is None:
                self._start(event[1])
            else:
                self._end_child()
        elif event[0] == "over":
            self._over = True
        elif event[0] == "end":
            if self._child is None:
                self._over = True
                self._code = 128 + signal.SIGTERM if self._code is None else self._code
            else:
                self._stopping = self._stopping or signal.SIGTERM
                self._end_child()

    def _hear_keeper(self, keeper: Keeper) -> None:
        for word, told in keeper.heard():
            if word == "trouble":
                self._keeper, self._said, self._code = None, told, 1
                self._over = self._child is None
                self._end_child()
            elif told == self._attempt and self._child is None and not self._over:
                self._launch()

    def _look_at_clocks(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and self._child is not None:
            self._deadline = None
            limit = f"{self._settings['timeout']:g} s"
            said = f"It was still running when its timeout of {limit} was over"
            self._said = {"reason": "Timeout", "message": said}
            self._end_child()
        if self._kill_at is not None and now >= self._kill_at and self._child is not None:
            self._kill_at = None
            self._signal_group(self._child.pid, signal.SIGKILL)
        if self._look_at is not None and now >= self._look_at:
            self._look_at = now + _LOOK_AGAIN
            if self._crew is None or self._crew.unheard():
                self._decide_alone()

    def _decide_alone(self) -> None:
        if self._code and self._attempt < self._settings["retries"]:
            self._start(self._attempt + 1)
        else:
            self._over = True

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
            self._kill_at = time.monotonic() + GRACE

    def _asked_to_stop(self, number: int, frame: object) -> None:
        """The node gives a pod its own grace, and kills what is left then."""
        if not self._ready:
            os._exit(128 + number)
        self._stopping = number
        if self._child is not None:
            self._child.send_signal(number)
        else:
            self._over = True
            self._code = 128 + number

    @staticmethod
    def _signal_group(group: int, number: int) -> None:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return

    def _tell(self, *event: Any) -> None:
        """Called by the crew's threads."""
        self._events.put(event)
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            return  # it is awake already

    # -- what is left -----------------------------------------------------------------

    def end(self, code: int, said: dict[str, Any]) -> int:
        """Leave the last message for the node to hand on; returns the exit code.

        Args:
            said: `reason` and `message` of an end that is not the rank's own.
        """
        text = self._text(code, said)
        trouble = self._keeper.finish() if self._keeper is not None else {}
        if trouble and code:
            print(f"Not all outputs are kept: {trouble['message']}", file=sys.stderr, flush=True)
        elif trouble:
            code, text = 1, self._text(1, trouble)
        self._record.leave(text)
        self._record.keep_state(self._attempt, code)
        return code

    def _text(self, code: int, said: dict[str, Any]) -> str:
        final = bool(code) and not self._stopping
        return self._record.text(self._attempt, code, said, final=final)

    def _memory_exceeded(self) -> dict[str, Any]:
        if not ranks.killed_for_memory():
            return {}
        said = f"Worker {self._place.rank} needed more memory than it may have"
        return {"reason": "MemoryExceeded", "message": said}
