"""`cnai train` in a terminal, on a cluster: what holds a job up is said while it is followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

IMAGE = "registry.example.com/nosuch:v9"
CNAI = (sys.executable, "-m", "cnai_sdk.cli")


def test_an_image_that_is_not_there_is_said_and_the_interrupted_job_goes_on(
    kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    script = tmp_path / "prints.py"
    script.write_text('print("here")\n')
    env = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "CNAI_HOME": str(tmp_path / "store"),
        "CNAI_CONFIG": str(tmp_path / "config.toml"),
        "CNAI_BACKEND": "kubernetes",
        "CNAI_NAMESPACE": namespace,
    }
    wishes = ("--image", IMAGE, "--cpu", "0.1", "--memory", "256Mi", "--name", "typo")
    following = subprocess.Popen(
        (*CNAI, "train", str(script), *wishes), env=env, stderr=subprocess.PIPE, text=True
    )
    assert following.stderr is not None
    try:
        said = next(line for line in following.stderr if "What to do about it" in line)
        assert said.startswith(("Queued: ", "Starting: "))
        assert IMAGE in said
        assert said.endswith("What to do about it: cnai explain typo\n")

        following.send_signal(signal.SIGINT)
        assert "typo goes on" in following.stderr.read()
        assert following.wait() == 130
    finally:
        following.kill()  # where it ended as it should, nothing is left to kill
    explained = subprocess.run((*CNAI, "explain", "typo"), env=env, capture_output=True, text=True)
    assert IMAGE in explained.stdout
    subprocess.run((*CNAI, "delete", "--yes", "typo"), env=env, check=True)
