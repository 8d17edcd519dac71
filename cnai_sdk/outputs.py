"""The files that a workload wrote."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cnai_sdk import runtime
from cnai_sdk.errors import CnaiError, Unsupported
from cnai_sdk.model.quantity import show_bytes

if TYPE_CHECKING:
    from cnai_sdk.backends.base import Backend


class Outputs(Mapping[str, bytes]):
    """A mapping of relative path → content, read when it is asked for.

    `list(job.outputs)` names the files; `job.outputs["model.pt"]` is one file's bytes;
    `job.outputs.path / "model.pt"` is where it lies on this machine.
    """

    def __init__(self, backend: Backend, id: str) -> None:
        self._backend = backend
        self._id = id

    @property
    def path(self) -> Path:
        """The folder, where the backend has it on this machine.

        Raises:
            Unsupported: the files are elsewhere; read them by name.
        """
        folder = runtime.call(self._backend.folder(self._id))
        if folder is None:
            raise Unsupported(
                "These outputs are not in a folder of this machine.",
                next_step='Read one by its name: job.outputs["model.pt"]',
            )
        return Path(folder)

    def sizes(self) -> dict[str, int]:
        """Each file's size in bytes.

        Raises:
            Unsupported: they went with the workers, since the job has no outputs=.
        """
        return {f.path: f.size for f in runtime.call(self._backend.outputs(self._id))}

    def __getitem__(self, path: str) -> bytes:
        return runtime.call(self._backend.read(self._id, path))

    def __iter__(self) -> Iterator[str]:
        return iter(self.sizes())

    def __len__(self) -> int:
        return len(self.sizes())

    def __repr__(self) -> str:
        try:
            sizes = self.sizes()
        except CnaiError as error:  # what is shown says it; what is asked for raises it
            return str(error)
        lines = [f"{path}  {show_bytes(size)}" for path, size in sizes.items()]
        return "\n".join(lines) or "No files. What a worker writes into its folder appears here."

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"
