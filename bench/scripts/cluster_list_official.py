"""List jobs and pods of the namespace in KUBECONFIG with the official client."""

import json
import time

import psutil
from kubernetes import client, config

config.load_kube_config()
_, current = config.list_kube_config_contexts()
namespace = current["context"]["namespace"]
started = time.perf_counter()
jobs = client.CustomObjectsApi().list_namespaced_custom_object(
    "kubeflow.org", "v1", namespace, "pytorchjobs"
)
pods = client.CoreV1Api().list_namespaced_pod(namespace)
took = time.perf_counter() - started
memory = psutil.Process().memory_info().rss
found = {"seconds": took, "memory": memory, "jobs": len(jobs["items"]), "pods": len(pods.items)}
print(json.dumps(found))
