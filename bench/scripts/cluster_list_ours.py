"""Start the mirror of the namespace in KUBECONFIG; seconds and the memory of this process."""

import asyncio
import json
import time

import psutil

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import load_config


async def main() -> None:
    backend = KubernetesBackend(load_config())
    started = time.perf_counter()
    found = await backend.list()
    took = time.perf_counter() - started
    memory = psutil.Process().memory_info().rss
    print(json.dumps({"seconds": took, "memory": memory, "jobs": len(found)}))
    await backend.close()


asyncio.run(main())
