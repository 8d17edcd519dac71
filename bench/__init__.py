"""What we measure of ourselves and of our peers, side by side: `python -m bench`.

Belongs here: one module for each thing that is measured, the scripts that run beside it, and the
table. Never here: tests, since a measured time asserts nothing, and anything that the SDK imports.
"""
