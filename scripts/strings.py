"""Compare what the lab extension says with its Chinese: prints what is missing, and what is left.

python scripts/strings.py           # what to translate, as JSON to be filled in
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "labextension" / "src"
CATALOGUE = ROOT / "cnai_sdk" / "locale" / "zh_CN" / "LC_MESSAGES" / "cnai_lab.json"
_STRING = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
_CALL = re.compile(rf"\btrans\s*\.(__|_n)\(\s*({_STRING})")


def said() -> dict[str, bool]:
    """What the page says → whether it has a plural."""
    return {
        ast.literal_eval(first): verb == "_n"
        for path in sorted(SOURCES.rglob("*.ts*"))
        if not {"__tests__", "generated"} & set(path.parts)
        for verb, first in _CALL.findall(path.read_text(encoding="utf-8"))
    }


def main() -> int:
    """Print the difference; 1 when there is one."""
    given = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    wanted = said()
    missing = {each: [""] * (2 if plural else 1) for each, plural in sorted(wanted.items())}
    for each in given:
        missing.pop(each, None)
    left = sorted(set(given) - set(wanted) - {""})
    print(json.dumps({"missing": missing, "left": left}, ensure_ascii=False, indent=2))
    return bool(missing or left)


if __name__ == "__main__":
    sys.exit(main())
