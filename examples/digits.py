"""Train a small network on scikit-learn's digits, on two workers of this machine.

python examples/digits.py
"""

from __future__ import annotations

import sys

import numpy as np
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import cnai_sdk as cnai

BATCH = 32
ENOUGH = 0.9


class Network(nn.Module):
    """64 pixels in, ten digits out."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels)


def as_dataset(images: np.ndarray, labels: np.ndarray) -> TensorDataset:
    """Pixels between 0 and 1, and their labels."""
    return TensorDataset(
        torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    )


def accuracy_of(model: nn.Module, dataset: TensorDataset) -> float:
    """The share of images whose digit is found."""
    pixels, labels = dataset.tensors
    with torch.no_grad():
        return float((model(pixels).argmax(1) == labels).float().mean())


def digits(lr: float = 0.05, epochs: int = 5) -> dict[str, float]:
    """What every worker runs: its share of the images, and one model kept equal on all."""
    dist.init_process_group("gloo")
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images, labels, test_size=0.2, random_state=0)
    training, held_out = as_dataset(parts[0], parts[2]), as_dataset(parts[1], parts[3])

    sampler: DistributedSampler = DistributedSampler(training, drop_last=True)
    batches = DataLoader(training, batch_size=BATCH, sampler=sampler, drop_last=True)
    torch.manual_seed(0)
    model = DistributedDataParallel(Network())
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    accuracy = 0.0
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for pixels, targets in batches:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(pixels), targets)
            loss.backward()
            optimizer.step()
        accuracy = accuracy_of(model.module, held_out)
        cnai.report(step=epoch, accuracy=accuracy, loss=loss.item())
        cnai.progress(epoch + 1, epochs, unit="epoch")

    if cnai.rank() == 0:
        torch.save(model.module.state_dict(), cnai.output_dir() / "model.pt")
    dist.destroy_process_group()
    return {"accuracy": accuracy}


def main() -> int:
    """Run the job; 0 when the network has learned to read."""
    job = cnai.train(digits, workers=2)
    print(
        f"{job.name}: two workers of this machine start, and report after every epoch.", flush=True
    )
    for line in job.logs(follow=True, rank=0):
        print(f"  {line}", flush=True)
    job.wait()
    print(job)
    return 0 if job.result()["accuracy"] >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
