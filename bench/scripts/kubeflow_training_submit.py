"""Submit with kubeflow-training's client to the namespace in KUBECONFIG: seconds, and requests.

python kubeflow_training_submit.py ROUNDS
"""

import json
import sys
import time

from kubeflow.training import TrainingClient
from kubernetes import config
from kubernetes.client.rest import RESTClientObject

seen = 0
plain = RESTClientObject.request


def counted(self, *arguments, **options):  # type: ignore[no-untyped-def]
    global seen
    seen += 1
    return plain(self, *arguments, **options)


def work() -> None:
    print("done")


RESTClientObject.request = counted
namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
client = TrainingClient(namespace=namespace)
took = []
before = seen
for number in range(int(sys.argv[1]) + 1):
    before, started = seen, time.perf_counter()
    client.create_job(
        name=f"theirs-{number}",
        namespace=namespace,
        base_image="python:3",
        train_func=work,
        num_workers=2,
        resources_per_worker={"cpu": "0.1", "memory": "256Mi"},
    )
    took.append(time.perf_counter() - started)
print(json.dumps({"took": took[1:], "requests": seen - before}))
