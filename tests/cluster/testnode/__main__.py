"""`python -m tests.cluster.testnode CONFIG.json`"""

import asyncio
import logging
import sys
from pathlib import Path

from tests.cluster.testnode import config, program


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tests.cluster.testnode CONFIG.json")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    program.child_watcher()
    asyncio.run(program.run(config.read(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
