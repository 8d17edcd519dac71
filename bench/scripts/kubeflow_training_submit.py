"""Submit with kubeflow-training's client to the namespace in KUBECONFIG: seconds, and requests.

python kubeflow_training_submit.py ROUNDS PAUSE
"""

from __future__ import annotations

import json
import sys
import time

from kubeflow.training import TrainingClient
from kubernetes import config
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
    namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
    client = TrainingClient(namespace=namespace)
    took, requests = [], 0
    for number in range(rounds + 1):
        before, started = _seen[0], time.perf_counter()
        client.create_job(
            name=f"theirs-{number}",
            namespace=namespace,
            base_image="python:3",
            train_func=work,
            num_workers=2,
            resources_per_worker={"cpu": "0.1", "memory": "256Mi"},
        )
        took.append(time.perf_counter() - started)
        requests = _seen[0] - before
        time.sleep(pause)
    print(json.dumps({"took": took[1:], "requests": requests}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
