"""Addresses of data that a cluster's workers read, and of outputs that they write.

pvc://CLAIM/FOLDER               a PersistentVolumeClaim of the namespace
s3://BUCKET/PREFIX               a bucket that speaks S3
hf://OWNER/NAME@REVISION         a model of the Hugging Face Hub
hf://datasets/OWNER/NAME@REVISION
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cnai_sdk.errors import InvalidRequest
from cnai_sdk.model.spec import DataLink

_SCHEMES = ("pvc", "s3", "hf")
_MEANT = re.compile(r"(?:[^=]*=)?(?:(?:pvc|s3|hf):|[a-z][a-z0-9+.-]*://)", re.ASCII)
_NAMED = re.compile(r"(?:([^=]*)=)?([a-z][a-z0-9+.-]*)://(.*)", re.ASCII | re.DOTALL)
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_CLAIM = re.compile(r"([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)((?:/[^/]+)*)/?", re.ASCII)
_BUCKET = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[^/\x00-\x1f\x7f]+)*)/?", re.ASCII)
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(
    rf"(?!(?:datasets|spaces)(?:@|/?$)|spaces/)(?P<set>datasets/)?(?P<repo>(?:{_PART}/)?{_PART})(?:@(?P<revision>[\w.-]+(?:/[\w.-]+)*))?/?",
    re.ASCII,
)
_LONGEST_KEY = 700
_KEY_OF_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

_EXAMPLES = {
    "pvc": ("a folder of a claim", "pvc://datasets/cifar"),
    "s3": ("a bucket and a folder in it", "s3://my-bucket/cifar"),
    "hf": ("a repository of the Hugging Face Hub", "hf://datasets/ylecun/mnist"),
}
_RULES = {
    "pvc": "A claim's name has a-z, 0-9, '-' and '.'; a folder stays inside the claim.",
    "s3": "A bucket's name has 3 to 63 of a-z, 0-9, '-' and '.'; a folder has no '..' and no "
    "empty part in it.",
    "hf": "It is hf://OWNER/NAME for a model and hf://datasets/OWNER/NAME for a dataset, with "
    "@REVISION where you want one; a part of a repository cannot be named.",
}


def is_address(item: object) -> bool:
    """True for text that means data elsewhere, well written or not.

    >>> [is_address(t) for t in ("a/b.csv", "x=s3://b/c", "hf:gpt2", "gs://b")]
    [False, True, True, True]
    """
    return isinstance(item, str) and _MEANT.match(item) is not None


def on_cluster(link: DataLink) -> bool:
    """True when the data is not a file here.

    >>> on_cluster(DataLink(path="cifar", source="pvc://datasets/cifar"))
    True
    """
    return scheme_of(link.source) in _SCHEMES


def scheme_of(address: str) -> str:
    """What an address starts with, or '' for a path of this machine.

    >>> scheme_of("s3://bucket/runs"), scheme_of("/srv/data")
    ('s3', '')
    """
    scheme, found, _ = address.partition("://")
    return scheme if found else ""


def link_of(item: str) -> DataLink:
    """'s3://bucket/cifar' is found as 'cifar', 'train=s3://bucket/cifar' as 'train'.

    Raises:
        InvalidRequest: it names nothing that can be read.

    >>> link_of("hf://datasets/ylecun/mnist@main")
    DataLink(path='mnist', source='hf://datasets/ylecun/mnist@main')
    """
    named = _NAMED.fullmatch(item)
    scheme = named[2] if named else re.split(r"[=]", item)[-1].partition(":")[0]
    if named is not None and scheme not in _SCHEMES:
        raise InvalidRequest(
            f"data has {item!r}, which is no place that workers can read from.",
            why="They read claims of the namespace (pvc://), buckets (s3://) and the Hugging Face "
            "Hub (hf://).",
            next_step="Copy it to one of them, or let the function load it; then write data=["
            f'"{_EXAMPLES["s3"][1]}"], for one.',
        )
    found = _read(scheme, named[3]) if named is not None else None
    if named is None or found is None or not _is_name(named[1]):
        raise _malformed(item, scheme)
    address, last = found
    return DataLink(path=named[1] or last, source=f"{scheme}://{address}")


def outputs_of(outputs: object) -> str:
    """Where a cluster keeps what the workers write, without a slash at its end.

    Raises:
        InvalidRequest: not a place that can be written to and read back.

    >>> outputs_of("pvc://scratch/runs/"), outputs_of("s3://bucket/runs")
    ('pvc://scratch/runs', 's3://bucket/runs')
    """
    example = (
        'Write outputs="pvc://CLAIM/runs", with the name of a PersistentVolumeClaim, or '
        'outputs="s3://BUCKET/runs".'
    )
    named = _NAMED.fullmatch(outputs) if isinstance(outputs, str) else None
    if named is None or named[1] is not None or named[2] not in ("pvc", "s3"):
        raise InvalidRequest(
            f"outputs={outputs!r} is no place that workers can write to.",
            why="It is a claim of the namespace, or a bucket, and a folder in it.",
            next_step=example,
        )
    found = _read(named[2], named[3])
    if found is None:
        what = "bucket" if named[2] == "s3" else "claim"
        raise InvalidRequest(
            f"outputs={outputs!r} has no valid {what} and folder in it.",
            why=_RULES[named[2]],
            next_step=example,
        )
    return f"{named[2]}://{found[0]}"


def without_credentials(
    addresses: Iterable[str], secrets: Iterable[str], env: Iterable[str]
) -> list[str]:
    """What to tell somebody whose buckets are read without a key that was named."""
    buckets = [address for address in addresses if scheme_of(address) == "s3"]
    given = {name.rpartition("/")[2] for name in secrets} | set(env)
    if not buckets or given & {*_KEY_OF_AWS, "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"}:
        return []
    return [
        f"No AWS_ACCESS_KEY_ID is among secrets=, so the workers use {buckets[0]} with what the "
        "cluster gives them (a role of the service account or the node), or without a name."
    ]


def _read(scheme: str, rest: str) -> tuple[str, str] | None:
    """The address without its scheme, and its last part; None when it is malformed."""
    if scheme == "hf":
        found = _REPOSITORY.fullmatch(rest)
        if found is None or {".", ".."} & set((found["revision"] or "").split("/")):
            return None
        at = f"@{found['revision']}" if found["revision"] else ""
        repository = found["repo"]
        return f"{found['set'] or ''}{repository}{at}", repository.rpartition("/")[2]
    found = (_BUCKET if scheme == "s3" else _CLAIM).fullmatch(rest)
    if found is None or {".", ".."} & set(found[2].split("/")) or ".." in found[1]:
        return None
    if len(found[2].encode()) > _LONGEST_KEY:
        return None
    return f"{found[1]}{found[2]}", found[2].rpartition("/")[2] or found[1]


def _is_name(name: str | None) -> bool:
    if name is None:
        return True
    return _NAME.fullmatch(name) is not None and not {".", ".."} & set(name.split("/"))


def _malformed(item: str, scheme: str) -> InvalidRequest:
    what, example = _EXAMPLES[scheme]
    name = example.rpartition("/")[2]
    return InvalidRequest(
        f"data has {item!r}, which names no {what.partition(' ')[2]}.",
        why=_RULES[scheme],
        next_step=f'Write data=["{example}"]; the workers find it as "{name}". '
        f'With another name: data=["train={example}"].',
    )
