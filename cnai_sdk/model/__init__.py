"""Frozen values that travel between the SDK, the backends, the server and the page.

Belongs here: msgspec Structs, enumerations and pure functions over them.
Never here: I/O, clocks, threads, or anything that knows a backend or a screen.
"""
