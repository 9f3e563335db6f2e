"""What can be trained, as users meet it: over HTTP to a running stack, and back as a file that is opened in process."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import steepest
from steepest.client import Client
from steepest.spec.answers import Dataset, Job
from tests.integration.embedded.processes import Up

ROWS = 400
FEATURES = ["x0", "x1", "x2", "colour"]
ALL_AT_ONCE: dict[str, Any] = {
    "target": "kind",
    "layers": [{"units": 16, "dropout": 0.1, "batch_norm": True}, {"units": 8, "activation": "elu", "alpha": 0.5}],
    "optimizer": {"name": "adamw", "learning_rate": 0.01},
    "loss": {"class_weight": "balanced", "sample_weight": "weight", "label_smoothing": 0.05},
    "regularization": {"l1": 1e-5, "l2": 1e-4, "max_norm": 3.0},
    "gradient_clip": {"by": "global_norm", "limit": 2.0},
    "schedule": {"name": "cosine", "warmup_epochs": 3},
    "early_stopping": {"monitor": "validation_accuracy", "patience": 10},
    "epochs": 60,
}
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "all at once": ("numpy", ALL_AT_ONCE),
    "all that kernels can": (
        "numba",
        ALL_AT_ONCE | {"gradient_clip": None, "regularization": {"l1": 1e-5, "l2": 1e-4}},
    ),
    "labels": ("numba", {"target": ["a", "b", "c"], "loss": {"sample_weight": "weight"}, "epochs": 20}),
    "several values": (
        "numba",
        {
            "target": ["v", "w"],
            "loss": {"name": "huber", "delta": 0.5},
            "layers": [{"units": 16, "activation": "gelu", "batch_norm": True}],
            "schedule": {"name": "plateau", "patience": 2},
            "early_stopping": {"monitor": "validation_r2", "patience": 5},
            "epochs": 60,
        },
    ),
    "absolute errors": (
        "numba",
        {"target": "v", "loss": {"name": "mean_absolute_error"}, "optimizer": {"name": "nesterov"}, "epochs": 20},
    ),
    "counts": (
        "numba",
        {
            "target": "count",
            "loss": {"name": "poisson"},
            "optimizer": {"learning_rate": 0.01},
            "schedule": {"name": "one_cycle"},
            "epochs": 20,
        },
    ),
    "squared errors of classes": ("numba", {"target": "kind", "loss": {"name": "mean_squared_error"}, "epochs": 20}),
    "a line": (
        "numba",
        {"target": "v", "layers": [], "optimizer": {"name": "adagrad", "learning_rate": 0.3}, "epochs": 20},
    ),
    "lbfgs": (
        "numpy",
        {"target": "kind", "layers": [], "optimizer": {"name": "lbfgs"}, "regularization": {"l2": 1e-3}, "epochs": 30},
    ),
}


def table(path: Path) -> Path:
    random = np.random.default_rng(0)
    X = random.normal(size=(ROWS, 3)).round(4)
    colour = random.choice(["red", "green", "blue"], ROWS)
    signal = X[:, 0] - X[:, 1] * X[:, 2] + (colour == "red")
    v, w = signal + 0.1 * random.normal(size=ROWS), np.sin(signal)
    columns = {
        **{f"x{number}": X[:, number] for number in range(3)},
        "colour": colour,
        "kind": np.array(["low", "middle", "high"])[np.digitize(signal, [-0.5, 1.0])],
        **{name: (signal > edge).astype(int) for name, edge in zip("abc", (-0.5, 0.0, 1.0), strict=True)},
        "v": v.round(4),
        "w": w.round(4),
        "count": random.poisson(np.exp(signal / 2)),
        "weight": random.uniform(0.5, 2.0, ROWS).round(3),
    }
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)), ""]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def dataset(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with Client(up.url, up.key) as client:
        made = client.datasets.wait(client.datasets.upload(table(tmp_path_factory.mktemp("data") / "table.csv")))
    assert made.status == "ready", made.error
    return made


def submitted(client: Client, dataset: Dataset, fields: dict[str, Any]) -> Job:
    defaults = {"features": FEATURES, "layers": [{"units": 16}], "early_stopping": None}
    return client.jobs.create(defaults | fields, dataset=dataset)


ROWS_TO_PREDICT: list[dict[str, float | str | bool | None]] = [
    {"x0": 0.5, "x1": -1.0, "x2": 2.0, "colour": "red"},
    {"x0": -2.5, "x2": 0.25, "colour": "blue"},
    {"x1": 3.0},
]


def check_files(client: Client, job: Job, folder: Path) -> None:
    """What was downloaded predicts what the service predicts."""
    told = client.predictions.create(job, ROWS_TO_PREDICT)
    for suffix in ("npz", "safetensors"):
        run = steepest.load(client.weights.download(job, folder / f"weights.{suffix}"))
        here = [prediction.model_dump() for prediction in run.model.predict_records(ROWS_TO_PREDICT)]
        for ours, theirs in zip(here, (prediction.model_dump() for prediction in told), strict=True):
            assert ours.keys() == theirs.keys()
            for name, value in theirs.items():
                assert ours[name] == (value if isinstance(value, str | list) else pytest.approx(value, rel=1e-5)), name
    arrays = load_file(folder / "weights.safetensors")
    with np.load(folder / "weights.npz") as file:
        assert {name for name in file if name != "metadata"} == arrays.keys()
    for number, layer in enumerate(job.resolved_spec.layers):
        norm = {name for name in arrays if name.startswith(f"layers.{number}.batch_norm.")}
        names = {f"layers.{number}.batch_norm.{name}" for name in ("scale", "shift", "mean", "variance")}
        assert norm == (names if layer.batch_norm else set())
        assert all(arrays[name].shape == (layer.units,) for name in norm)
    assert f"layers.{len(job.resolved_spec.layers)}.weight" in arrays


@pytest.mark.parametrize("name", JOBS)
def test_it_is_trained_and_comes_back(up: Up, dataset: Dataset, name: str, tmp_path: Path) -> None:
    engine, fields = JOBS[name]
    with Client(up.url, up.key) as client:
        job = client.jobs.wait(submitted(client, dataset, fields))
        assert job.status == "succeeded", job.error
        assert job.environment is not None
        assert (job.bit_exact, job.environment.engine) == (True, engine)
        assert (job.environment.numba is not None) is (engine == "numba")
        epochs = list(client.epochs.list(job))
        check_files(client, job, tmp_path)
    result = job.result
    assert result is not None
    assert [epoch.epoch for epoch in epochs] == list(range(1, result.epochs + 1))
    assert epochs[-1].training_loss < epochs[0].training_loss
    if job.resolved_spec.early_stopping is not None:
        assert job.stopped_by in ("early_stopping", "epochs")
        figure = job.resolved_spec.early_stopping.monitor
        assert figure is not None
        best = max(epochs, key=lambda epoch: getattr(epoch, figure))
        assert getattr(result, figure) == pytest.approx(getattr(best, figure), rel=1e-5)
    figures = (result.test_accuracy, result.test_r2)
    assert [figure is None for figure in figures].count(True) == 1
    assert max(figure for figure in figures if figure is not None) > 0.1


def test_a_job_out_of_time_succeeds_with_what_it_has(up: Up, dataset: Dataset, tmp_path: Path) -> None:
    fields = {"target": "v", "layers": [{"units": 256}, {"units": 256}], "epochs": 100_000, "max_seconds": 1.0}
    with Client(up.url, up.key) as client:
        job = client.jobs.wait(submitted(client, dataset, fields))
        assert (job.status, job.stopped_by) == ("succeeded", "max_seconds")
        check_files(client, job, tmp_path)
        epochs = list(client.epochs.list(job))
    assert job.result is not None
    assert job.result.test_r2 is not None
    assert job.result.epochs == len(epochs) < 100_000
    assert 0.9 < sum(epoch.seconds for epoch in epochs) < 1.5
