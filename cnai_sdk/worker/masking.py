"""Takes the values of secrets out of what workers say, before anything is written down."""

import json
import os
from collections.abc import Sequence
from typing import Any

_SHORTEST = 6
_MASK = "***"


class Mask:
    """Replaces every line of the secrets by '***'.

    Args:
        secrets: their values. A line of fewer than six characters is left alone: it would mask
            ordinary words.

    >>> Mask(["hunter22\\n"]).masked(b"login hunter22")
    b'login ***'
    >>> Mask(["hunter22"]).value({"metrics": {"hunter22": 1.0}, "step": None})
    {'metrics': {'***': 1.0}, 'step': None}
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        lines = {line.strip() for secret in secrets for line in secret.splitlines()}
        self._texts = sorted((x for x in lines if len(x) >= _SHORTEST), key=len, reverse=True)
        self._bytes = [text.encode("utf-8", "surrogateescape") for text in self._texts]
        self.longest = max(map(len, self._bytes), default=0)

    @classmethod
    def of_environment(cls) -> "Mask":
        """Of the secrets that this process got, whose names are in CNAI_SECRETS."""
        names = os.environ.get("CNAI_SECRETS", "").split(",")
        return cls([os.environ.get(name, "") for name in names])

    def __bool__(self) -> bool:
        """Whether there is anything to take out."""
        return bool(self._texts)

    def masked(self, data: bytes) -> bytes:
        """What was printed, without them."""
        for secret in self._bytes:
            data = data.replace(secret, _MASK.encode())
        return data

    def settled(self, data: bytes) -> bytes:
        """What was printed so far, masked, without an end that may become a secret.

        >>> Mask(["hunter22"]).settled(b"login hunt")
        b'login '
        """
        data = self.masked(data)
        begun = (
            length
            for secret in self._bytes
            for length in range(len(secret) - 1, 0, -1)
            if data.endswith(secret[:length])
        )
        return data[: len(data) - max(begun, default=0)]

    def value(self, value: Any) -> Any:
        """A JSON value without them, keys included."""
        if not self._texts:
            return value
        if isinstance(value, str):
            for secret in self._texts:
                value = value.replace(secret, _MASK)
            return value
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value

    def document(self, text: str) -> str:
        """JSON text without them, however it escapes them; numbers stay numbers.

        >>> Mask(["123456", "geheim"]).document('{"n": 1234567, "s": "a geheim"}')
        '{"n": 1234567, "s": "a ***"}'
        """
        return json.dumps(self.value(json.loads(text))) if self._texts else text
