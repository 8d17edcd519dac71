"""The list of clusters that were used: noted, named by a person, forgotten."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from cnai_sdk.config import Config
from cnai_sdk.errors import InvalidRequest, NotFound
from cnai_sdk.places import Place, forget, named, note, noted, places_path, serving

TEAM = Place(context="gpu-lab", namespace="team-a")
OTHER = Place(context="gpu-lab", namespace="team-b")
KIND = Place(context="kind-dev", namespace="team-a")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of a store with three clusters, of which the first was used last."""
    made = Config(home=tmp_path / "store")
    for place in (KIND, OTHER, TEAM):
        note(made, place)
    return made


def test_what_was_used_last_is_first_and_none_is_there_twice(config: Config) -> None:
    note(config, OTHER)
    assert noted(config) == (OTHER, TEAM, KIND)


@pytest.mark.parametrize("name", [TEAM.id, "team-a on gpu-lab"])
def test_a_place_is_found_by_its_id_and_by_its_whole_name(config: Config, name: str) -> None:
    assert named(config, name) == TEAM


def test_a_namespace_or_a_context_is_enough_where_one_place_has_it(config: Config) -> None:
    assert named(config, "team-b") == OTHER
    assert named(config, "kind-dev") == KIND


def test_a_word_that_means_several_is_refused_with_their_names(config: Config) -> None:
    with pytest.raises(InvalidRequest) as refused:
        named(config, "team-a")
    assert "'team-a on gpu-lab', 'team-a on kind-dev'" in refused.value.why


def test_a_name_that_nobody_has_is_refused_with_those_that_there_are(config: Config) -> None:
    with pytest.raises(NotFound) as refused:
        named(config, "mars")
    assert "'team-b on gpu-lab'" in refused.value.why


def test_a_forgotten_place_is_off_the_list_until_it_is_used_again(config: Config) -> None:
    forget(config, OTHER)
    assert noted(config) == (TEAM, KIND)
    note(config, OTHER)
    assert noted(config) == (OTHER, TEAM, KIND)


def test_the_place_where_new_jobs_go_is_not_forgotten(config: Config) -> None:
    chosen = msgspec.structs.replace(config, backend="kubernetes", namespace="team-b")
    assert serving(chosen) == OTHER.id
    with pytest.raises(InvalidRequest, match="team-b on gpu-lab is where new jobs go"):
        forget(chosen, OTHER)
    assert OTHER in noted(chosen)
    forget(chosen, TEAM)
    assert noted(chosen) == (OTHER, KIND)


def test_a_list_that_cannot_be_written_is_told_when_forgetting(tmp_path: Path) -> None:
    blocked = tmp_path / "store"
    blocked.write_text("a file, where the folder should be")
    config = Config(home=blocked)
    note(config, TEAM)
    assert noted(config) == ()
    with pytest.raises(InvalidRequest) as refused:
        forget(config, TEAM)
    assert str(places_path(config)) in refused.value.why


def test_two_that_note_at_once_lose_nothing(tmp_path: Path) -> None:
    config = Config(home=tmp_path / "store")
    places = [Place(context="gpu-lab", namespace=f"team-{n}") for n in range(12)]
    threads = [threading.Thread(target=note, args=(config, place)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {place.id for place in noted(config)} == {place.id for place in places}
