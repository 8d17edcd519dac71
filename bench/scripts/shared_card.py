"""A job that shares a card, in the gpu_share bench: `MODEL BATCH BALLAST DEVICE`, or `overrun`.

It trains until there is a file `end` in its folder of outputs, and reports after every fifth of a
second of work when that was, how many samples it has seen, its loss, and what torch held at most.
"""

import sys
import time

import torch
from torch import Tensor, nn
from torch.nn import functional

import cnai_sdk as cnai

EVERY = 0.2
LONGEST = 300.0
BLOCK = 2**26


class Residual(nn.Module):
    """Two convolutions, and what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(images + self.way(images))


class Encoder(nn.Module):
    """Eight transformer blocks, and a class for each sequence."""

    def __init__(self, width: int = 1024) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(
            width, 16, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, 8, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        classes: Tensor = self.head(self.blocks(tokens).mean(1))
        return classes


def residual() -> tuple[nn.Module, tuple[int, ...]]:
    """A network for images of 32 × 32, as a course has it."""
    blocks = [Residual(64) for _ in range(6)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), *blocks, *head), (3, 32, 32)


def transformer() -> tuple[nn.Module, tuple[int, ...]]:
    """A model that keeps a whole card busy."""
    return Encoder(), (512, 1024)


MODELS = {"residual": residual, "transformer": transformer}


def train(model: str, batch: int, ballast: int, device: str) -> None:
    """Train on the same synthetic samples again and again, beside so many bytes that lie there."""
    torch.manual_seed(0)
    network, shape = MODELS[model]()
    network.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    inputs = torch.randn(batch, *shape, device=device)
    labels = torch.randint(10, (batch,), device=device)
    kept = torch.empty(ballast, dtype=torch.uint8, device=device)
    end, begun, said, steps = cnai.output_dir() / "end", time.monotonic(), 0.0, 0
    while time.monotonic() - begun < LONGEST:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = functional.cross_entropy(network(inputs).float(), labels)
        torch.autograd.backward(loss)
        optimizer.step()
        steps += 1
        if time.monotonic() - said < EVERY:
            continue
        seen = loss.item()  # waits for the device
        said = time.monotonic()
        peak = torch.cuda.max_memory_reserved() if device == "cuda" else 0
        cnai.report(step=steps, at=said, samples=steps * batch, loss=seen, peak=peak)
        if end.exists():
            break
    assert kept.numel() == ballast


def overrun() -> None:
    """Take block after block, until torch refuses one."""
    blocks: list[Tensor] = []
    while True:
        blocks.append(torch.zeros(BLOCK, dtype=torch.uint8, device="cuda"))
        torch.cuda.synchronize()
        held = torch.cuda.memory_reserved()
        cnai.report(step=len(blocks), at=time.monotonic(), peak=held)


if __name__ == "__main__":
    if sys.argv[1] == "overrun":
        overrun()
    else:
        train(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
