"""Secrets by name: from the environment, or from a file that only its owner reads.

Belongs here: names, values on their way to a worker. Never here: a value in an error, a log line or
a representation.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import platformdirs

from cnai_sdk.config import replace_file
from cnai_sdk.errors import BackendUnavailable, InvalidRequest, NotFound

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LIMIT = 64 * 2**10
_DECODER = msgspec.json.Decoder(dict[str, str])


class SecretStore:
    """What `cnai secrets set | list | remove` keeps.

    Args:
        path: the file; mode 0600, in a folder of mode 0700. It is made by the first `set`.

    >>> SecretStore(Path("/nowhere/secrets.json")).names()
    ()
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def default(cls) -> SecretStore:
        """The one of this person: `CNAI_SECRETS_FILE`, or beside the configuration file.

        It is not in the store of the jobs, which may be copied or shared.
        """
        named = os.environ.get("CNAI_SECRETS_FILE")
        return cls(Path(named or Path(platformdirs.user_config_dir("cnai"), "secrets.json")))

    def __repr__(self) -> str:
        return f"SecretStore({str(self._path)!r})"

    def names(self) -> tuple[str, ...]:
        """The names that it has, sorted; never a value."""
        return tuple(sorted(self._read()))

    def set(self, name: str, value: str) -> None:
        """Keep a value under a name, in place of the one before.

        Raises:
            InvalidRequest: the name cannot be a variable's, or the value is empty or too long.
        """
        check_secret_name(name)
        if not value or "\0" in value or len(value.encode()) > _LIMIT:
            raise InvalidRequest(
                f"The value of {name} cannot be a secret.",
                why=f"It is empty, has a zero byte, or more than {_LIMIT // 1024} KiB.",
                next_step=f"Run: cnai secrets set {name}",
            )
        self._write(self._read() | {name: value})

    def remove(self, name: str) -> None:
        """Forget a name and its value.

        Raises:
            NotFound: it has no such name.
        """
        kept = self._read()
        if name not in kept:
            raise NotFound(
                f"There is no secret {name!r}.",
                why=f"There are {', '.join(sorted(kept)) or 'none'}.",
                next_step="Run: cnai secrets list",
            )
        del kept[name]
        self._write(kept)

    def get(self, names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
        """The values of these names: the environment first, then the file.

        Raises:
            InvalidRequest: a name that can be none, or that neither of them has.
        """
        found: dict[str, str] = {}
        kept: dict[str, str] | None = None
        for name in names:
            value = environ.get(check_secret_name(name), "")
            if not value:
                kept = self._read() if kept is None else kept
                value = kept.get(name, "")
            if not value:
                raise InvalidRequest(
                    f"The secret {name} has no value here.",
                    why="It is neither in this environment nor kept by cnai secrets.",
                    next_step=f"Run in a terminal: cnai secrets set {name}",
                )
            found[name] = value
        return found

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                self._refuse_readable_by_others(os.fstat(file.fileno()))
                return _DECODER.decode(file.read())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            # The decoder's words may quote what it could not read, so they are not passed on.
            raise BackendUnavailable(
                f"The secrets in {self._path} cannot be read.",
                why=error.strerror or "" if isinstance(error, OSError) else "It is damaged.",
                next_step="Move the file away and set them again: cnai secrets set NAME",
            ) from None

    def _refuse_readable_by_others(self, found: os.stat_result) -> None:
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise BackendUnavailable(
                f"The secrets in {self._path} can be read by others.",
                why=f"Its mode is {stat.S_IMODE(found.st_mode):04o}; it must be 0600 and yours.",
                next_step=f"Run: chmod 600 {self._path}, and think of the secrets as known.",
            )

    def _write(self, kept: Mapping[str, str]) -> None:
        folder = self._path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = msgspec.json.encode(dict(sorted(kept.items()))).decode()
        replace_file(self._path, text)


def check_secret_name(name: object) -> str:
    """The name, when an environment variable can have it.

    Raises:
        InvalidRequest: it cannot.

    >>> check_secret_name("HF_TOKEN")
    'HF_TOKEN'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        # What is not a name may well be the value itself, so it is not repeated.
        raise InvalidRequest(
            "This cannot be a secret's name.",
            why="A name has letters, digits and '_', as an environment variable has; values are "
            "never written into a call.",
            next_step='Write secrets=["HF_TOKEN"], and run: cnai secrets set HF_TOKEN',
        )
    return name
