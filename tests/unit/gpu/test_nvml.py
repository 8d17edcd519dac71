"""What NVML answers becomes devices."""

from cnai_sdk.backends.local.nvml import mps_pipes, read_gpus

from .recorded import A100_MIG_CARD, H200_CARD, MIB, RecordedNvml


def read(cards, tmp_path, **options):
    return read_gpus(RecordedNvml(cards, **options), proc=tmp_path, pipes=tmp_path / "pipes")


def start_daemon(tmp_path, name="nvidia-cuda-mps"):
    (tmp_path / "pipes").mkdir()
    (tmp_path / "pipes/control").touch()
    (tmp_path / "812").mkdir()
    (tmp_path / "812/comm").write_text(name + "\n")


def test_an_h200_is_one_device_whose_shares_torch_holds(tmp_path):
    found = read([H200_CARD], tmp_path)
    (card,) = found.devices
    assert (card.id, card.model, card.memory) == ("GPU-h200", "NVIDIA H200", 143771 * MIB)
    assert (card.mechanism, card.parent, card.memory_used) == ("fraction", "", 4 * MIB)
    assert "580.95.05" in found.looked


def test_a_card_with_mig_on_is_followed_by_its_slices(tmp_path):
    card, *slices = read([A100_MIG_CARD], tmp_path).devices
    assert card.mechanism == "mig"
    assert [(s.id, s.profile, s.memory // MIB) for s in slices] == [
        ("MIG-3g", "3g.40gb", 40192),
        ("MIG-1g-a", "1g.10gb", 9728),
        ("MIG-1g-b", "1g.10gb", 9728),
    ]
    assert {s.parent for s in slices} == {"GPU-a100"}
    assert {s.model for s in slices} == {card.model}


def test_a_machine_without_a_driver_says_how_it_was_asked(tmp_path):
    found = read([], tmp_path, init_error="NVML Shared Library Not Found")
    assert found.devices == ()
    assert "NVML Shared Library Not Found" in found.looked


def test_nvml_is_closed_after_it_was_asked(tmp_path):
    nvml = RecordedNvml([H200_CARD])
    read_gpus(nvml, proc=tmp_path, pipes=tmp_path)
    assert nvml.open == 0


def test_a_running_mps_daemon_is_found_by_its_pipes_and_its_process(tmp_path):
    start_daemon(tmp_path)
    found = read([H200_CARD], tmp_path)
    assert found.devices[0].mechanism == "mps"
    assert found.mps_pipes == str(tmp_path / "pipes")


def test_pipes_that_a_dead_daemon_left_behind_do_not_count(tmp_path):
    start_daemon(tmp_path, name="python3")
    assert mps_pipes(tmp_path, tmp_path / "pipes") == ""
