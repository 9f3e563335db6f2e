"""Go on from saved states in this process: `python -m tests.unit.trainer.resumed FOLDER`.

Each `*.state` in the folder is a state, beside the JSON of its case; the outcome is written beside it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as tensors

from steepest.trainer import chunks
from steepest.trainer import fit as fit_module
from steepest.trainer.arrays import Array
from steepest.trainer.fit import EpochRecord, Finished
from steepest.trainer.state import State
from tests.unit.trainer.world import data_for, spec_for, train

ROWS, VALIDATION_ROWS = 150, 40


def started(patch: pytest.MonkeyPatch, case: dict[str, Any], state: State | None = None) -> Any:
    """The run of a case, from its start or from a state.

    Its chunks are made so small that it stops inside epochs and inside steps, and it yields after each.
    """
    patch.setattr(fit_module, "PROGRESS_SECONDS", 0.0)
    patch.setattr(chunks, "STEPS", 3)
    patch.setattr(chunks, "piece_rows", lambda network, itemsize: case["piece"])
    spec = spec_for(case["task"], ROWS, VALIDATION_ROWS, **case["fields"])
    X, y = data_for(case["task"], ROWS, dtype=spec.precision)
    validation = data_for(case["task"], VALIDATION_ROWS, seed=1, dtype=spec.precision)
    return train(spec, X, y, validation, state)


def outcome(items: Any) -> dict[str, Array]:
    """What is left of a run: its history, but for the seconds, and its weights."""
    history: list[list[float]] = []
    for item in items:
        if isinstance(item, EpochRecord):
            record = item.as_dict()
            history.append([float(value or 0) for name, value in record.items() if name != "seconds"])
        if isinstance(item, Finished):
            return {
                "history": np.array(history).reshape(len(history), 6),
                "end": np.array([item.epochs, item.best_epoch]),
                "theta": item.theta,
                "last": item.last,
                "best": item.best,
                "initial": item.initial,
            }
    raise AssertionError


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.state")):
        case = json.loads(path.with_suffix(".json").read_text())
        state = State.from_arrays(tensors.load(path.read_bytes()))
        path.with_suffix(".outcome").write_bytes(tensors.save(outcome(started(pytest.MonkeyPatch(), case, state))))
