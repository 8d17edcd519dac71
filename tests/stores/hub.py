"""A server that speaks as much of the Hugging Face Hub as is needed to fetch a repository.

    python -m tests.stores.hub PORT

It has a dataset and two models that are open, one of them large, a private and a gated dataset,
and prints its port as a line of JSON. Standard library only: its source travels into pods.
"""

import hashlib
import json
import sys
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_only-for-tests"
FILES: Mapping[str, Mapping[str, bytes]] = {
    "datasets/acme/digits": {"labels.txt": b"one two", "images/1.bin": bytes(range(256))},
    "datasets/acme/hidden": {"labels.txt": b"hidden"},
    "datasets/acme/gated": {"labels.txt": b"gated"},
    "models/acme/net": {"config.json": b"{}", "model.bin": b"\1" * 3000},
    "models/acme/large": {"model.bin": b"\1" * (24 * 2**20)},
}
_BRANCHES = {"main": "1" * 40, "old": "2" * 40}


class Hub(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def _answer(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).strip("/")
        parts = path.split("/")
        api = parts[0] == "api"
        parts = parts[1:] if api else parts
        if parts[0] not in ("datasets", "models"):
            parts = ["models", *parts]
        name, rest = "/".join(parts[:3]), parts[3:]
        files = FILES.get(name)
        who = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if files is None or (name.endswith("/hidden") and who != TOKEN):
            self._refuse(404 if who == TOKEN else 401, "RepoNotFound")
            return
        if not api and name.endswith("/gated"):
            self._refuse(403, "GatedRepo")
            return
        if name.endswith("/gated") and rest[:1] == ["tree"]:
            self._refuse(403, "GatedRepo")
            return
        revision = rest[1] if len(rest) > 1 else "main"
        commit = _BRANCHES.get(revision, revision)
        if commit not in _BRANCHES.values():
            self._refuse(404, "RevisionNotFound")
        elif api and rest[:1] == ["tree"]:
            self._send(json.dumps([_entry(path, data) for path, data in files.items()]).encode())
        elif api:
            self._send(json.dumps(_about(name, commit, files)).encode())
        else:
            self._file(commit, files.get("/".join(rest[2:])), old=commit == _BRANCHES["old"])

    def _file(self, commit: str, data: bytes | None, *, old: bool) -> None:
        if data is None:
            self._refuse(404, "EntryNotFound")
            return
        data = b"old " + data if old else data
        etag = hashlib.sha1(data).hexdigest()
        self._send(data, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})

    def _refuse(self, status: int, code: str) -> None:
        self._send(b"{}", {"X-Error-Code": code, "X-Error-Message": code}, status=status)

    def _send(self, data: bytes, headers: Mapping[str, str] = {}, *, status: int = 200) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}


def _about(name: str, commit: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    siblings = [{"rfilename": path, "size": len(data)} for path, data in files.items()]
    return {"id": name.partition("/")[2], "sha": commit, "siblings": siblings, "private": False}


def serve(port: int) -> ThreadingHTTPServer:
    """The server; it answers once `serve_forever` runs."""
    return ThreadingHTTPServer(("0.0.0.0", port), Hub)


if __name__ == "__main__":
    with serve(int(sys.argv[1])) as server:
        print(json.dumps({"port": server.server_port}), flush=True)
        server.serve_forever()
