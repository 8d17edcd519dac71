"""`GET cnai/api/version`: the handshake between page and server."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning

from .conftest import Ask


def test_it_answers_the_installed_version_and_the_protocol(ask: Ask) -> None:
    assert ask("version").body == {"version": version("cnai-sdk"), "protocol": 1}


@pytest.mark.parametrize("address", ["version", "nothing/here", ""])
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_token_every_address_is_403(ask: Ask, address: str, token: str | None) -> None:
    answer = ask(address, token=token)
    assert answer.status == 403
    assert "token" in answer.body["next_step"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_an_unknown_address_is_404_in_the_one_shape(ask: Ask, method: str) -> None:
    answer = ask("no/such", method=method)
    assert answer.status == 404
    assert set(answer.body) == {"what", "why", "next_step"}
    assert answer.body["what"] == "The server could not answer: Not Found."


def test_a_method_that_is_not_offered_is_405(ask: Ask) -> None:
    assert ask("version", method="POST").status == 405


class TestConfigured:
    """The settings that an administrator may write."""

    @pytest.fixture
    def jp_server_config(self) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"cnai_server_ext": True}},
            "CnaiServerApp": {"reported_version": "9.9.9", "protocol": 7},
        }

    def test_the_reported_version_can_be_set(self, ask: Ask) -> None:
        assert ask("version").body == {"version": "9.9.9", "protocol": 7}


def test_no_address_is_open_to_the_unauthenticated() -> None:
    app = ServerApp(
        allow_unauthenticated_access=False,
        jpserver_extensions={"cnai_server_ext": True},
        reraise_server_extension_failures=True,
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", JupyterServerAuthWarning)
            app.initialize(argv=["--allow-root"], find_extensions=False, new_httpserver=False)
        assert "cnai_server_ext" in app.extension_manager.extension_apps
    finally:
        ServerApp.clear_instance()
