"""The places that the panel shows: this machine, and each cluster that was used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnai_sdk.config import load_config
from cnai_sdk.places import Place, forget, note, noted
from cnai_server_ext.messages import (
    Follow,
    Hello,
    Look,
    NotDone,
    ServingChanged,
    SourceChanged,
    SourceGone,
)

from .conftest import Ask, Connect, Fetch

TEAM = Place(context="gpu-lab", namespace="team-a")
OTHER = Place(context="gpu-lab", namespace="team-b", operator="trainjob")


@pytest.fixture(autouse=True)
def no_cluster(store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kubeconfig whose cluster does not answer."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "contexts": [{"name": "gpu-lab", "context": {"cluster": "c"}}],
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(path))


def test_a_cluster_that_was_used_is_a_place_with_its_names(ask: Ask) -> None:
    note(load_config(), TEAM)
    sources = ask("sources").body["sources"]
    assert [source["id"] for source in sources] == ["local", TEAM.id]
    assert (sources[1]["namespace"], sources[1]["context"]) == ("team-a", "gpu-lab")


def test_a_cluster_that_does_not_answer_is_a_problem_of_its_place_alone(connect: Connect) -> None:
    note(load_config(), TEAM)
    page = connect()
    page.start()
    told = page.hear(SourceChanged, lambda each: each.source.problem is not None)
    assert told.source.id == TEAM.id
    assert told.source.problem is not None
    assert told.source.problem.next_step


def test_a_cluster_that_is_first_used_while_a_page_is_open_comes_to_it(connect: Connect) -> None:
    page = connect()
    page.start()
    assert [source.id for source in page.hear(Hello).sources] == ["local"]
    note(load_config(), TEAM)
    told = page.hear(SourceChanged, lambda each: each.source.id == TEAM.id)
    assert told.source.namespace == "team-a"


def test_choosing_a_cluster_writes_all_that_leads_to_it(fetch: Fetch) -> None:
    note(load_config(), TEAM)
    note(load_config(), OTHER)
    answer = fetch("serving", method="PUT", body={"source": OTHER.id})
    serving = json.loads(answer.body)
    assert (serving["backend"], serving["source"]) == ("kubernetes", OTHER.id)
    assert set(serving["choices"]) == {"local", TEAM.id, OTHER.id}
    config = load_config()
    assert (config.backend, config.context, config.namespace, config.operator) == (
        "kubernetes",
        "gpu-lab",
        "team-b",
        "trainjob",
    )
    fetch("serving", method="PUT", body={"source": TEAM.id})
    assert (load_config().namespace, load_config().operator) == ("team-a", "")


def test_a_switch_between_two_namespaces_is_told(connect: Connect, fetch: Fetch) -> None:
    note(load_config(), TEAM)
    note(load_config(), OTHER)
    fetch("serving", method="PUT", body={"source": OTHER.id})
    page = connect()
    page.start()
    fetch("serving", method="PUT", body={"source": TEAM.id})
    assert page.hear(ServingChanged).serving.source == TEAM.id


def test_a_place_that_was_never_used_cannot_be_chosen(fetch: Fetch) -> None:
    answer = fetch("serving", method="PUT", body={"source": "kubernetes-00000000"})
    assert answer.code == 400
    assert load_config().backend_why == "default"


def test_a_forgotten_cluster_leaves_every_page_and_what_was_open_of_it(
    connect: Connect, fetch: Fetch
) -> None:
    note(load_config(), TEAM)
    pages = connect(), connect()
    for page in pages:
        page.start()
        assert TEAM.id in {source.id for source in page.hear(Hello).sources}
    pages[0].say(Follow(channel="log-1", source=TEAM.id, id="never-was"))
    pages[0].hear(NotDone, lambda each: each.channel == "log-1")

    answer = fetch("sources/forget", method="POST", body={"source": TEAM.id})
    left = json.loads(answer.body)
    assert [source["id"] for source in left["sources"]] == ["local"]
    assert left["serving"]["choices"] == ["local"]
    for page in pages:
        assert page.hear(SourceGone).source == TEAM.id
    assert noted(load_config()) == ()
    pages[0].say(Look(source=TEAM.id, ids=()))
    assert "watches no place" in pages[0].hear(NotDone).problem.what
    note(load_config(), TEAM)
    pages[1].hear(SourceChanged, lambda each: each.source.id == TEAM.id)


def test_a_cluster_that_another_program_forgets_leaves_the_page(connect: Connect) -> None:
    note(load_config(), TEAM)
    page = connect()
    page.start()
    assert TEAM.id in {source.id for source in page.hear(Hello).sources}
    forget(load_config(), TEAM)
    assert page.hear(SourceGone).source == TEAM.id


def test_what_notebooks_use_and_what_is_no_cluster_cannot_be_forgotten(fetch: Fetch) -> None:
    note(load_config(), TEAM)
    fetch("serving", method="PUT", body={"source": TEAM.id})
    answers = {
        source: fetch("sources/forget", method="POST", body={"source": source})
        for source in (TEAM.id, "local", "mars")
    }
    assert [answer.code for answer in answers.values()] == [400, 400, 404]
    assert "where new jobs go" in json.loads(answers[TEAM.id].body)["what"]
    assert noted(load_config()) == (TEAM,)


def test_a_list_of_places_that_cannot_be_read_shows_this_machine(ask: Ask, store: Path) -> None:
    store.mkdir(parents=True, exist_ok=True)
    (store / "places.json").write_text("no list")
    assert [source["id"] for source in ask("sources").body["sources"]] == ["local"]
