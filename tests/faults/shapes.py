"""Jobs of many shapes, each some seconds long, and the data that they train on."""

from typing import Any

import numpy as np

CHECKPOINT_SECONDS = 1.0


def table(rows: int, features: int) -> bytes:
    """A CSV file with a target `y` of two classes that the features tell apart, but for some noise."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, features))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * generator.normal(size=rows) > 0).astype(int)
    header = ",".join([*(f"x{number}" for number in range(features)), "y"])
    lines = (",".join(f"{value:.5f}" for value in row) + f",{label}" for row, label in zip(X, y, strict=True))
    return "\n".join([header, *lines, ""]).encode()


def shapes(small: str, large: str) -> dict[str, dict[str, Any]]:
    """Specs by name; `small` and `large` are data sets of about a thousand rows and ten times as many."""
    common = {"target": "y", "seed": 5, "checkpoint_every": {"seconds": CHECKPOINT_SECONDS}, "early_stopping": None}
    return {
        "many short epochs": common | {"dataset": small, "layers": [{"units": 64}, {"units": 64}], "epochs": 2_500},
        "long epochs": common
        | {"dataset": large, "layers": [{"units": 128}, {"units": 128}], "epochs": 12, "batch_size": 4},
        "early stopping": common
        | {
            "dataset": small,
            "layers": [{"units": 96}],
            "epochs": 3_000,
            "early_stopping": {"monitor": "validation_loss", "patience": 400},
        },
        "dropout": common
        | {
            "dataset": small,
            "layers": [{"units": 96, "dropout": 0.3, "batch_norm": True}, {"units": 48, "dropout": 0.1}],
            "schedule": {"name": "plateau", "patience": 20, "factor": 0.5},
            "epochs": 1_000,
        },
        "lbfgs": common | {"dataset": large, "layers": [{"units": 48}], "optimizer": {"name": "lbfgs"}, "epochs": 200},
    }
