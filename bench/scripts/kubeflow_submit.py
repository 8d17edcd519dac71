"""Submit with the kubeflow SDK to the namespace in KUBECONFIG: seconds, and requests. Run by the
throw-away environment in which it is installed.

python kubeflow_submit.py ROUNDS
"""

import json
import sys
import time

from kubeflow.trainer import CustomTrainer, TrainerClient
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
client = TrainerClient()
runtime = client.get_runtime("torch-distributed")
asked = {"cpu": "0.1", "memory": "256Mi"}
trainer = CustomTrainer(func=work, num_nodes=2, resources_per_node=asked)
took = []
before = seen
for _ in range(int(sys.argv[1]) + 1):
    before, started = seen, time.perf_counter()
    client.train(runtime=runtime, trainer=trainer)
    took.append(time.perf_counter() - started)
print(json.dumps({"took": took[1:], "requests": seen - before}))
