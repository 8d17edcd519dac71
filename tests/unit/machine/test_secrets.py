"""Secrets are kept for their owner only, and never shown."""

import stat

import pytest

from cnai_sdk.errors import BackendUnavailable, InvalidRequest, NotFound
from cnai_sdk.secrets import SecretStore

VALUE = "hf_0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    return SecretStore(tmp_path / "config/secrets.json")


def test_what_was_set_is_found_again_by_another_process_of_the_same_person(store, tmp_path):
    store.set("HF_TOKEN", VALUE)
    again = SecretStore(tmp_path / "config/secrets.json")
    assert again.names() == ("HF_TOKEN",)
    assert again.get(["HF_TOKEN"], {}) == {"HF_TOKEN": VALUE}


def test_the_file_is_readable_by_its_owner_only_and_no_draft_is_left(store, tmp_path):
    store.set("HF_TOKEN", VALUE)
    folder = tmp_path / "config"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_environment_wins_over_the_file(store):
    store.set("HF_TOKEN", "old")
    assert store.get(["HF_TOKEN"], {"HF_TOKEN": VALUE}) == {"HF_TOKEN": VALUE}


def test_a_secret_that_is_nowhere_says_how_to_set_it(store):
    with pytest.raises(InvalidRequest) as error:
        store.get(["HF_TOKEN"], {})
    assert "cnai secrets set HF_TOKEN" in error.value.next_step


def test_a_value_given_in_place_of_a_name_is_refused_and_not_repeated(store):
    with pytest.raises(InvalidRequest) as error:
        store.get(["sk-live/" + VALUE], {})
    assert VALUE not in str(error.value)


def test_a_removed_secret_is_gone_and_removing_it_again_says_so(store, tmp_path):
    store.set("HF_TOKEN", VALUE)
    store.remove("HF_TOKEN")
    assert VALUE not in (tmp_path / "config/secrets.json").read_text()
    with pytest.raises(NotFound):
        store.remove("HF_TOKEN")


def test_a_file_that_others_can_read_is_refused(store, tmp_path):
    store.set("HF_TOKEN", VALUE)
    (tmp_path / "config/secrets.json").chmod(0o644)
    with pytest.raises(BackendUnavailable, match="can be read by others") as error:
        store.names()
    assert "chmod 600" in error.value.next_step


def test_a_damaged_file_is_refused_without_quoting_it(store, tmp_path):
    store.set("HF_TOKEN", VALUE)
    (tmp_path / "config/secrets.json").write_text(f'{{"HF_TOKEN": {VALUE}')
    with pytest.raises(BackendUnavailable) as error:
        store.names()
    assert VALUE not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("value", ["", "with\0zero", "x" * 70_000])
def test_what_cannot_be_a_value_is_refused_without_repeating_it(store, value):
    with pytest.raises(InvalidRequest, match="The value of HF_TOKEN"):
        store.set("HF_TOKEN", value)
    assert store.names() == ()


def test_a_store_shows_its_place_and_no_value(store):
    store.set("HF_TOKEN", VALUE)
    assert VALUE not in repr(store)
