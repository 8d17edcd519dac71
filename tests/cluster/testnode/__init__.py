"""A test node: the kubelet's place, held by one process that runs pods as sandboxed processes.

What belongs here is what a kubelet and a container runtime do. What a scheduler, a controller or
an operator does never does: those are the real ones. README.md says what is not imitated.
"""
