"""How thoroughly to measure, as asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the command line asked for.

    Attributes:
        quick: the least that shows that a bench runs; its figures mean little.
        jobs: how many short jobs the deadlock bench runs.
        with_peers: install and run peers that this environment does not have.
        kubeconfig: of a cluster that stands already; '' starts one.
    """

    quick: bool = False
    jobs: int = 300
    with_peers: bool = False
    kubeconfig: str = ""

    def runs(self, thorough: int) -> int:
        """How often to repeat: 1 when quick.

        >>> Plan(quick=True).runs(9), Plan().runs(9)
        (1, 9)
        """
        return 1 if self.quick else thorough
