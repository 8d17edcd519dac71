"""A package index, as pip asks it, with packages that can be installed and some that cannot.

    python -m tests.stores.index PORT

It prints its port as a line of JSON, and the path of every file that is fetched from it. Standard
library only: its source travels into pods.
"""

import base64
import hashlib
import html
import io
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE = 24 * 2**20
"""Bytes of the package `large`."""


def wheel(name: str, version: str, files: Mapping[str, bytes], needs: str = "") -> bytes:
    """A package as pip installs it."""
    info = f"{name}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    about += f"Requires-Dist: {needs}\n" if needs else ""
    kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    whole = {**files, f"{info}/METADATA": about.encode(), f"{info}/WHEEL": kind.encode()}
    rows = []
    for path, data in whole.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}")
    whole[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,\n"]).encode()
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for path, data in whole.items():
            archive.writestr(path, data)
    return found.getvalue()


def source(name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """A package that pip has to build first."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz") as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return found.getvalue()


_BUILT_BY = b'[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
FILES: Mapping[str, Mapping[str, bytes]] = {
    "greeter": {
        "greeter-1.0-py3-none-any.whl": wheel(
            "greeter", "1.0", {"greeter.py": b"def greet(): return 'hello'\n"}
        )
    },
    "quarrel": {
        "quarrel-1.0-py3-none-any.whl": wheel(
            "quarrel", "1.0", {"quarrel.py": b""}, needs="greeter<1"
        )
    },
    "stubborn": {
        "stubborn-1.0.tar.gz": source(
            "stubborn",
            "1.0",
            {"pyproject.toml": _BUILT_BY, "own.py": b"raise RuntimeError('no compiler')\n"},
        )
    },
    "broken": {"broken-1.0-py3-none-any.whl": b"this is no archive"},
    "large": {
        "large-1.0-py3-none-any.whl": wheel("large", "1.0", {"large.bin": os.urandom(LARGE)})
    },
}


class Index(BaseHTTPRequestHandler):
    """Answers one request: /simple/NAME/ lists the files of a package, /files/NAME/FILE is one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, _, rest = self.path.strip("/").partition("/")
        name, _, file = rest.partition("/")
        found = FILES.get(name, {})
        if kind == "simple" and found:
            links = [f'<a href="/files/{name}/{html.escape(each)}">{each}</a>' for each in found]
            self._send("\n".join(["<!DOCTYPE html>", *links]).encode(), "text/html")
        elif kind == "files" and file in found:
            print(self.path, flush=True)
            self._send(found[file], "application/octet-stream", keep="max-age=31536000, immutable")
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """What is fetched is printed where it is answered."""

    def _send(self, data: bytes, kind: str, *, keep: str = "no-cache") -> None:
        self.send_response(200)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Cache-Control": keep}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def serve(port: int) -> ThreadingHTTPServer:
    """The server; it answers once `serve_forever` runs."""
    return ThreadingHTTPServer(("0.0.0.0", port), Index)


if __name__ == "__main__":
    with serve(int(sys.argv[1])) as server:
        print(json.dumps({"port": server.server_port}), flush=True)
        server.serve_forever()
