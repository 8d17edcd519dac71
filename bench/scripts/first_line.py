"""What a peer runs: says when its first line runs, and when torch is there."""

import time

print("first", time.monotonic(), flush=True)

import torch  # noqa: E402

print("torch", time.monotonic(), torch.__version__, flush=True)
