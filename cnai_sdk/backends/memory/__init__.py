"""A backend that runs nothing: workloads are values in memory, moved on by a test or by its user.

Belongs here: what a program needs to test its own use of the SDK without real work; it passes the
same contract suite as the other backends. Never here: processes, files, threads, sockets.

`shelf`    the records, their sequence of changes, who waits for one
`room`     how much there is, and who may start
`driver`   what moves a workload on
`backend`  the protocol over all of it
"""

from cnai_sdk.backends.memory.backend import MemoryBackend, Play, succeed

__all__ = ["MemoryBackend", "Play", "succeed"]
