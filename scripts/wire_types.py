"""Write the page's types from the server's shapes: `python scripts/wire_types.py`.

The result is kept in the repository, so that the page builds without Python, and a test compares it
with what the shapes are now.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnai_server_ext.schema import stream_schema

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "labextension" / "src" / "generated" / "wire.ts"
BANNER = "// Made by `jlpm types` from the shapes in server_ext/cnai_server_ext. Do not edit."


def wire_types() -> str:
    """The TypeScript interfaces of everything on the wire."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "wire.json")
        source.write_text(json.dumps(_plainer(stream_schema())))
        command = [
            str(ROOT / "node_modules" / ".bin" / "json2ts"),
            *("--input", str(source), "--bannerComment", BANNER),
            *("--additionalProperties=false", "--unreachableDefinitions", "--maxItems=-1"),
        ]
        made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return re.sub(r"\n \*\n \* This interface was referenced by .*\n .*", "", made.stdout)


def _plainer(schema: Any) -> Any:
    """A definition that is used with a default would become a second type, a list that must not be
    empty a tuple, and a word that may be any other a union that linters refuse."""
    if isinstance(schema, list):
        return [_plainer(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {
        name: _plainer(each) for name, each in schema.items() if name not in ("default", "minItems")
    }
    ways = plain.get("anyOf", ())
    if {"type": "string"} in ways and any("enum" in way for way in ways):
        del plain["anyOf"]
        plain["type"] = "string"
    if plain.get("type") == "object" and "properties" not in plain:
        plain.setdefault("additionalProperties", True)
    return plain


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(wire_types())
    prettier = str(ROOT / "node_modules" / ".bin" / "prettier")
    subprocess.run([prettier, "--write", str(TARGET)], cwd=ROOT, check=True)
