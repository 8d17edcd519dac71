"""List jobs and pods of the namespace in KUBECONFIG with the official client."""

import json
import resource
import time

import psutil
from kubernetes import client, config

config.load_kube_config()
_, current = config.list_kube_config_contexts()
namespace = current["context"]["namespace"]
started, used = time.perf_counter(), time.process_time()
jobs = client.CustomObjectsApi().list_namespaced_custom_object(
    "kubeflow.org", "v1", namespace, "pytorchjobs"
)
pods = client.CoreV1Api().list_namespaced_pod(namespace)
found = {
    "seconds": time.perf_counter() - started,
    "cpu": time.process_time() - used,
    "memory": psutil.Process().memory_info().rss,
    "most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "jobs": len(jobs["items"]),
}
assert len(pods.items) == 2 * len(jobs["items"])
print(json.dumps(found))
