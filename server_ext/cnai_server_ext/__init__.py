"""The Jupyter Server half of cnai-sdk: what the page in the browser talks to.

Belongs here: the extension application, its route table and its handlers by noun. Never here: what
a job is or how one runs, which `cnai_sdk` knows and the handlers ask.
"""

from __future__ import annotations

from cnai_server_ext.app import CnaiServerApp

__all__ = ["CnaiServerApp"]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "cnai_server_ext", "app": CnaiServerApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    # Read by `jupyter-builder develop` and `watch` only; relative to this file.
    return [{"src": "../../labextension/dist", "dest": "cnai-lab"}]
