"""The kubeflow SDK's local backend: seconds from the call to the function's first line, and to the
end that it reports. Run by the throw-away environment in which it is installed.

python kubeflow_first_line.py [PACKAGE ...]     packages that the job asks for
"""

from __future__ import annotations

import os
import sys
import time

from kubeflow.trainer import CustomTrainer, LocalProcessBackendConfig, TrainerClient

PATIENCE = 1200


def work() -> None:
    import time

    print("first", time.monotonic(), flush=True)


def main(packages: list[str]) -> None:
    """Train, wait, and print both times."""
    client = TrainerClient(backend_config=LocalProcessBackendConfig())
    # Its jobs inherit nothing: without a PATH and pip's own settings they could not install.
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME") or k.startswith("PIP_")}
    trainer = CustomTrainer(func=work, packages_to_install=packages, env=kept)
    started = time.monotonic()
    name = client.train(runtime=client.get_runtime("torch-distributed"), trainer=trainer)
    job = client.wait_for_job_status(
        name, status={"Complete", "Failed"}, timeout=PATIENCE, polling_interval=1
    )
    ended = time.monotonic()
    log = list(client.get_job_logs(name))
    first = [float(line.split()[1]) for line in log if line.startswith("first ")]
    if job.status != "Complete" or not first:
        sys.exit("\n".join([f"The job is {job.status}.", *log[-20:]]))
    print("first", first[0] - started)
    print("ended", ended - started)


if __name__ == "__main__":
    main(sys.argv[1:])
