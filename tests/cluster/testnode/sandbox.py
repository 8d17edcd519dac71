"""The command line of a container's sandbox: mounts, processes, identity, by bubblewrap."""

from pathlib import Path

from tests.cluster.testnode.client import Object
from tests.cluster.testnode.config import Config
from tests.cluster.testnode.environment import ConfigError

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "opt", "nix")
WRITABLE = ("/tmp", "/run", "/var", "/mnt", "/home", "/root", "/srv", "/media", "/workspace")
ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release", "protocols",
    "services", "ssl", "timezone",
)  # fmt: skip
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "SETFCAP",
)  # fmt: skip
COMMANDS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
SHM = 64 * 2**20  # what container runtimes give
RESOLV = (
    "nameserver {0}\nsearch {1}.svc.cluster.local svc.cluster.local cluster.local\n"
    "options ndots:5 timeout:2\n"
)

NONROOT = 65532
"""Whom images that are one program run as: operators are built on distroless's nonroot."""


class Identity:
    """Who a container runs as: by its own securityContext, its pod's, or its image."""

    def __init__(self, pod: Object, container: Object, image_user: int | None = None) -> None:
        theirs = pod["spec"].get("securityContext") or {}
        own = container.get("securityContext") or {}
        merged = {**theirs, **own}
        self.user: int | None = merged.get("runAsUser", image_user)
        self.group: int | None = merged.get("runAsGroup")
        self.read_only = bool(own.get("readOnlyRootFilesystem"))
        self.privileged = bool(own.get("privileged"))
        self.capabilities = own.get("capabilities") or {}
        if merged.get("runAsNonRoot") and not self.user:
            meta = pod["metadata"]
            where = (
                f'(pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", '
                f"container: {container['name']})"
            )
            what = (
                "container has runAsNonRoot and image will run as root"
                if self.user is None
                else "container's runAsUser breaks non-root policy"
            )
            raise ConfigError(f"{what} {where}")

    @property
    def home(self) -> str:
        return "/root" if not self.user else "/"

    def arguments(self) -> list[str]:
        if self.user or self.group:
            return ["--unshare-user", "--uid", str(self.user or 0), "--gid", str(self.group or 0)]
        if self.privileged:
            return []
        dropped = set(self.capabilities.get("drop") or [])
        kept = [] if "ALL" in dropped else [c for c in CAPABILITIES if c not in dropped]
        kept += [c for c in self.capabilities.get("add") or [] if c not in kept and c != "ALL"]
        return ["--cap-drop", "ALL", *(x for name in kept for x in ("--cap-add", f"CAP_{name}"))]


class Machine:
    """Which of the machine's files every container sees."""

    def __init__(self, config: Config, command_folder: Path) -> None:
        self._binds = [Path(bind) for bind in config.binds]
        for folder in map(Path, config.path):
            self._binds.append(folder.parent)
            for python in folder.glob("python3"):
                self._binds.append(python.resolve().parent.parent)
        self._hide = [Path(hidden) for hidden in config.hide]
        self._commands = command_folder
        self.path = ":".join([*config.path, *COMMANDS, "/testnode"])

    def root(self) -> list[str]:
        box: list[str] = []
        for name in SYSTEM:
            top = Path("/", name)
            if top.is_symlink():
                box += ["--symlink", str(top.readlink()), str(top)]
            elif top.is_dir():
                box += ["--ro-bind", str(top), str(top)]
        for folder in WRITABLE:
            mode = ["--perms", "1777"] if folder in ("/tmp", "/mnt", "/workspace", "/home") else []
            box += [*mode, "--tmpfs", folder]
        box += ["--symlink", "/run", "/var/run", "--dir", "/var/tmp", "--dir", "/var/log"]
        box += ["--ro-bind", str(self._commands), "/testnode", "--tmpfs", "/etc"]
        for name in ETC:
            source = Path("/etc", name)
            if source.is_symlink():
                box += ["--symlink", str(source.readlink()), str(source)]
            elif source.exists():
                box += ["--ro-bind", str(source), str(source)]
        for bind in self._binds:
            if bind.exists() and not str(bind).startswith(("/usr", "/opt", "/bin")):
                box += ["--ro-bind", str(bind), str(bind)]
        for hidden in self._hide:
            box += ["--tmpfs", str(hidden)]
        return box

    def above(self, targets: list[str]) -> list[str]:
        """What a pod's own mounts would cover: its /tmp, and a checkout that lies there."""
        covered = [
            bind
            for bind in self._binds
            if bind.exists() and any(bind.is_relative_to(target) for target in targets)
        ]
        box = [x for bind in covered for x in ("--ro-bind", str(bind), str(bind))]
        for hidden in self._hide:
            if any(hidden.is_relative_to(bind) for bind in covered):
                box += ["--tmpfs", str(hidden)]
        return box


def write_etc(folder: Path, pod: Object, address: str, gateway: str) -> None:
    """The files of /etc that are a pod's own."""
    folder.mkdir(parents=True, exist_ok=True)
    meta, spec = pod["metadata"], pod["spec"]
    host = hostname(pod)
    domain = (
        f"{spec['subdomain']}.{meta['namespace']}.svc.cluster.local"
        if spec.get("subdomain")
        else ""
    )
    own = f"{address}\t{host}.{domain}\t{host}" if domain else f"{address}\t{host}"
    aliases = "".join(
        f"{alias['ip']}\t{' '.join(alias.get('hostnames') or [])}\n"
        for alias in spec.get("hostAliases") or []
    )
    files = {
        "hosts": f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{own}\n{aliases}",
        "hostname": f"{host}\n",
        "resolv.conf": RESOLV.format(gateway, meta["namespace"]),
        "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        "group": "root:x:0:\nnogroup:x:65534:\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)


def hostname(pod: Object) -> str:
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def command(
    machine: Machine,
    identity: Identity,
    pod: Object,
    container: Object,
    *,
    etc: Path,
    message: Path,
    mounts: list[tuple[Path, str, bool]],
    status_fd: int,
) -> list[str]:
    """Everything of the sandbox but what runs in it. `mounts`: source, target, read-only."""
    box = ["--die-with-parent", "--unshare-pid", "--unshare-uts", "--unshare-ipc"]
    box += ["--as-pid-1", "--hostname", hostname(pod), "--json-status-fd", str(status_fd)]
    box += [*identity.arguments(), *machine.root()]
    box += ["--proc", "/proc", "--dev", "/dev"]
    box += ["--perms", "1777", "--size", str(SHM), "--tmpfs", "/dev/shm"]
    for own in sorted(etc.iterdir()):
        box += ["--ro-bind" if identity.read_only else "--bind", str(own), f"/etc/{own.name}"]
    working = container.get("workingDir") or "/"
    targets = [target for _, target, _ in mounts]
    if working != "/" and not any(f"{working}/".startswith(f"{top}/") for top in targets):
        box += ["--dir", working] if not Path(working).is_dir() else []
    path = container.get("terminationMessagePath") or "/dev/termination-log"
    for source, target, read_only in sorted(mounts, key=lambda mount: mount[1].count("/")):
        inside = target.replace("/var/run/", "/run/", 1)
        box += ["--ro-bind" if read_only else "--bind", str(source), inside]
    box += machine.above(targets)
    box += ["--bind", str(message), path.replace("/var/run/", "/run/", 1)]
    if identity.read_only:  # last: places for mounts are made in them
        whole = [folder for folder in (*WRITABLE, "/") if folder not in targets]
        box += [x for folder in whole for x in ("--remount-ro", folder)]
    return [*box, "--chdir", working, "--"]
