"""Workloads as PyTorchJobs and TrainJobs of a Kubernetes cluster."""
