"""secrets, use and completion: what later programs find."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cnai_sdk.config import config_path, load_config
from cnai_sdk.places import Place, note, noted
from cnai_sdk.secrets import SecretStore

from .conftest import Cnai

TEAM = Place(context="gpu-lab", namespace="team-a")
VALUE = "not-for-anybody-8cf1"


def test_a_secret_comes_from_standard_input_and_is_never_shown(cnai: Cnai, own_home: Path) -> None:
    kept = cnai("secrets", "set", "HF_TOKEN", input=f"{VALUE}\n")
    listed = cnai("secrets", "list")
    assert kept.exit_code == 0
    assert listed.stdout == "HF_TOKEN\n"
    assert VALUE not in kept.output + listed.output
    assert SecretStore.default().get(["HF_TOKEN"], {}) == {"HF_TOKEN": VALUE}
    (file,) = own_home.rglob("secrets.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_value_as_an_argument_is_refused_and_not_repeated(cnai: Cnai) -> None:
    answer = cnai("secrets", "set", "HF_TOKEN=" + VALUE, input="")
    assert answer.exit_code == 2
    assert VALUE not in answer.output
    assert SecretStore.default().names() == ()


def test_an_empty_value_is_refused(cnai: Cnai) -> None:
    assert cnai("secrets", "set", "HF_TOKEN", input="\n").exit_code == 2
    assert SecretStore.default().names() == ()


def test_secrets_are_listed_and_removed_as_json(cnai: Cnai) -> None:
    cnai("secrets", "set", "A", input="1")
    assert json.loads(cnai("secrets", "list", "--json").stdout) == ["A"]
    assert json.loads(cnai("secrets", "remove", "A", "--json").stdout) == {"removed": "A"}
    assert json.loads(cnai("secrets", "list", "--json").stdout) == []
    assert cnai("secrets", "remove", "A").exit_code == 1


def test_use_writes_the_default_of_later_programs_and_says_so(cnai: Cnai) -> None:
    assert cnai("use").stdout == "local (default)\n"
    assert "started from now on use this machine" in cnai("use", "local").stdout
    assert load_config().backend_why == "configuration file"
    assert json.loads(cnai("use", "--json").stdout) == {
        "backend": "local",
        "why": "configuration file",
        "file": str(config_path()),
    }


def test_use_forgets_a_cluster_by_its_name(cnai: Cnai) -> None:
    note(load_config(), TEAM)
    said = cnai("use", "--forget", "team-a on gpu-lab").stdout
    assert "Nothing on it was touched" in said
    assert noted(load_config()) == ()
    note(load_config(), TEAM)
    assert json.loads(cnai("use", "--forget", "team-a", "--json").stdout) == {
        "forgotten": "team-a on gpu-lab",
        "id": TEAM.id,
    }


def test_use_refuses_to_forget_what_it_does_not_know_or_more_than_that(cnai: Cnai) -> None:
    note(load_config(), TEAM)
    unknown = cnai("use", "--forget", "mars")
    assert unknown.exit_code != 0
    assert "team-a on gpu-lab" in unknown.stderr
    assert cnai("use", "local", "--forget", "team-a").exit_code == 2
    assert noted(load_config()) == (TEAM,)
    assert not config_path().exists()


def test_use_refuses_a_backend_that_is_not_there_and_writes_nothing(cnai: Cnai) -> None:
    answer = cnai("use", "mars")
    assert answer.exit_code == 2
    assert "mars" in answer.stderr
    assert not config_path().exists()


def test_use_says_when_the_environment_goes_before_it(
    cnai: Cnai, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNAI_BACKEND", "elsewhere")
    assert "unset CNAI_BACKEND" in cnai("use", "local").stderr


def test_use_mends_a_configuration_that_names_another_backend(cnai: Cnai) -> None:
    config_path().parent.mkdir(parents=True)
    config_path().write_text('backend = "mars"\n')
    assert cnai("use", "local").exit_code == 0
    assert load_config().backend == "local"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_asks_cnai(cnai: Cnai, shell: str) -> None:
    script = cnai("completion", shell).stdout
    assert "_CNAI_COMPLETE" in script
    assert json.loads(cnai("completion", shell, "--json").stdout)["script"] == script[:-1]
