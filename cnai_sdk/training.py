"""Train a function on one or more workers: the verb, and its handle."""

from __future__ import annotations

import asyncio
import getpass
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from cnai_sdk import runtime
from cnai_sdk.argument_names import refuse_unknown
from cnai_sdk.arguments import parse_args, parse_options, parse_resources
from cnai_sdk.asked import check_rank
from cnai_sdk.capture import capture, check_secret
from cnai_sdk.capture.modules import Carried
from cnai_sdk.capture.recall import with_arguments
from cnai_sdk.capture.secrets import check_source
from cnai_sdk.data import here, links_for
from cnai_sdk.errors import InvalidRequest, MissingDependency, Unsupported
from cnai_sdk.gpu.wish import check_wish
from cnai_sdk.handle import Handle
from cnai_sdk.metrics import MetricTable
from cnai_sdk.model.name import check_name, label_for
from cnai_sdk.model.quantity import as_count, show_given
from cnai_sdk.model.spec import DataLink, Origin, Payload, Resources, Span, TrainSpec
from cnai_sdk.model.workload import Workload
from cnai_sdk.notices import say, unsaid
from cnai_sdk.remote import is_address
from cnai_sdk.results import missing_result
from cnai_sdk.secrets import SecretStore

if TYPE_CHECKING:
    from cnai_sdk.backends.base import Backend
    from cnai_sdk.config import Config

_CHANGEABLE = (
    "workers", "args", "name", "cpu", "memory", "gpu", "gpu_memory", "gpu_model",
    "isolation", "timeout",
    "retries", "env", "secrets", "packages", "data", "outputs", "image", "shm", "queue",
    "priority",
)  # fmt: skip
_LAST_LINES = 200
_DEFAULTS: dict[str, Any] = {
    "workers": 1,
    "retries": 0,
    "timeout": None,
    "env": None,
    "secrets": (),
    "packages": (),
    "outputs": None,
    "image": None,
    "shm": None,
    "queue": None,
    "priority": None,
}
_Say = Callable[[Sequence[str]], None]


class TrainJob(Handle):
    """A training job.

    In a notebook it shows itself as a live card; in a terminal as text.
    """

    @property
    def metrics(self) -> Any:
        """What rank 0 reported: one row a step, and an attempt. A DataFrame where pandas is."""
        return self.reports().table()

    def reports(self, rank: int = 0) -> MetricTable:
        """What one rank reported.

        Args:
            rank: which worker; rank 0 speaks for the job.

        Raises:
            InvalidRequest: it has no such worker.
        """
        check_rank(self._last, rank)
        found = runtime.call(self._backend.metrics(self.id))
        return MetricTable(tuple(m for m in found if m.rank == rank))

    def plot(self, *names: str) -> Any:
        """Draw the metrics over their steps, one chart each; returns matplotlib's figure.

        Args:
            names: which metrics; all when none is named.

        Raises:
            MissingDependency: matplotlib is not installed.
            InvalidRequest: no such metric was reported.
        """
        if importlib.util.find_spec("matplotlib") is None:
            raise MissingDependency(
                "job.plot() needs matplotlib, which is not installed.",
                next_step="Install it: pip install matplotlib. job.metrics has the numbers.",
            )
        return self.reports().plot(*names, title=self.name)

    def result(self) -> Any:
        """What rank 0 returned, once the job has ended.

        Raises:
            JobFailed: the job failed.
            NotFound: it returned nothing, or something that is not JSON, or it is not to be had.
        """
        self.wait()
        text = runtime.call(self._backend.result(self.id))
        if text is None:
            said = self.logs(rank=0, tail=_LAST_LINES)
            raise missing_result(self._last, said, whole=not self._missing())
        return json.loads(text)

    def rerun(self, **changes: Any) -> Self:
        """Run the same code again, with some of train()'s arguments changed.

        Args:
            changes: such as memory="16Gi" or workers=4; args={"lr": 0.1} replaces that one
                argument of the function and keeps the others.

        Raises:
            InvalidRequest: an unknown or impossible change; nothing was created.
        """
        again = runtime.call(submit_again(self._backend, self.id, changes, folder=here()))
        return type(self)(self._backend, again)


def train(
    backend: Backend,
    config: Config,
    fn: Callable[..., Any],
    *,
    args: Mapping[str, Any] | None = None,
    **options: Any,
) -> TrainJob:
    """Submit a function; see `Client.train` for its options."""
    wish = _wish(options, "train", fn)
    given = parse_args(args)
    data = [link.path for link in wish.data]
    variables = {*wish.fields["env"], *(name.split("/")[-1] for name in wish.fields["secrets"])}
    captured = capture(fn, given, data=data, variables=variables, limit=config.value_limit)
    inherited = captured.inherited
    if inherited and not runtime.call(backend.capabilities()).environment_inherited:
        inherited = frozenset()
    return _submit(
        backend,
        wish,
        payload=captured.payload,
        title=captured.title,
        cell=captured.origin_cell,
        notices=[each for each in captured.notices if each not in inherited],
    )


def train_script(
    backend: Backend,
    path: Path,
    *,
    argv: Sequence[str] = (),
    say: _Say = say,
    **options: Any,
) -> TrainJob:
    """Submit a script as it is, with the local modules that it imports; `say` takes notices."""
    if not path.is_file():
        raise InvalidRequest(f"There is no file {path}.", next_step="Name a Python script.")
    for number, argument in enumerate(argv, start=1):
        check_secret("", argument, where=f"argument {number}")
    wish = _wish(options, "train")
    payload = _script_payload(path)
    about = {"title": path.stem, "cell": path.name}
    return _submit(backend, wish, payload=payload, argv=argv, say=say, **about)


_FITTING = (
    "workers", "cpu", "memory", "gpu", "gpu_memory", "gpu_model",
    "isolation", "timeout", "queue", "priority",
)  # fmt: skip


def fitting_spec(options: Mapping[str, Any]) -> TrainSpec:
    """A job of that size, with nothing in it.

    Raises:
        InvalidRequest: something in the options cannot be carried out.
    """
    refuse_unknown(options, _FITTING, "fits")
    payload = Payload(entry="nothing", files={"script.py": b"def nothing():\n    pass\n"})
    spec = TrainSpec(
        name="fits",
        resources=parse_resources(**{n: options.get(n) for n in Resources.__struct_fields__}),
        payload=payload,
        **parse_options(**{n: options.get(n, default) for n, default in _DEFAULTS.items()}),
    )
    check_wish(spec.resources, spec.workers)
    return spec


def how_many(count: object) -> int:
    """A number of jobs.

    Raises:
        InvalidRequest: it is none.
    """
    whole = as_count(count)
    if whole is None or not 1 <= whole <= 1000:
        raise InvalidRequest(
            f"count={show_given(count)} is not a number of jobs.",
            next_step="Write a whole number from 1 to 1000, such as count=4.",
        )
    return whole


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a call asked for, checked, with the values of its secrets."""

    name: str | None
    resources: Resources
    data: tuple[DataLink, ...]
    notices: list[str]
    fields: dict[str, Any]
    secrets: dict[str, str]


def _wish(options: Mapping[str, Any], verb: str, fn: object = None) -> _Wish:
    """The options, before anything is captured or created."""
    refuse_unknown(options, _CHANGEABLE, verb, fn)
    resources = parse_resources(**{n: options.get(n) for n in Resources.__struct_fields__})
    fields = parse_options(**{n: options.get(n, default) for n, default in _DEFAULTS.items()})
    name = options.get("name")
    links, notices = links_for(options.get("data", ()), here())
    return _Wish(
        name=None if name is None else check_name(name),
        resources=resources,
        data=links,
        notices=notices,
        fields=fields,
        secrets=_values_of(fields["secrets"]),
    )


def _values_of(secrets: Sequence[str]) -> dict[str, str]:
    """The values of those that are this person's; 'secret/KEY' is the cluster's own."""
    own = [name for name in secrets if "/" not in name]
    return SecretStore.default().get(own, os.environ)


def _submit(
    backend: Backend,
    wish: _Wish,
    *,
    payload: Payload,
    title: str,
    cell: str,
    argv: Sequence[str] = (),
    notices: Sequence[str] = (),
    say: _Say = say,
) -> TrainJob:
    label, display = label_for(title)
    spec = TrainSpec(
        name=wish.name or label,
        named=wish.name is not None,
        display_name="" if wish.name else display,
        resources=wish.resources,
        data=wish.data,
        origin=_origin(cell),
        payload=payload,
        argv=tuple(argv),
        **wish.fields,
    )
    job = TrainJob(backend, runtime.call(backend.submit(spec, secrets=wish.secrets)))
    say([*unsaid(notices), *wish.notices, *job._last.notices])
    return job


async def submit_again(
    backend: Backend, id: str, changes: Mapping[str, Any], *, folder: Path | None
) -> Workload:
    """Submit the spec of a workload once more, with some of train()'s arguments changed.

    Args:
        folder: where a relative path in data= starts; None where there is no such folder.

    Raises:
        InvalidRequest: an unknown or impossible change; nothing was created.
        Unsupported: it is not a training job.
    """
    refuse_unknown(changes, _CHANGEABLE, "rerun")
    if folder is None:
        _refuse_relative(changes.get("data", ()))
    spec = await backend.spec(id)
    if not isinstance(spec, TrainSpec):
        raise Unsupported(
            "Only a training job can be run again.", next_step="Deploy or start it anew."
        )
    changed = await asyncio.to_thread(rerun_spec, spec, changes, folder=folder or here())
    return await backend.submit(changed, secrets=_values_of(changed.secrets))


def rerun_spec(spec: TrainSpec, changes: Mapping[str, Any], *, folder: Path) -> TrainSpec:
    """The spec of a rerun: the same code, with arguments of train() changed."""
    changes = dict(changes)
    payload = spec.payload
    args = parse_args(changes.get("args"))
    if args:
        script = with_arguments(payload.script, args)
        files = payload.files | {"script.py": script.encode()}
        payload = msgspec.structs.replace(payload, files=files)
    named = changes.get("name") is not None
    base = check_name(changes["name"]) if named else spec.name
    old = spec.resources
    wishes = {name: getattr(old, name) or None for name in Resources.__struct_fields__}
    resources = parse_resources(**{n: changes.get(n, wish) for n, wish in wishes.items()})
    links = links_for(changes.pop("data"), folder)[0] if "data" in changes else spec.data
    wanted = parse_options(**{n: changes.get(n, getattr(spec, n)) for n in _DEFAULTS})
    wanted["interpreter"] = spec.interpreter or sys.executable  # it runs where its packages are
    return msgspec.structs.replace(
        spec,
        name=base,
        named=named,
        payload=payload,
        resources=resources,
        data=links,
        **wanted,
    )


def _refuse_relative(data: object) -> None:
    for path in data if isinstance(data, Sequence) and not isinstance(data, str | bytes) else ():
        if not isinstance(path, str) or is_address(path):
            continue
        if not Path(path).expanduser().is_absolute():
            raise InvalidRequest(
                f"data has {path!r}, and it is not known to which folder that is relative.",
                next_step="Name it by its whole path.",
            )


def _origin(cell: str) -> Origin:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    from cnai_sdk import __version__

    notebook = _notebook(os.environ)
    return Origin(notebook=notebook, cell=cell, user=user, sdk=__version__)


def _notebook(environ: Mapping[str, str]) -> str:
    """The notebook's path below the Jupyter server's folder, as its file browser shows it.

    >>> _notebook({"JPY_SESSION_NAME": "/srv/churn/a.ipynb", "CNAI_SERVER_ROOT": "/srv"})
    'churn/a.ipynb'
    """
    path, root = Path(environ.get("JPY_SESSION_NAME", "")), environ.get("CNAI_SERVER_ROOT", "")
    if root and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return path.name


def _script_payload(path: Path) -> Payload:
    text = path.read_text(encoding="utf-8")
    check_source(text, where=path.name)
    carried = Carried(roots=[path.parent])
    carried.add_imports_of(text)
    span = Span(first=1, last=text.count("\n") + 1, source=path.name)
    files = {"script.py": text.encode()} | carried.files
    return Payload(entry=path.stem, files=files, spans=(span,))
