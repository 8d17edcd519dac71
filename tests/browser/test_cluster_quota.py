"""What may be used on a cluster with GPUs of several kinds, as the panel shows it, live.

The nodes publish MIG slices, shares by MPS and whole GPUs as the vendors do; Kueue, the quota's
controller and the scheduler are the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import vendors
from tests.cluster.testbed.cluster import Cluster
from tests.cluster.testbed.faults import Rule
from tests.cluster.testbed.fixtures import own_cluster_or_skip
from tests.cluster.testbed.processes import until

from .axe import grave
from .conftest import Lab, run_lab
from .kube import Room, room
from .notebook import open_notebook, run_all, write_notebook
from .panel import Panel, open_lab, open_panel
from .terminal import Terminal, terminal

SLICE, SHARE, WHOLE = "nvidia.com/mig-1g.20gb", "nvidia.com/gpu.shared", "nvidia.com/gpu"
NODES = (
    vendors.mig_mixed("mixed", _1g_20gb=4),
    vendors.shared("mps", "mps", product=vendors.H100, by=10, renamed=True),
    vendors.whole("whole", product=vendors.A100_40, count=2),
)
QUOTA = {f"requests.{WHOLE}": "1"}
QUEUE = {"cpu": "6", "memory": "12Gi", WHOLE: "4", SLICE: "3", SHARE: "10"}
KUEUE = "kueue.x-k8s.io/v1beta2"
QUIET = {"cnai-lab:settings": {"notifySuccess": False, "notifyFailure": False}}
THEMES = "@jupyterlab/apputils-extension:themes"
SCRIPT = """
import time

import cnai_sdk as cnai

for epoch in range(1, 5000):
    cnai.report(step=epoch, accuracy=1 - 0.5 / epoch)
    time.sleep(0.5)
"""
BAD = [
    ("GPU each", "0", "gpu=0 cannot be given. Write a number above 0, or leave gpu out."),
    ("GPU each", "-1", "gpu=-1 cannot be given."),
    ("GPU each", "1.5", "gpu=1.5 cannot be given. Above 1 it is a number of whole devices"),
    ("GPU each", "half", "gpu='half' is not a number."),
    ("Memory each", "10GB", "memory='10GB' is not an amount of memory."),
    ("Jobs", "half", "count='half' is not a number of jobs."),
    ("Jobs", "0", "count=0 is not a number of jobs."),
]


@pytest.fixture(scope="module")
def gpus() -> Iterator[Cluster]:
    """A cluster with GPUs of three kinds."""
    cluster = own_cluster_or_skip(operators=("training-operator", "kueue"), nodes=NODES)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def team(gpus: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A namespace with a quota, and a queue."""
    folder = tmp_path_factory.mktemp("kube")
    with room(folder, name="vision", quota=QUOTA, cluster=gpus) as found:
        resources = [{"name": key, "nominalQuota": amount} for key, amount in QUEUE.items()]
        group = {
            "coveredResources": list(QUEUE),
            "flavors": [{"name": "default", "resources": resources}],
        }
        spec = {"namespaceSelector": {}, "resourceGroups": [group]}
        for kind, name, what in (
            ("ResourceFlavor", "default", {}),
            ("ClusterQueue", "vision", spec),
        ):
            meta = {"name": name}
            gpus.apply({"apiVersion": KUEUE, "kind": kind, "metadata": meta, "spec": what})
        found.have("LocalQueue", KUEUE, "team", spec={"clusterQueue": "vision"})
        yield found


@pytest.fixture(scope="module")
def lab(team: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab whose jobs go to the namespace, and there to the queue."""
    folder = tmp_path_factory.mktemp("lab")
    where = str(team.kubeconfig)
    with run_lab(folder, settings=QUIET, KUBECONFIG=where, CNAI_QUEUE="team") as running:
        Terminal(running.env, folder / "outside").run("use", "kubernetes", "--json")
        yield running


@pytest.fixture
def shell(lab: Lab, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal that leaves the namespace without jobs."""
    with terminal(lab.env, tmp_path / "outside") as opened:
        yield opened


def train(shell: Terminal, folder: Path, name: str) -> None:
    """A job with a quarter of a GPU, for at most 40 minutes."""
    script = folder / "train.py"
    script.write_text(SCRIPT)
    asks = ("--cpu", "0.2", "--memory", "256Mi", "--gpu", "0.25", "--timeout", "40m")
    shell.run("train", str(script), "--name", name, *asks, "--detach", "--json")


def holding(count: int) -> dict[str, Any]:
    """A pod that somebody else makes, with slices of a GPU."""
    amounts = {"cpu": "100m", "memory": "64Mi", SLICE: str(count)}
    container = {
        "name": "c",
        "image": "python:3",
        "command": ["python3", "-c", "import time; time.sleep(3600)"],
        "resources": {"requests": amounts, "limits": amounts},
    }
    return {"restartPolicy": "Never", "containers": [container]}


def meter(panel: Panel, name: str) -> Locator:
    return panel.root.get_by_role("meter", name=name, exact=True)


def says(panel: Panel, name: str, words: str) -> None:
    """Wait until a gauge tells these words to somebody who does not see it."""
    expect(meter(panel, name)).to_have_attribute("aria-valuetext", words)


def form(panel: Panel) -> Locator:
    """The form of 'Would it fit?', opened."""
    found = panel.root.get_by_role("region", name="Would it fit?")
    if found.count() == 0:
        panel.root.get_by_role("button", name="Would it fit?").click()
    expect(found).to_be_visible()
    return found


def wish(panel: Panel, **fields: str) -> Locator:
    """Fill the form; what it says."""
    asked = form(panel)
    for label, value in fields.items():
        asked.get_by_label(label.replace("_", " "), exact=True).fill(value)
    return asked.get_by_role("status")


def only(panel: Panel, *names: str) -> None:
    """Wait until the list has these jobs and no others."""
    for name in names:
        expect(panel.row(name)).to_be_visible()
    expect(panel.root.locator(".cnai-JobRow")).to_have_count(len(names))


def test_gauges_and_lines_show_who_has_what_and_lead_to_it(
    sharp: Page, lab: Lab, team: Room, shell: Terminal, tmp_path: Path, kept: Path, shots: Path
) -> None:
    cells = [team.use, "cnai.quota()", "cnai.fits(gpu=0.25, count=4)"]
    open_notebook(sharp, lab, write_notebook(lab.root, "room.ipynb", cells))
    sharp.set_viewport_size({"width": 1440, "height": 900})
    panel = open_panel(sharp)
    panel.width(320)
    for name, words in (
        ("CPU", "0 of 6 cores, you 0 cores, free 6 cores"),
        ("GPU", "0 of 1, you 0 GPU, free 1 GPU"),  # the quota's, which is the tighter
        ("GPU MIG 1g.20gb", "0 of 3, you 0 GPU, free 3 GPU"),
        ("GPU shared", "0 of 10, you 0 GPU, free 10 GPU"),
    ):
        says(panel, name, words)
    free = "0 of 3 GPU slices 1g.20gb are free in the queue team"
    said = wish(panel, Jobs="4", GPU_each="0.25")
    expect(said).to_contain_text(f"3 of 4 fit now, the others wait: {free}")
    sharp.screenshot(path=shots / "quota-some-fit.png")

    meta = {"labels": {"kueue.x-k8s.io/queue-name": "team"}}
    meta["labels"]["kueue.x-k8s.io/max-exec-time-seconds"] = "2400"
    team.have("Job", "batch/v1", "notebook", metadata=meta, spec={"template": {"spec": holding(1)}})
    says(panel, "GPU MIG 1g.20gb", "1 of 3, you 0 GPU, free 2 GPU")
    for name in ("digits", "vit-probe"):
        train(shell, tmp_path, name)
        panel.says(name, "Running")
    train(shell, tmp_path, "baseline")
    says(panel, "GPU MIG 1g.20gb", "3 of 3, you 2 GPU, free 0 GPU")
    expect(panel.root.get_by_text("Queue team: 1 waits")).to_be_visible()
    place = panel.root.get_by_role("button", name="baseline: place 1")
    expect(place).to_be_visible()
    behind = re.compile(rf"Waits behind 1, about \d+.m by the deadlines of what runs: {free}")
    expect(said).to_contain_text(behind)
    run_all(sharp)
    told = sharp.locator(".jp-OutputArea-output", has_text="Waits behind 1, about")
    expect(told).to_be_visible()
    sharp.mouse.move(900, 700)
    sharp.screenshot(path=kept / "panel-quota-cluster.png")

    slices = panel.root.get_by_role("button", name="GPU MIG 1g.20gb", exact=True)
    slices.click()
    only(panel, "digits", "vit-probe")
    panel.root.get_by_role("button", name="1 waiting needs 1 GPU").click()
    only(panel, "baseline")
    panel.root.get_by_role("button", name="1 waiting needs 1 GPU").click()
    only(panel, "digits", "vit-probe", "baseline")
    place.click()
    only(panel, "baseline")
    panel.filter.fill("")
    panel.root.get_by_role("button", name="Who uses what").click()
    holders = panel.root.get_by_role("region", name="Who uses what")
    expect(holders).to_contain_text("notebook")

    for theme in ("Light", "Dark"):
        lab.set(THEMES, theme=f"JupyterLab {theme}")
        panel = open_lab(sharp, lab)
        says(panel, "GPU MIG 1g.20gb", "3 of 3, you 2 GPU, free 0 GPU")
        expect(wish(panel, Jobs="4", GPU_each="0.25")).to_contain_text(behind)
        panel.root.screenshot(path=shots / f"quota-{theme.lower()}.png")
        assert grave(sharp, "#cnai-side-panel") == []
    lab.set(THEMES, theme="JupyterLab Light")
    job = panel.open_job("baseline")
    expect(job.root).to_contain_text("Queued")
    path = f"/apis/batch/v1/namespaces/{team.namespace}/jobs/notebook?propagationPolicy=Background"
    team.cluster.http.delete(path).raise_for_status()
    panel.says("baseline", "Running")


def test_the_form_refuses_what_makes_no_sense_where_it_was_typed(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    panel = open_lab(page, lab)
    said = wish(panel, GPU_each="1")
    expect(said).to_contain_text("Fits now")
    for label, value, words in BAD:
        field = form(panel).get_by_label(label, exact=True)
        before = field.input_value()
        field.fill(value)
        expect(said).to_contain_text(words)
        expect(field).to_have_attribute("aria-invalid", "true")
        field.fill(before)
        expect(said).to_contain_text("Fits now")
        expect(field).to_have_attribute("aria-invalid", "false")
    field = form(panel).get_by_label("GPU each", exact=True)
    field.fill("half")
    expect(said).to_contain_text("gpu='half'")
    panel.root.screenshot(path=shots / "quota-refused.png")
    assert grave(page, "#cnai-side-panel") == []
    expect(wish(panel, GPU_each="8")).to_contain_text(
        "Never fits: No GPU gives gpu=8 in namespace vision. No node has more than 2 of "
        "NVIDIA A100-SXM4-40GB. Write gpu=1."
    )
    panel.root.screenshot(path=shots / "quota-never.png")
    assert team.jobs() == []


def test_a_quota_that_an_administrator_changes_moves_its_gauge(
    page: Page, lab: Lab, team: Room
) -> None:
    panel = open_lab(page, lab)
    said = wish(panel, Jobs="2", GPU_each="1")
    expect(said).to_contain_text("1 of 2 fit now")
    expect(meter(panel, "GPU")).to_have_attribute("aria-valuemax", "1")
    try:
        team.limit("team", QUOTA | {f"requests.{WHOLE}": "2"})
        says(panel, "GPU", "0 of 2, you 0 GPU, free 2 GPU")
        expect(said).to_contain_text("All 2 fit now")
    finally:
        team.limit("team", QUOTA)
    says(panel, "GPU", "0 of 1, you 0 GPU, free 1 GPU")


def test_while_the_cluster_is_away_the_section_says_how_old_it_is(
    page: Page, lab: Lab, team: Room, shots: Path
) -> None:
    panel = open_lab(page, lab)
    says(panel, "GPU", "0 of 1, you 0 GPU, free 1 GPU")
    old = panel.root.get_by_text(re.compile(r"^vision on gpu-lab is not available: this is as of "))
    expect(old).to_have_count(0)
    with team.faults.rule(Rule(after=0)):
        team.faults.cut()
        expect(old).to_be_visible()
        expect(meter(panel, "GPU")).to_be_visible()
        panel.root.screenshot(path=shots / "quota-away.png")
        assert grave(page, "#cnai-side-panel") == []
    expect(old).to_have_count(0)


def test_without_a_queue_those_that_could_be_are_shown_and_idle_nodes_are_counted(
    page: Page, gpus: Cluster, team: Room, tmp_path: Path, shots: Path
) -> None:
    other = gpus.namespace()
    meta = {"name": "theirs", "namespace": other}
    gpus.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": holding(2)})
    until("it has a node", lambda: gpus.pods(other)[0]["spec"].get("nodeName") == "mixed")
    with run_lab(tmp_path / "lab", settings=QUIET, KUBECONFIG=str(team.kubeconfig)) as plain:
        Terminal(plain.env, tmp_path / "outside").run("use", "kubernetes", "--json")
        panel = open_lab(page, plain)
        expect(panel.root.get_by_text("Queue team: 0 wait")).to_be_visible()
        expect(panel.root.get_by_text("GPU MIG 1g.20gb: 0 of 3")).to_be_visible()
        how = 'queue="team" in cnai.train puts a job there, CNAI_QUEUE=team all of them.'
        expect(panel.root.get_by_text(how)).to_be_visible()
        said = wish(panel, Jobs="4", GPU_each="0.25")
        expect(said).to_contain_text(
            "2 of 4 fit now, the others wait: the nodes have room for 2 of 4 workers at a time",
        )
        panel.root.screenshot(path=shots / "quota-no-queue.png")
        assert grave(page, "#cnai-side-panel") == []
    gpus.delete_namespace(other)
