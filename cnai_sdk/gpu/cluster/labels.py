"""What NVIDIA's labels say of a node, read with care: they may lie, or be missing.

Laid out as GPU Feature Discovery publishes them.
"""

from __future__ import annotations

import re

from cnai_sdk.gpu.cluster.offer import MIB, PRODUCT
from cnai_sdk.gpu.cluster.seen import GPU, NodeSeen

HAMI = "hami.io/node-nvidia-register"
SHARED = f"{GPU}.shared"
_SLICE = re.compile(r"-MIG-(\d+g\.\d+gb[a-z.+-]*?)(?:-SHARED)?$")


def product(node: NodeSeen) -> str:
    """The model as its label has it, or ''."""
    return node.labels.get(PRODUCT, "")


def memory(node: NodeSeen, of: str = GPU) -> int:
    """Bytes of a card, or of a slice where the label is about one; 0 when it is not told."""
    return number(node, f"{of}.memory") * MIB


def number(node: NodeSeen, label: str, default: int = 0) -> int:
    """A label that is a number."""
    text = node.labels.get(label, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


def sliced(node: NodeSeen) -> str:
    """The profile of the slices that 'nvidia.com/gpu' is on this node, or ''.

    The name of the product says it. `mig.strategy=single` alone does not: it stays when MIG is off,
    and `mig.capable` only says that the hardware could.

    >>> name = "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"
    >>> sliced(NodeSeen(name="a", labels={"nvidia.com/gpu.product": name}))
    '1g.10gb'
    >>> sliced(NodeSeen(name="a", labels={"nvidia.com/gpu.product": f"{name}.me-SHARED"}))
    '1g.10gb+me'
    """
    found = _SLICE.search(product(node))
    return re.sub(r"(?<=gb)\.", "+", found[1]) if found else ""


def sharing(node: NodeSeen, of: str = GPU) -> str:
    """'none', 'time-slicing' or 'mps', for a key of the node.

    Where the labels contradict each other the worse is taken: nobody is promised a card alone who
    then has to share it.
    """
    told = node.labels.get(f"{of}.sharing-strategy", "none")
    if told in ("time-slicing", "mps"):
        return told
    looks = product(node).endswith("-SHARED") or replicas(node, of) > 1
    return "time-slicing" if looks else "none"


def replicas(node: NodeSeen, of: str = GPU) -> int:
    """How many share one card."""
    return number(node, f"{of}.replicas", 1)


def is_hami(node: NodeSeen) -> bool:
    """Whether HAMi hands out this node's cards: then its number of GPUs is inflated."""
    return HAMI in node.annotations
