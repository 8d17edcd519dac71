"""One suite that every backend passes unchanged; `factories.FACTORIES` lists the backends.

Belongs here: the rules of `cnai_sdk.backends.base`, as tests. Never here: what only one backend
does, and anything that asks which backend it is: what differs is declared in `Capabilities` or
given by the `Harness`.
"""
