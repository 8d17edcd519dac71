"""GPUs of a cluster: one file per sharing mechanism, and the resolver.

Belongs here: pure functions from what was seen of a cluster to what a pod asks for. A new mechanism
is a new file and one line in `resolver.MECHANISMS`. Never here: asking a cluster; `backends` fill
`Seen` and write the `PodAsk` into a manifest.
"""
