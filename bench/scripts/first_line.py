"""What a peer runs: says when its first line runs, and when torch is there.

Each line is one write, since torchrun's workers share a pipe and print without a buffer.
"""

import sys
import time

sys.stdout.write(f"first {time.monotonic()}\n")
sys.stdout.flush()

import torch  # noqa: E402

sys.stdout.write(f"torch {time.monotonic()} {torch.__version__}\n")
