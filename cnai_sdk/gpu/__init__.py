"""From a wish for GPUs to what each worker is told: one file per mechanism, and the resolver.

Belongs here: pure descriptions over `Device` values. A new mechanism is a new file and one line in
`resolver.MECHANISMS`. Never here: asking a driver, a daemon or a cluster; that is a backend's work.
"""
