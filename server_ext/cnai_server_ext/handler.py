"""What every handler shares: who may ask, and the one shape that an error has."""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from cnai_server_ext.refusal import refusal


class CnaiHandler(APIHandler):
    """Answers in JSON; whatever is raised leaves as `{"what", "why", "next_step"}`."""

    auth_resource = "cnai"

    def update_api_activity(self) -> None:
        """Only what a person does counts; a page reads by itself too."""
        if self.request.method != "GET":
            super().update_api_activity()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the error that ended the request.

        Args:
            status_code: the HTTP status that tornado found for it.
            kwargs: `exc_info`, as tornado hands it on.
        """
        _, error, _ = kwargs.get("exc_info") or (None, None, None)
        answer = refusal(error, status=status_code)
        self.set_status(answer.status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(answer.body()))


class NoSuchRoute(CnaiHandler):
    """Says that an address below `cnai/api` is none of ours."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Refuse, with 404."""
        raise web.HTTPError(404)

    post = put = patch = delete = get
