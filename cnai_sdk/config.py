"""Settings: defaults, then the configuration file, then the environment.

Belongs here: which settings there are, and where they and the sockets lie. Never here: the
workloads themselves.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from cnai_sdk.errors import BackendUnavailable, InvalidRequest
from cnai_sdk.model.quantity import parse_duration, parse_memory

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the account that it runs under."""

SHARED = "cnai-shared"
"""The namespace of a cluster in which administrators publish what students only read."""

OPERATORS = ("pytorchjob", "trainjob")
"""What can run training on a cluster."""

_SOCKET_FOLDER_LIMIT = 48
"""Bytes. A socket's path has at most 107, and a job's own name in it takes up to 54."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that hold.

    Attributes:
        home: the store of this machine's jobs.
        backend: where workloads run.
        backend_why: what chose it: 'default', 'configuration file', 'CNAI_BACKEND', or that this
            program runs in a cluster.
        log_limit: bytes of log that a job keeps.
        value_limit: bytes that a captured value may have.
        template_idle: seconds after which an unused warm template ends.
        warm: False starts every worker plainly.
        context: of the kubeconfig, for the Kubernetes backend; '' for its current one.
        namespace: of the cluster; '' for the context's own.
        operator: 'pytorchjob' or 'trainjob'; '' for what the cluster has.
        image: of the workers on a cluster; '' for one that fits the notebook's Python.
        runtime: the ClusterTrainingRuntime that a TrainJob refers to.
        queue: the Kueue queue of jobs that name none; '' for none.
        shared: the namespace in which an administrator publishes ceilings and the GPU profile.
    """

    home: Path
    backend: str = "local"
    backend_why: str = "default"
    log_limit: int = 2**30
    value_limit: int = 10 * 2**20
    template_idle: float = 900.0
    warm: bool = True
    context: str = ""
    namespace: str = ""
    operator: str = ""
    image: str = ""
    runtime: str = "torch-distributed"
    queue: str = ""
    shared: str = SHARED


def _path(value: object, name: str) -> Path:
    if not isinstance(value, str) or not Path(value).expanduser().is_absolute():
        raise InvalidRequest(
            f"{name}={value!r} is not an absolute path.",
            next_step=f'Write {name} = "/data/cnai", or "~/cnai".',
        )
    return Path(value).expanduser()


def _word(value: object, name: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", value):
        raise InvalidRequest(
            f"{name}={value!r} is not a backend's name.",
            next_step=f'Write {name} = "local" to run on this machine.',
        )
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > 512:
        raise InvalidRequest(f"{name}={value!r} is not text.", next_step=f'Write {name} = "…".')
    return value


def _namespace(value: object, name: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise InvalidRequest(
            f"{name}={value!r} is not a namespace's name.",
            why="It has a-z, 0-9 and '-', and at most 63 characters.",
            next_step=f'Write {name} = "{SHARED}".',
        )
    return value


def check_operator(value: object, name: str = "operator") -> str:
    """The operator, when there is such a one; '' leaves it to the cluster.

    Raises:
        InvalidRequest: there is none of that name.
    """
    if value in ("", *OPERATORS):
        return str(value)
    raise InvalidRequest(
        f"{name}={value!r} is no operator that runs training.",
        why=f"There are {' and '.join(OPERATORS)}.",
        next_step="Leave it out, and the cluster is asked which one it has.",
    )


def _truth(value: object, name: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise InvalidRequest(
        f"{name}={value!r} is neither true nor false.", next_step=f"Write {name} = true."
    )


def _bytes(value: object, name: str) -> int:
    whole = isinstance(value, str) and value.isdigit()
    return parse_memory(int(str(value)) if whole else value, argument=name)


def _seconds(value: object, name: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(value) if isinstance(value, str) else value
    return parse_duration(value, argument=name)


_READERS = {
    "home": _path,
    "backend": _word,
    "log_limit": _bytes,
    "value_limit": _bytes,
    "template_idle": _seconds,
    "warm": _truth,
    "context": _text,
    "namespace": _text,
    "operator": check_operator,
    "image": _text,
    "runtime": _text,
    "queue": _text,
    "shared": _namespace,
}


def load_config(environ: Mapping[str, str] | None = None) -> Config:
    """The settings that hold now.

    Args:
        environ: the environment to read; the process's own when None. `CNAI_CONFIG` names
            another configuration file; `CNAI_HOME`, `CNAI_BACKEND`, `CNAI_LOG_LIMIT` and so on
            win over what is in the file.

    Raises:
        InvalidRequest: a setting cannot be used; it names the file and the line, or the variable.

    >>> load_config({"CNAI_CONFIG": "/nowhere.toml", "CNAI_HOME": "/data/cnai"}).home.name
    'cnai'
    """
    environ = os.environ if environ is None else environ
    settings: dict[str, Any] = _read_file(config_path(environ))
    why = "configuration file" if "backend" in settings else "default"
    if "backend" not in settings and _in_cluster(environ):
        settings["backend"], why = "kubernetes", "this program runs in a cluster"
    for name, reader in _READERS.items():
        variable = f"CNAI_{name.upper()}"
        if environ.get(variable):
            settings[name] = reader(environ[variable], variable)
            why = variable if name == "backend" else why
    settings.setdefault("home", Path(platformdirs.user_data_dir("cnai")))
    return Config(backend_why=why, **settings)


def _in_cluster(environ: Mapping[str, str]) -> bool:
    """True in a pod with an account that may speak to its cluster."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and ACCOUNT.joinpath("token").exists()


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the configuration file is, or would be."""
    named = (os.environ if environ is None else environ).get("CNAI_CONFIG")
    return Path(named or Path(platformdirs.user_config_dir("cnai"), "config.toml"))


def write_setting(key: str, value: object, *, environ: Mapping[str, str] | None = None) -> Path:
    """Write one setting into the configuration file, and keep everything else in it as it is.

    Args:
        key: a setting's name, such as 'backend'.
        value: text, a number or a truth value.

    Returns:
        The file.

    Raises:
        InvalidRequest: no such setting, a value that it cannot have, or a file that is malformed.
    """
    path = config_path(environ)
    _read_file(path)
    _reader(key, where="There")(value, key)
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, old in enumerate(lines):
        if re.match(rf"\s*{key}\s*=", old):
            lines[number] = line
            break
    else:
        lines.append(line)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, "\n".join(lines) + "\n")
    return path


def replace_file(path: Path, text: str) -> None:
    """Write a file that only its owner reads; a reader sees the old text or the new one."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"{path} cannot be read.", why=str(error), next_step="Correct it, or move it away."
        ) from error
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(
            f"{path} is not valid TOML.",
            why=str(error).replace("end of document", f"line {len(text.splitlines())}, the end"),
            next_step='Correct that line; settings look like backend = "local".',
        ) from error
    settings = {}
    for key, value in found.items():
        place = f"{path}, line {_line_of(key, text)}"
        try:
            settings[key] = _reader(key, where=place)(value, key)
        except InvalidRequest as error:
            if error.what.startswith(place):
                raise
            why = " ".join(part for part in (error.what, error.why) if part)
            raise InvalidRequest(
                f"{place}: {key} cannot be used.", why=why, next_step=error.next_step
            ) from error
    return settings


def _reader(key: str, *, where: str) -> Any:
    if key in _READERS:
        return _READERS[key]
    near = difflib.get_close_matches(key, _READERS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(_READERS))}."
    start = f"{where} is no setting" if where == "There" else f"{where}: there is no setting"
    raise InvalidRequest(f"{start} {key!r}.", next_step=hint)


def _line_of(key: str, text: str) -> int:
    pattern = re.compile(rf"\s*\[?\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if pattern.match(line)), 1)


def runtime_dir(
    environ: Mapping[str, str] | None = None, *, temporary: Path = Path("/tmp")
) -> Path:
    """The folder for this person's sockets, made if it is not there.

    Args:
        environ: the environment to read `XDG_RUNTIME_DIR` from.
        temporary: where it lies otherwise. TMPDIR is not asked, since a notebook and a terminal
            must find the same folder, and a socket's path must be short.

    Raises:
        BackendUnavailable: somebody else owns a folder of that name.
    """
    base = (os.environ if environ is None else environ).get("XDG_RUNTIME_DIR", "")
    own = Path(base, "cnai")
    usable = base and own.is_absolute() and len(os.fsencode(own)) <= _SOCKET_FOLDER_LIMIT
    if usable and os.access(base, os.W_OK):
        return _private(own)
    return _private(temporary / f"cnai-{os.getuid()}")


def _private(folder: Path) -> Path:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise BackendUnavailable(
            f"{folder} cannot hold your sockets.",
            why="It belongs to somebody else, or is not a folder.",
            next_step=f"Remove it, or set XDG_RUNTIME_DIR to a folder of yours with a path of at "
            f"most {_SOCKET_FOLDER_LIMIT - 5} characters.",
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder
