"""The local backend's own promises, on real processes."""
