"""A supervisor killed in the middle of a job: no orphan, and the next one finishes the job with the same bits."""

import signal
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from steepest.client import Client
from steepest.spec.answers import Dataset, Job
from tests.integration.embedded.processes import Up, eventually, left_of

EPOCHS = 2_000
JOB = {
    "layers": [{"units": 64}, {"units": 64}],
    "epochs": EPOCHS,
    "early_stopping": None,
    "checkpoint_every": {"seconds": 1},
    "seed": 3,
}


def table(path: Path) -> Path:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(2000, 20))
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
    np.savetxt(
        path,
        np.column_stack([X, y]),
        delimiter=",",
        fmt="%.6g",
        header=",".join([*(f"x{column}" for column in range(20)), "y"]),
        comments="",
    )
    return path


def weights(client: Client, job: Job, path: Path) -> dict[str, np.ndarray]:
    client.weights.download(job, path)
    return load_file(path)


def submit(client: Client, dataset: Dataset | str) -> Job:
    return client.jobs.create(JOB, dataset=dataset, target="y")


def test_a_job_outlives_a_killed_supervisor_with_the_same_bits(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = Up(home, STEEPEST_LEASE_SECONDS="2").ready()
    with Client(first.url, first.key) as client:
        dataset = client.datasets.wait(client.datasets.upload(table(tmp_path / "table.csv")))
        job = submit(client, dataset)
        eventually(lambda: client.jobs.get(job).progress.epoch >= 10, "the job to be under way")
    below = first.below()
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    eventually(lambda: not left_of(below), "every process of the killed supervisor to end")

    second = Up(home, STEEPEST_LEASE_SECONDS="2").ready()
    try:
        with Client(second.url, second.key) as client:
            ended = client.jobs.wait(job)
            assert ended.status == "succeeded"
            assert ended.attempt == 2
            assert ended.bit_exact
            assert [epoch.epoch for epoch in client.epochs.list(ended)] == list(range(1, EPOCHS + 1))
            calm = client.jobs.wait(submit(client, dataset))
            assert calm.attempt == 1
            after_the_kill = weights(client, ended, tmp_path / "killed.safetensors")
            undisturbed = weights(client, calm, tmp_path / "calm.safetensors")
        assert after_the_kill.keys() == undisturbed.keys()
        for name, array in undisturbed.items():
            assert array.tobytes() == after_the_kill[name].tobytes(), name
        below = second.below()
    finally:
        assert second.stop() == 0
    assert not left_of(below)
