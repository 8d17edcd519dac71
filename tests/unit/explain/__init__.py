"""Verdicts: every row of the catalogue, the choice of the root, and hostile logs."""
