"""Servers of this folder as processes of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


@contextmanager
def running(module: str) -> Iterator[dict[str, Any]]:
    """What a server prints when it stands; it goes with the block."""
    command = [sys.executable, "-m", f"tests.stores.{module}", "0"]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def key(bucket: dict[str, Any], user: str = "owner") -> dict[str, str]:
    """The environment of somebody who uses the buckets; '' is somebody without a key."""
    found = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket['port']}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return found | (dict(zip(names, bucket[user], strict=True)) if user else {})
