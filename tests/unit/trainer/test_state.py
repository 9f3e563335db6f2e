"""A state as named arrays, and what is refused."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as tensors

from steepest.trainer.fit import EpochRecord
from steepest.trainer.state import FORMAT, State
from tests.unit.trainer.world import data_for, spec_for, train


def a_state(**options: Any) -> State:
    spec = spec_for("binary", 40, epochs=2, **options)
    X, y = data_for("binary", 40, dtype=spec.precision)
    for item in train(spec, X, y):
        if isinstance(item, EpochRecord):
            return item.state()
    raise AssertionError


def test_a_state_survives_a_file() -> None:
    state = a_state()
    again = State.from_arrays(tensors.load(tensors.save(state.to_arrays())))
    for item in fields(State):
        before, after = getattr(state, item.name), getattr(again, item.name)
        assert type(before) is type(after)
        assert np.array_equal(before, after)
    assert int(state.to_arrays()["format"][0]) == FORMAT == 2


def test_a_state_is_a_copy() -> None:
    X, y = data_for("binary", 40)
    states = [item.state() for item in train(spec_for("binary", 40, epochs=2), X, y) if isinstance(item, EpochRecord)]
    assert not np.array_equal(states[0].theta, states[1].theta)
    assert not np.array_equal(states[0].slots, states[1].slots)


def test_another_format_is_refused() -> None:
    arrays = a_state().to_arrays()
    for other in (1, FORMAT + 1, 99):
        with pytest.raises(ValueError, match=f"format {other}; this release reads format {FORMAT}"):
            State.from_arrays(arrays | {"format": np.array([other])})
    with pytest.raises(ValueError, match="theta missing"):
        State.from_arrays({name: array for name, array in arrays.items() if name != "theta"})


def test_a_state_is_of_plain_arrays() -> None:
    for options in ({}, {"schedule": {"name": "plateau"}}, {"optimizer": {"name": "gradient_descent"}}):
        for array in a_state(**options).to_arrays().values():
            assert array.dtype.kind in "if"


@pytest.mark.parametrize(
    "other",
    [
        {"layers": []},
        {"layers": [{"batch_norm": True}]},
        {"optimizer": {"name": "momentum"}},
        {"precision": "float64"},
        {"schedule": {"name": "plateau"}},
    ],
    ids=str,
)
def test_the_state_of_another_run_is_refused(other: dict[str, Any]) -> None:
    spec = spec_for("binary", 40, epochs=2)
    X, y = data_for("binary", 40)
    with pytest.raises(ValueError, match="another network, optimizer, precision"):
        next(train(spec, X, y, state=a_state(**other)))
