"""What torchrun's workers run in the memory bench: torch, a little work, and a long wait."""

import os
import time

import torch

torch.ones(8, 8) @ torch.ones(8, 8)
print("up", os.getpid(), os.getppid(), flush=True)
while True:
    time.sleep(3600)
