"""A whole Kubernetes on one machine, in seconds, for tests: its own control plane and operators,
from their published Go modules, and the test node in the kubelet's place.

Belongs here: building, starting, stopping, breaking. Never here: what the SDK does with it.
"""
