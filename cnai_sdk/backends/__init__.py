"""Where workloads run.

Belongs here: the protocol that every backend keeps (`base`), and the backends, which alone do I/O.
Never here: waiting, rendering, explaining: these are written once, above the protocol. The
backends never import each other.
"""
