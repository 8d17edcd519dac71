"""What torchrun's workers run in the memory bench: torch, a little work, and a long wait."""

import os
import sys
import time

import torch

torch.ones(8, 8) @ torch.ones(8, 8)
sys.stdout.write(f"up {os.getpid()} {os.getppid()}\n")  # one write: both share a pipe
sys.stdout.flush()
while True:
    time.sleep(3600)
