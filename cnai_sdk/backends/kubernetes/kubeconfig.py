"""Which cluster, and as whom: kubeconfig files as kubectl reads them, or a pod's own account.

Belongs here: finding and checking the files. Never here: a connection, running a plugin, and any
import that makes `cnai` slow to complete a context's name.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cnai_sdk.config import ACCOUNT
from cnai_sdk.errors import InvalidRequest

IN_CLUSTER = "in-cluster"
"""The context of the cluster that this program runs in."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Cluster(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """A cluster of a kubeconfig, its paths absolute."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return f"Cluster({self.server!r})"  # a proxy's address may hold a password


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """One variable of a plugin's environment."""

    name: str
    value: str = ""

    def __repr__(self) -> str:
        return f"Variable({self.name!r})"


class Exec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A plugin that hands out credentials, as a kubeconfig names it."""

    api_version: str = ""
    command: str = ""
    args: list[str] | None = None
    env: list[Variable] | None = None
    install_hint: str = ""
    interactive_mode: str = ""
    provide_cluster_info: bool = False

    def __repr__(self) -> str:
        return f"Exec({self.command!r})"


class User(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """A user of a kubeconfig, its paths absolute. Its representation shows no secret."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    exec: Exec | None = None
    auth_provider: dict[str, Any] | None = None
    impersonate: str = msgspec.field(name="as", default="")
    impersonate_uid: str = msgspec.field(name="as-uid", default="")
    impersonate_groups: list[str] = msgspec.field(name="as-groups", default=[])
    impersonate_extra: dict[str, list[str]] = msgspec.field(name="as-user-extra", default={})

    def __repr__(self) -> str:
        return "User(…)"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster, one namespace, one person.

    Attributes:
        context: its name in the kubeconfig, or 'in-cluster'.
        origin: the file in which this was read, for messages.
    """

    context: str
    namespace: str
    origin: str
    cluster: Cluster
    user: User = User()

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self.cluster.server

    @property
    def place(self) -> str:
        """Where jobs run, for a person."""
        return f"{self.namespace} on {self.context}"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A context that can be chosen: a cluster, a user and a namespace."""

    name: str
    namespace: str
    current: bool = False


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    cluster: Cluster | None = None
    user: User | None = None
    context: dict[str, Any] | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    current_context: str = ""
    clusters: list[_Named] = []
    users: list[_Named] = []
    contexts: list[_Named] = []


_Files = Sequence[tuple[Path, _File]]


def find(
    context: str | None = None,
    namespace: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    account: Path = ACCOUNT,
) -> Target:
    """The cluster that is meant.

    Args:
        context: of the kubeconfig; '' or None for its current one, or for the pod's own cluster
            where there is no kubeconfig; 'in-cluster' for the latter in any case.
        namespace: '' or None for the context's own.
        environ: the environment to read KUBECONFIG from; the process's own when None.
        account: where a pod finds its account.

    Raises:
        InvalidRequest: there is no kubeconfig, or no such context in it; with those there are.
    """
    environ = os.environ if environ is None else environ
    if namespace and not _LABEL.fullmatch(namespace):
        raise InvalidRequest(
            f"namespace={namespace!r} is not a namespace's name.",
            why="It has up to 63 small letters, digits and hyphens.",
            next_step="`kubectl get namespaces` lists them, or ask your administrator for yours.",
        )
    files = _files(environ)
    inside = _is_in_cluster(environ, account)
    if inside and (context == IN_CLUSTER or (not context and not files)):
        return _in_cluster(environ, namespace or "", account)
    if not files:
        raise InvalidRequest(
            "There is no kubeconfig, so no cluster is known.",
            why=f"Looked for {' and '.join(str(path) for path in _paths(environ))}.",
            next_step="Get one from your cluster's administrator, and name it by KUBECONFIG; or "
            'make a cluster on this machine with kind. cnai.use("local") needs none.',
        )
    return _from_files(files, context or "", namespace or "")


def known(environ: Mapping[str, str] | None = None, *, account: Path = ACCOUNT) -> bool:
    """Whether a kubeconfig, or a pod's account, names any cluster."""
    environ = os.environ if environ is None else environ
    return _is_in_cluster(environ, account) or any(path.exists() for path in _paths(environ))


def contexts(
    environ: Mapping[str, str] | None = None, *, account: Path = ACCOUNT
) -> tuple[Context, ...]:
    """All contexts that can be chosen; none where the kubeconfig cannot be read."""
    environ = os.environ if environ is None else environ
    try:
        files = _files(environ)
    except InvalidRequest:
        files = ()
    current = _current(files)
    found = [
        Context(
            name=name,
            namespace=str((entry.context or {}).get("namespace") or "default"),
            current=name == current,
        )
        for name, (entry, _) in _merged(files, "contexts").items()
    ]
    if _is_in_cluster(environ, account):
        own = _own_namespace(account)
        found.append(Context(name=IN_CLUSTER, namespace=own, current=not files))
    return tuple(found)


# -- files --------------------------------------------------------------------------


def _paths(environ: Mapping[str, str]) -> list[Path]:
    named = [Path(p).expanduser() for p in environ.get("KUBECONFIG", "").split(os.pathsep) if p]
    home = environ.get("HOME") or "~"
    return named or [Path(home, ".kube", "config").expanduser()]


def _files(environ: Mapping[str, str]) -> _Files:
    found = []
    for path in _paths(environ):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(path, str(error)) from error
        try:
            content = _without_nulls(yaml.load(text, _Loader))  # a safe loader
            found.append((path, msgspec.convert(content or {}, _File)))
        except msgspec.ValidationError as error:
            raise _unusable(path, str(error)) from error
        except yaml.YAMLError as error:
            # What the parser quotes may be a secret: only the place is told.
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}" if mark is not None else "it"
            raise _unusable(path, f"{where} is not valid YAML") from None
    return found


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value


def _unusable(path: Path | str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The kubeconfig {path} cannot be used.",
        why=f"{why[:1].upper()}{why[1:]}.",
        next_step="Correct it, or name another by KUBECONFIG.",
    )


def _merged(files: _Files, what: str) -> dict[str, tuple[_Named, Path]]:
    """Entries by name; the first file that has a name wins, as with kubectl."""
    found: dict[str, tuple[_Named, Path]] = {}
    for path, file in files:
        for entry in getattr(file, what):
            found.setdefault(entry.name, (entry, path))
    return found


def _current(files: _Files) -> str:
    return next((file.current_context for _, file in files if file.current_context), "")


def _from_files(files: _Files, context: str, namespace: str) -> Target:
    wanted = context or _current(files)
    all_contexts = _merged(files, "contexts")
    if wanted not in all_contexts:
        raise _no_context(files, wanted, sorted(all_contexts))
    entry, path = all_contexts[wanted]
    parts = entry.context or {}
    cluster, cluster_path = _part(files, "clusters", parts.get("cluster"), wanted, path)
    if cluster.cluster is None or not cluster.cluster.server:
        raise _unusable(cluster_path, f"the cluster {parts.get('cluster')!r} has no server")
    chosen = namespace or str(parts.get("namespace") or "default")
    if not _LABEL.fullmatch(chosen):  # it becomes a part of every path
        raise _unusable(path, f"the namespace {chosen!r} of {wanted!r} is not a namespace's name")
    user = User()
    if parts.get("user"):
        named, user_path = _part(files, "users", parts["user"], wanted, path)
        user = _absolute_user(named.user or User(), user_path.parent)
    return Target(
        context=wanted,
        namespace=chosen,
        origin=str(path),
        cluster=_absolute_cluster(cluster.cluster, cluster_path.parent),
        user=user,
    )


def _no_context(files: _Files, wanted: str, names: list[str]) -> InvalidRequest:
    origin = ", ".join(str(path) for path, _ in files)
    near = difflib.get_close_matches(wanted, names, n=1) or names[:1]
    return InvalidRequest(
        f"There is no context {wanted!r}." if wanted else "No context is chosen.",
        why=f"{origin} has {', '.join(names) or 'none'}.",
        next_step=f'Write cnai.use("kubernetes", context="{near[0]}").'
        if near
        else "Get a kubeconfig from your cluster's administrator, and name it by KUBECONFIG.",
    )


def _part(files: _Files, what: str, name: object, context: str, path: Path) -> tuple[_Named, Path]:
    found = _merged(files, what).get(str(name or ""))
    if found is None:
        raise _unusable(path, f"the context {context!r} names {name!r}, which {what} lacks")
    return found


def _absolute(path: str, folder: Path) -> str:
    return str(folder.absolute() / path) if path else ""


def _absolute_cluster(cluster: Cluster, folder: Path) -> Cluster:
    server = cluster.server if "://" in cluster.server else f"https://{cluster.server}"
    authority = _absolute(cluster.certificate_authority, folder)
    return msgspec.structs.replace(cluster, server=server, certificate_authority=authority)


def _absolute_user(user: User, folder: Path) -> User:
    plugin = user.exec
    if plugin is not None and os.sep in plugin.command:
        command = _absolute(plugin.command, folder)
        plugin = msgspec.structs.replace(plugin, command=command)
    return msgspec.structs.replace(
        user,
        client_certificate=_absolute(user.client_certificate, folder),
        client_key=_absolute(user.client_key, folder),
        token_file=_absolute(user.token_file, folder),
        exec=plugin,
    )


# -- the pod's own account -------------------------------------------------------------


def _is_in_cluster(environ: Mapping[str, str], account: Path) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (account / "token").exists()


def _own_namespace(account: Path) -> str:
    try:
        return (account / "namespace").read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"


def _in_cluster(environ: Mapping[str, str], namespace: str, account: Path) -> Target:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    authority = account / "ca.crt"
    return Target(
        context=IN_CLUSTER,
        namespace=namespace or _own_namespace(account),
        origin=f"the pod's account in {account}",
        cluster=Cluster(
            server=f"https://{host}:{port}",
            certificate_authority=str(authority) if authority.exists() else "",
        ),
        user=User(token_file=str(account / "token")),
    )
