"""The extension as Jupyter Server loads it: its settings and its routes."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Float, Int, Unicode

from cnai_server_ext.activity import SOURCE, has_store, keep_alive
from cnai_server_ext.pace import Limits, Pace
from cnai_server_ext.places import Places, local_backend, maker
from cnai_server_ext.routes import routes

PROTOCOL = 1


class CnaiServerApp(ExtensionApp):
    """Serves `cnai/api/` to the pages of JupyterLab and Notebook.

    Its settings go into a `jupyter_server_config.py` as `c.CnaiServerApp.<name>`.
    """

    name = "cnai_server_ext"
    app_name = "cnai"
    description = "Cloud-native AI from a notebook: the server half of cnai-sdk."
    extension_url = "/cnai"
    load_other_extensions = True
    _keeping: asyncio.Task[None] | None = None

    reported_version = Unicode(
        help="The version that pages are told. A page of another version offers to reload."
    ).tag(config=True)

    protocol = Int(
        PROTOCOL,
        help="The version of the messages between page and server; pages of another one reload.",
    ).tag(config=True)

    backends = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="Further places to show: a name for each, and 'module:callable', a callable without "
        "arguments that makes a cnai_sdk.backends.base.Backend. The name 'local' takes the place "
        "of this machine.",
    ).tag(config=True)

    changes_every = Float(
        0.03, min=0.001, help="Seconds in which changes are gathered before pages are told."
    ).tag(config=True)

    beat_every = Float(
        10.0,
        min=0.1,
        help="Seconds of silence after which a page is told that the server is there.",
    ).tag(config=True)

    quota_every = Float(
        5.0,
        min=0.1,
        help="Seconds between two looks at the quota while a page is open; it is also looked at "
        "after each change of a workload.",
    ).tag(config=True)

    hub_rests_after = Float(
        60.0, min=0.0, help="Seconds without any page after which backends are no longer watched."
    ).tag(config=True)

    page_rests_after = Float(
        300.0,
        min=0.0,
        help="Seconds without input after which a page closes its socket, so that a proxy that "
        "counts bytes sees an idle server; it opens again at the next input. 0: never.",
    ).tag(config=True)

    running_jobs_keep_alive = Bool(
        True,
        help="Whether a job that runs or waits on this machine counts as activity of the server, "
        "so that it is not culled as idle meanwhile.",
    ).tag(config=True)

    looks_for_jobs_every = Float(
        30.0, min=0.05, help="Seconds between two looks at whether a job runs on this machine."
    ).tag(config=True)

    message_size = Int(
        64 * 2**10,
        min=1024,
        help="Bytes that one message of a page may have; a longer one closes its socket.",
    ).tag(config=True)

    messages_per_second = Int(
        50,
        min=1,
        help="Messages that a page may send a second, and twice as many in a burst; a page that "
        "sends more loses its socket. Acknowledgements of log lines do not count.",
    ).tag(config=True)

    opened_jobs = Int(
        16, min=1, help="Jobs that one page may have open at once, each with its updates."
    ).tag(config=True)

    followed_logs = Int(16, min=1, help="Logs that one page may follow at once.").tag(config=True)

    def _reported_version_default(self) -> str:
        return version("cnai-sdk")

    def initialize_settings(self) -> None:
        """Hand the handlers what they answer from."""
        # Kernels inherit it: a job then knows its notebook by the path that the file browser shows.
        if self.serverapp is not None:
            os.environ["CNAI_SERVER_ROOT"] = str(self.serverapp.root_dir)
        self.settings["cnai_handshake"] = {
            "version": self.reported_version,
            "protocol": self.protocol,
        }
        self.settings["cnai"] = self._places()
        self.settings["cnai_limits"] = Limits(
            message=self.message_size,
            messages=self.messages_per_second,
            opened=self.opened_jobs,
            followed=self.followed_logs,
        )

    def initialize_handlers(self) -> None:
        """Add the routes below the server's base URL."""
        added: list[Any] = self.handlers
        added.extend(routes())

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Begin what is done without a page."""
        if self.running_jobs_keep_alive:
            times = self.settings["last_activity_times"]
            looking = keep_alive(
                self.settings["cnai"],
                times,
                every=self.looks_for_jobs_every,
                worth_it=(lambda: True) if SOURCE in self.backends else has_store,
            )
            self._keeping = asyncio.get_running_loop().create_task(looking)

    async def stop_extension(self) -> None:
        """Stop watching; workloads go on."""
        if self._keeping is not None:
            self._keeping.cancel()
        places = self.settings.get("cnai")
        if isinstance(places, Places):
            await places.close()

    def _places(self) -> Places:
        further = {name: maker(target) for name, target in self.backends.items()}
        return Places(
            {"local": local_backend, **further},
            pace=Pace(
                changes=self.changes_every,
                beat=self.beat_every,
                quota=self.quota_every,
                hub_rests=self.hub_rests_after,
                page_rests=self.page_rests_after,
            ),
            log=self.log,
        )
