"""Data from a bucket or the Hugging Face Hub, fetched to the worker's own disk before it starts.

It is done by a process of its own, since what it needs may lie in the packages that were installed:

    python -m cnai_sdk.fetching HOME
"""

import concurrent.futures
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from . import reporting
from .bucket import Bucket, Trouble
from .masking import Mask

_LIBRARIES = {
    "s3": ("boto3", "boto3>=1.28"),
    "hf": ("huggingface_hub", "huggingface_hub>=0.26"),
}
_AT_ONCE = 8
_SAY_EVERY = 2.0
_TROUBLE = "trouble.json"


def lacking(addresses: Iterable[str]) -> dict[str, str]:
    """The libraries that these addresses need and the image has not: name to requirement."""
    schemes = sorted({address.partition("://")[0] for address in addresses if address})
    wanted = [_LIBRARIES[scheme] for scheme in schemes]
    return {name: asked for name, asked in wanted if importlib.util.find_spec(name) is None}


def environment(home: str) -> dict[str, str]:
    """Of a process that runs a module of this package."""
    worker, own = os.path.join(home, "job", "worker"), os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{worker}:{own}" if own else worker}


def run(home: str, interpreter: str) -> dict[str, Any]:
    """Fetch everything; `reason` and `message` of what went wrong, or nothing."""
    file = os.path.join(home, _TROUBLE)
    if os.path.exists(file):
        os.remove(file)
    done = subprocess.run(
        [interpreter, "-m", "cnai_sdk.fetching", home],
        stdin=subprocess.DEVNULL,
        cwd=home,
        env=environment(home),
        check=False,
    )
    if done.returncode == 0:
        return {}
    try:
        with open(file, encoding="utf-8") as opened:
            return dict(json.load(opened))
    except (OSError, ValueError):
        said = f"What fetches the data ended with exit code {done.returncode}"
        return {"reason": "DataFailed", "message": said}


def main(home: str) -> int:
    """Fetch what pod.json names, one address after the other."""
    with open(os.path.join(home, "job", "pod.json"), encoding="utf-8") as file:
        wanted: dict[str, str] = json.load(file)["fetch"]
    for place, address in wanted.items():
        if os.path.exists(f"{place}.complete"):
            continue  # by a container before this one, in the same pod
        try:
            _fetch(address, place)
        except (Trouble, OSError) as error:
            kind = error.kind if isinstance(error, Trouble) else "Failed"
            said = f"{address} cannot be kept on the worker's disk: {error}"
            said = error.message if isinstance(error, Trouble) else said
            said = Mask.of_environment().masked(said.encode()).decode()
            print(f"The data is not there: {said}", file=sys.stderr, flush=True)
            with open(os.path.join(home, _TROUBLE), "w", encoding="utf-8") as file:
                json.dump({"reason": f"Data{kind}", "message": said}, file)
            return 1
        with open(f"{place}.complete", "w", encoding="ascii"):
            continue
    return 0


def _fetch(address: str, place: str) -> None:
    reporting.say_frame({"doing": f"Fetching {address}"})
    os.makedirs(os.path.dirname(place), exist_ok=True)
    begun = time.monotonic()
    found = _from_bucket(address, place) if address.startswith("s3:") else _from_hub(address, place)
    count, size = _extent(place)
    files = "1 file" if count == 1 else f"{count} files"
    spent = time.monotonic() - begun
    print(f"Fetched {address}{found}: {files}, {_bytes(size)} in {spent:.1f} s", flush=True)


# -- a bucket ---------------------------------------------------------------------------


def _from_bucket(address: str, place: str) -> str:
    bucket = Bucket(address)
    objects = list(bucket.objects())
    if not objects:
        alone = bucket.alone()
        if alone is None:
            raise Trouble("Missing", f"Nothing is at {address}")
        objects = [alone]
    with _Meter(address, place, sum(each.size for each in objects)):
        wanted = [(each.path, _inside(place, each.path), each.size) for each in objects]
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            loads = [
                pool.submit(_load, bucket, path, file)
                for path, file, size in wanted
                if not (os.path.isfile(file) and os.path.getsize(file) == size)
            ]
            try:
                for each in concurrent.futures.as_completed(loads):
                    each.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return ""


def _load(bucket: Bucket, path: str, file: str) -> None:
    os.makedirs(os.path.dirname(file), exist_ok=True)
    try:
        bucket.load(path, file)
    except FileNotFoundError as error:
        raise Trouble("Missing", f"{path} went from {bucket.address} meanwhile") from error


def _inside(place: str, path: str) -> str:
    """Where an object lies below a folder.

    Raises:
        Trouble: its name is no path.
    """
    if not path:
        return place
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise Trouble("Failed", f"The object {path!r} has a name that no file can have")
    return os.path.join(place, path)


# -- the Hugging Face Hub -----------------------------------------------------------------


def _from_hub(address: str, place: str) -> str:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import HfApi, errors, snapshot_download

    name, _, revision = address.partition("://")[2].partition("@")
    kind = "dataset" if name.startswith("datasets/") else "model"
    name = name.removeprefix("datasets/")
    try:
        info: Any = HfApi().repo_info(
            name, repo_type=kind, revision=revision or None, files_metadata=True
        )
        total = sum(each.size or 0 for each in info.siblings or ())
        with _Meter(address, place, total):
            snapshot_download(name, repo_type=kind, revision=info.sha, local_dir=place)
    except errors.RevisionNotFoundError as error:
        raise Trouble("Missing", f"The {kind} {name} has no revision {revision}") from error
    except errors.GatedRepoError as error:
        raise Trouble(
            "Denied", f"The {kind} {name} is open only to whom its owner allows it"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise Trouble(
            "Missing", f"There is no {kind} {name} on the Hub that {_reader()} may read"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(error, address) from error
    except errors.HfHubHTTPError as error:
        raise _of_hub(error, address) from error
    except errors.HFValidationError as error:
        raise Trouble("Missing", f"{name} is no name that the Hub knows: {error}") from error
    except Exception as error:
        if not _of_network(error):
            raise
        raise _unreachable(error, address) from error
    shutil.rmtree(os.path.join(place, ".cache", "huggingface"), ignore_errors=True)
    if os.path.isdir(own := os.path.join(place, ".cache")) and not os.listdir(own):
        os.rmdir(own)
    return f" at {info.sha[:12]}" if info.sha else ""


def _reader() -> str:
    return "the HF_TOKEN" if os.environ.get("HF_TOKEN") else "somebody without a token"


def _of_hub(error: Any, address: str) -> Trouble:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    said = str(error).strip().partition("\n")[0]
    if status in (401, 403):
        return Trouble("Denied", f"The Hub refuses {address} to {_reader()} ({status})")
    return Trouble("Failed", f"{address} was not fetched: {said}")


def _unreachable(error: BaseException, address: str) -> Trouble:
    said = str(error).strip().partition("\n")[0]
    at = os.environ.get("HF_ENDPOINT") or "The Hugging Face Hub"
    return Trouble("Unreachable", f"{at} cannot be reached, where {address} is: {said}")


def _of_network(error: BaseException) -> bool:
    libraries = ("httpx", "httpcore", "requests", "urllib3")
    kinds = [each for each in type(error).__mro__ if each.__module__.startswith(libraries)]
    return bool(kinds) or isinstance(error, ConnectionError | TimeoutError)


# -- how far it is ------------------------------------------------------------------------


class _Meter:
    """Says how much of an address is there, while the block runs."""

    def __init__(self, address: str, place: str, total: int) -> None:
        self._address, self._place, self._total = address, place, total
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._say, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _say(self) -> None:
        while True:
            there = _extent(self._place)[1]
            share = f"{_bytes(min(there, self._total))} of {_bytes(self._total)}"
            reporting.say_frame({"doing": f"Fetching {self._address}, {share}"})
            if self._over.wait(_SAY_EVERY):
                return


def _extent(place: str) -> tuple[int, int]:
    """Files and bytes."""
    if os.path.isfile(place):
        return 1, os.path.getsize(place)
    sizes = []
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                sizes.append(os.path.getsize(os.path.join(folder, name)))
            except OSError:
                continue
    return len(sizes), sum(sizes)


def _bytes(count: float) -> str:
    unit = "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if count < 1024:
            break
        count, unit = count / 1024, larger
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
