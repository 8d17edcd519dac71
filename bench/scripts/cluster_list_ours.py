"""Start the mirror of the namespace in KUBECONFIG: seconds, and the memory of this process."""

import asyncio
import json
import resource
import time

import psutil

from cnai_sdk.backends.kubernetes.backend import KubernetesBackend
from cnai_sdk.config import load_config


async def main() -> None:
    backend = KubernetesBackend(load_config())
    started, used = time.perf_counter(), time.process_time()
    workloads = await backend.list()
    found = {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - used,
        "memory": psutil.Process().memory_info().rss,
        "most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "jobs": len(workloads),
    }
    assert all(len(each.replicas) == 2 for each in workloads)
    print(json.dumps(found))
    await backend.close()


if __name__ == "__main__":
    asyncio.run(main())
