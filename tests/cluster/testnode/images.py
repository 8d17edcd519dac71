"""What an image is here: an entry in a table. And what a kubelet says of one that is not there."""

import re

from tests.cluster.testnode.config import Config

_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"^(?:{_HOST}/)?{_NAME}(?:/{_NAME})*(?::[\w][\w.-]{{0,127}})?(?:@[a-z0-9]+:[a-f0-9]{{32,}})?$"
)


_RESOLVE = 'failed to resolve reference "{full}": '
REFUSALS = {
    "not found": ("NotFound", _RESOLVE + "{full}: not found"),
    "private": (
        "Unknown",
        _RESOLVE + "pull access denied, repository does not exist or may require authorization: "
        "server message: insufficient_scope: authorization failed",
    ),
    "limited": (
        "Unknown",
        "failed to copy: httpReadSeeker: failed open: unexpected status from GET request to "
        "https://{host}/v2/{path}/manifests/latest: 429 Too Many Requests\ntoomanyrequests: You "
        "have reached your unauthenticated pull rate limit. "
        "https://www.docker.com/increase-rate-limit",
    ),
    "other platform": ("NotFound", "no match for platform in manifest: not found"),
    "unreachable": (
        "Unknown",
        _RESOLVE + 'failed to do request: Head "https://{host}/v2/{path}/manifests/latest": '
        "dial tcp 192.0.2.1:443: i/o timeout",
    ),
}
"""How a registry says no, in containerd's words; an entry of the table is such a name."""


class ImageError(Exception):
    """An image that cannot be had: a waiting reason and its message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def tagged(image: str) -> str:
    """The image with its tag.

    >>> tagged("python"), tagged("localhost:5000/a"), tagged("python:3.11")
    ('python:latest', 'localhost:5000/a:latest', 'python:3.11')
    """
    if not _REFERENCE.match(image):
        lower = _REFERENCE.match(image.lower())
        why = f": repository name ({image}) must be lowercase" if lower else ""
        raise ImageError(
            "InvalidImageName",
            f'Failed to apply default image tag "{image}": '
            f'couldn\'t parse image name "{image}": invalid reference format{why}',
        )
    return image if "@" in image or ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"


def _qualified(image: str) -> str:
    """The image with the registry that a container runtime adds.

    >>> _qualified("python:3"), _qualified("a/b:1"), _qualified("ghcr.io/a:1")
    ('docker.io/library/python:3', 'docker.io/a/b:1', 'ghcr.io/a:1')
    """
    first, slash, _ = image.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"


class Images:
    """The table, and which images this process has pulled already."""

    def __init__(self, config: Config) -> None:
        self._table = sorted(config.images.items(), key=lambda entry: -len(entry[0]))
        self._present: set[str] = set()

    def entrypoint(self, image: str) -> list[str] | None:
        """What the image runs when the pod names no command; None where it cannot be pulled."""
        entry = self._entry(image)
        return entry if isinstance(entry, list) else None

    def _entry(self, image: str) -> list[str] | str | None:
        return next((entry for part, entry in self._table if part in image), None)

    def present(self, image: str, policy: str) -> bool:
        """Whether no pull is needed. With the policy Never an absent one is an error."""
        there = image in self._present and policy != "Always"
        if policy == "Never" and self.entrypoint(image) is None:
            raise ImageError(
                "ErrImageNeverPull",
                f'Container image "{image}" is not present with pull policy of Never',
            )
        return there or policy == "Never"

    def pull(self, image: str) -> list[str]:
        entry = self._entry(image)
        if not isinstance(entry, list):
            code, said = REFUSALS[entry or "not found"]
            full = _qualified(tagged(image))
            host, _, path = full.rpartition(":")[0].partition("/")
            said = said.format(full=full, host=host, path=path)
            raise ImageError(
                "ErrImagePull",
                f'rpc error: code = {code} desc = failed to pull and unpack image "{full}": {said}',
            )
        self._present.add(image)
        return entry
