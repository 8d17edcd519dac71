"""Submit with the kubeflow SDK to the namespace in KUBECONFIG: seconds, and requests. Run by the
throw-away environment in which it is installed.

python kubeflow_submit.py ROUNDS PAUSE
"""

from __future__ import annotations

import json
import sys
import time

from kubeflow.trainer import CustomTrainer, TrainerClient
from kubernetes.client.rest import RESTClientObject

_seen = [0]
_request = RESTClientObject.request


def _counted(self, *arguments, **options):  # type: ignore[no-untyped-def]
    _seen[0] += 1
    return _request(self, *arguments, **options)


def work() -> None:
    print("done")


def main(rounds: int, pause: float) -> None:
    """Submit once, which is not counted, and then so often."""
    RESTClientObject.request = _counted
    client = TrainerClient()
    runtime = client.get_runtime("torch-distributed")
    asked = {"cpu": "0.1", "memory": "256Mi"}
    trainer = CustomTrainer(func=work, num_nodes=2, resources_per_node=asked)
    took, requests = [], 0
    for _ in range(rounds + 1):
        before, started = _seen[0], time.perf_counter()
        client.train(runtime=runtime, trainer=trainer)
        took.append(time.perf_counter() - started)
        requests = _seen[0] - before
        time.sleep(pause)
    print(json.dumps({"took": took[1:], "requests": requests}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
