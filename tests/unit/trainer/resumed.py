"""Go on from saved states in this process: `python -m tests.unit.trainer.resumed FOLDER`.

Each `*.states` in the folder holds the states of a case's networks, beside the JSON of the case; the outcome is written
beside it.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as tensors

from steepest.trainer import chunks, stack
from steepest.trainer.arrays import Array
from steepest.trainer.fit import EpochRecord, Failed, Finished, Progress
from steepest.trainer.state import State
from tests.unit.trainer.world import TEAM, by_a_team, figures_of, rows_for, spec_for, stack_of, train

ROWS, VALIDATION_ROWS = 150, 40
Case = dict[str, Any]
"""`nets`, the fields of each network's spec; `task`; `piece`, most rows of a chunk; `weighted`; `engine`."""
States = dict[int, State]
"""Of each network that still learns, by its number."""


def started(patch: pytest.MonkeyPatch, case: Case, states: States | None = None) -> Iterator[Any]:
    """The run of a case, from its start or from states; records keep the numbers that the networks had at the start.

    Its chunks are made so small that it stops inside epochs and inside steps, and it yields after each.
    """
    patch.setattr(stack, "PROGRESS_SECONDS", case.get("progress_seconds", 0.0))
    patch.setattr(chunks, "STEPS", 3)
    if case["engine"] != "numpy":
        patch.setattr("steepest.trainer.engines.kernel_course.MOST_STEPS", 3)
    if case["engine"] == TEAM:
        by_a_team(patch)
    patch.setattr(chunks, "piece_rows", lambda *_: case["piece"])
    task, weighted, engine = case["task"], case["weighted"], case["engine"]
    numbers = list(range(len(case["nets"]))) if states is None else sorted(states)
    specs = [spec_for(task, ROWS, VALIDATION_ROWS, **case["nets"][number]) for number in numbers]
    X, y, *weights = rows_for(task, ROWS, weighted=weighted, dtype=specs[0].precision)
    validation = rows_for(task, VALIDATION_ROWS, weighted=weighted, seed=1, dtype=specs[0].precision)
    if len(case["nets"]) == 1:
        state = None if states is None else states[0]
        yield from train(specs[0], X, y, validation, state, weights[0] if weights else None, engine)
        return
    given = None if states is None else [states[number] for number in numbers]
    for item in stack_of(specs, (X, y, *weights), validation, given, engine).run():
        object.__setattr__(item, "net", numbers[item.net])
        yield item


def outcome(items: Iterable[Any]) -> dict[str, Array]:
    """What is left of a run: of each network its history, but for the seconds, and its weights."""
    histories: dict[int, list[list[float]]] = {}
    found: dict[str, Array] = {}
    for item in items:
        if isinstance(item, EpochRecord):
            figures = [float(figure or 0) for figure in figures_of(item).values()]
            histories.setdefault(item.net, []).append([*figures, item.best])
        if isinstance(item, Finished):
            found[f"{item.net}.end"] = np.array([item.epochs, item.best_epoch, len(item.stopped_by)])
            for name in ("theta", "last", "best", "initial"):
                found[f"{item.net}.{name}"] = getattr(item, name)
        if isinstance(item, Failed):
            found[f"{item.net}.failed"] = np.frombuffer(str(item.error).encode(), np.uint8)
    return found | {f"{net}.history": np.array(history) for net, history in histories.items()}


def places(items: Iterable[Any]) -> Iterator[States]:
    """The states of all networks at each place where the run can stop."""
    here: States = {}
    for item in items:
        if isinstance(item, Progress | EpochRecord):
            state = item.state()
            if any((other.epoch, other.row) != (state.epoch, state.row) for other in here.values()):
                yield here
                here = {}
            here[item.net] = state
    if here:
        yield here


def save(states: States) -> bytes:
    named = {f"{net}.{name}": array for net, state in states.items() for name, array in state.to_arrays().items()}
    return tensors.save(named)


def load(data: bytes) -> States:
    nets: dict[int, dict[str, Array]] = {}
    for name, array in tensors.load(data).items():
        net, _, rest = name.partition(".")
        nets.setdefault(int(net), {})[rest] = array
    return {net: State.from_arrays(arrays) for net, arrays in nets.items()}


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.states")):
        case = json.loads(path.with_suffix(".json").read_text())
        result = outcome(started(pytest.MonkeyPatch(), case, load(path.read_bytes())))
        path.with_suffix(".outcome").write_bytes(tensors.save(result))
