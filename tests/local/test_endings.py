"""How a worker ends when a library has its own ideas about that."""

from __future__ import annotations

from cnai_sdk.model.phase import Phase

from .conftest import Machine


async def test_a_killed_dataloader_child_leaves_the_ranks_own_traceback(machine: Machine) -> None:
    job = await machine.run(
        """
        import signal, torch
        from torch.utils.data import DataLoader, Dataset

        class Deadly(Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, index):
                os.kill(os.getpid(), signal.SIGKILL)

        for _ in DataLoader(Deadly(), num_workers=1):
            pass
        """
    )
    assert job.phase is Phase.FAILED
    text = "\n".join(await machine.lines(job.id))
    assert "Traceback (most recent call last)" in text
    assert "The worker could not start" not in text
