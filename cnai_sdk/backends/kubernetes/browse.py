"""Runs inside a pod that reads a claim or a bucket: says what files are there, or what one holds.

Belongs here: the standard library only; the source of this file travels in the pod's command, or
beside that of the worker's modules that speak with buckets. It speaks on standard output, a line at
a time, each marked, since a log may hold other lines.

    list ROOT           the files below a folder
    read ROOT PATH N    the piece with the number N of a file, and the digest of the whole
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import itertools
import json
import os
import sys
import zlib
from pathlib import Path
from typing import Any

MARK = "cnai "
PIECE = 4 * 2**20
"""Bytes of a file in one answer: a node keeps the last 10 MiB of a container's log."""

MOST_FILES = 50_000
_LINE = 8000


def answer(header: dict[str, Any], data: bytes = b"") -> None:
    """One answer: what it is about, the data, and a digest that says it is whole."""
    print(MARK + json.dumps(header))
    text = base64.b64encode(zlib.compress(data, 1)).decode()
    for start in range(0, len(text), _LINE):
        print(MARK + text[start : start + _LINE])
    print(MARK + json.dumps({"sha256": hashlib.sha256(data).hexdigest()}), flush=True)


def inside(outer: Path, path: str) -> Path | None:
    """The real path below a folder, or None when it leads out of it."""
    top = outer.resolve()
    real = (top / path).resolve()
    return real if real == top or top in real.parents else None


def files(top: Path) -> list[tuple[str, int]]:
    """Paths and sizes, in order. Links are left out: they may be the data that was given."""
    found: list[tuple[str, int]] = []
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not Path(folder, name).is_symlink())
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and len(found) < MOST_FILES:
                found.append((path.relative_to(top).as_posix(), path.stat().st_size))
    return found


def piece(top: Path, path: str, number: int) -> None:
    """One piece of a file. The digest of the whole comes with the first."""
    real = inside(top, path)
    if real is None:
        answer({"problem": "outside"})
    elif not real.is_file():  # a pipe would keep its reader waiting
        answer({"problem": "missing"})
    else:
        with real.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            whole = hashlib.sha256()
            if number == 0:
                for block in iter(lambda: file.read(2**20), b""):
                    whole.update(block)
            file.seek(number * PIECE)
            answer({"size": size, "whole": whole.hexdigest()}, file.read(PIECE))


def main(place: str, do: str, root: str, path: str = "", number: str = "0") -> None:
    """Do what the words say, below a folder of what is mounted, or in a bucket."""
    if place.startswith("s3://"):
        in_bucket(place, do, path, int(number))
        return
    top = inside(Path(place), root)
    if top is None:
        answer({"problem": "outside"})
    elif do == "list":
        listed(files(top))
    else:
        piece(top, path, int(number))


def listed(found: list[tuple[str, int]]) -> None:
    """The answer to `list`."""
    text = json.dumps(found).encode("utf-8", "surrogateescape")
    answer({"count": len(found)}, text)


def in_bucket(address: str, do: str, path: str, number: int) -> None:
    """The same for a folder of a bucket, where nothing leads out."""
    # Of the worker, whose source has come along.
    from cnai_sdk.bucket import Bucket, Trouble  # type: ignore[import-not-found]

    try:
        bucket = Bucket(address)
        if do == "list":
            there = (each for each in bucket.objects() if not each.path.startswith(".cnai/"))
            listed(sorted((each.path, each.size) for each in itertools.islice(there, MOST_FILES)))
            return
        size, whole, held = 0, hashlib.sha256(), b""
        if number == 0:
            for block in bucket.blocks(path):
                whole.update(block)
                size += len(block)
                held += block[: PIECE - len(held)]
        else:
            held = bucket.part(path, number * PIECE, PIECE)
        answer({"size": size, "whole": whole.hexdigest()}, held)
    except FileNotFoundError:
        answer({"problem": "missing"})
    except Trouble as trouble:
        answer({"problem": "error", "said": trouble.message})


def run(*words: str) -> None:
    """Do what the words say, once boto3 is there."""
    if importlib.util.find_spec("boto3") is None:
        from cnai_sdk.installing import installed  # type: ignore[import-not-found]
        from cnai_sdk.masking import Mask  # type: ignore[import-not-found]

        layer = str(Path.home() / "cnai" / "packages")
        python, trouble = installed(layer, ["boto3>=1.28"], cache="", mask=Mask())
        if trouble:
            said = f"The image has no boto3, and it cannot be installed: {trouble}"
            answer({"problem": "error", "said": said})
            return
        os.execv(python, [python, *sys.orig_argv[1:]])
    main(*words)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        answer({"problem": "error", "said": str(error)})
