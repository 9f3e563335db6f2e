"""The whole path of training on arrays that live elsewhere, with results equal to NumPy's to the bit."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from steepest.spec.errors import Diverged, OutOfMemory
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import chunks
from steepest.trainer import stack as stack_module
from steepest.trainer.arrays import aligned
from steepest.trainer.course import Course
from steepest.trainer.engines import courses
from steepest.trainer.engines.choice import PLAN
from steepest.trainer.network import Network
from steepest.trainer.records import EpochRecord, Failed, Finished
from steepest.trainer.stack import Stack
from steepest.trainer.state import State
from tests.unit.trainer.engines.cases import CASES, ON_GPU, outputs_of, rows_of, spec_of
from tests.unit.trainer.engines.stand_in import DEVICE, StandInCourse, StandInQuasiNewton, Strict


@pytest.fixture(autouse=True)
def _as_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks are small, and each gives a sign of life."""
    monkeypatch.setattr(stack_module, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(chunks, "STEPS", 3)
    monkeypatch.setattr(DEVICE, "allocated", 0)


def kind_for(spec: ResolvedTrainSpec) -> type[Course]:
    return StandInQuasiNewton if spec.optimizer.name == "lbfgs" else StandInCourse


def trained(
    name: str, specs: list[ResolvedTrainSpec], *, here: bool = False, states: list[State] | None = None
) -> Iterator[Any]:
    """A run of a case: here, or on the device that is none."""
    validation = rows_of(name, 30, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courses, "course_on_gpu", kind_for)
        stack = Stack(specs, rows_of(name), outputs_of(name), validation, states, PLAN if here else ON_GPU)
    yield from stack.run()


def outcome(items: Iterator[Any]) -> list[Any]:
    """All that a run leaves."""
    found: list[Any] = []
    for item in items:
        if isinstance(item, EpochRecord):
            found += [value for key, value in item.as_dict().items() if key != "seconds"]
        elif isinstance(item, Finished):
            found += [item.epochs, item.best_epoch, *(part.tolist() for part in (item.theta, item.last, item.best))]
        elif isinstance(item, Failed):
            found += [str(item.error), item.best.tolist()]
    return found


@pytest.mark.parametrize("fused", [False, True], ids=["one by one", "in segments"])
@pytest.mark.parametrize("name", CASES)
def test_a_run_equals_one_of_numpy_to_the_bit(name: str, fused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DEVICE, "fused", fused)
    specs = [spec_of(name)]
    assert outcome(trained(name, specs)) == outcome(trained(name, specs, here=True))


@pytest.mark.parametrize("name", ["all in one", "adamw", "momentum", "mean_squared_error regression"])
def test_a_stack_equals_one_of_numpy_to_the_bit(name: str) -> None:
    rates = [0.01, 0.02, 0.05]
    specs = [
        spec_of(name, seed=seed, optimizer={"name": "adamw", "learning_rate": rate}, epochs=3 + seed)
        for seed, rate in enumerate(rates)
    ]
    assert outcome(trained(name, specs)) == outcome(trained(name, specs, here=True))


@pytest.mark.parametrize("name", ["all in one", "adam", "lbfgs", "full batch"])
def test_a_run_goes_on_from_any_state_on_either_side(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: 20 if name in ("lbfgs", "full batch") else 1000)
    specs, states, found = [spec_of(name)], [], list[Any]()
    for item in trained(name, specs):
        if isinstance(item, Finished):
            found = item.last.tolist()
        else:
            states.append(State.from_arrays(item.state().to_arrays()))
    for number, state in enumerate(states):
        for here in (False, True):
            *_, end = trained(name, specs, here=here, states=[state])
            assert end.last.tolist() == found, (number, here)


@pytest.mark.parametrize("name", ["all in one", "lbfgs", "full batch", "weighted huber regression"])
def test_rows_that_do_not_fit_are_streamed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: 20 if name in ("lbfgs", "full batch") else 1000)
    specs = [spec_of(name)]
    expected = outcome(trained(name, specs))
    streamed = list[bool]()
    monkeypatch.setattr("steepest.trainer.engines.device.SHARE_FOR_ROWS", 0.0)
    make = StandInCourse._make_gather if name != "lbfgs" else StandInQuasiNewton._make_gather

    def noted(self: Any, batch: int) -> Any:
        gather = make(self, batch)
        streamed.append(hasattr(gather, "send"))
        return gather

    monkeypatch.setattr(kind_for(specs[0]), "_make_gather", noted)
    assert outcome(trained(name, specs)) == expected
    assert streamed
    assert all(streamed)


def test_networks_of_their_own_orders_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [spec_of("adam", seed=seed) for seed in (1, 2)]
    expected = outcome(trained("adam", specs))
    monkeypatch.setattr("steepest.trainer.engines.device.SHARE_FOR_ROWS", 0.0)
    assert outcome(trained("adam", specs)) == expected


def test_a_device_takes_more_at_a_time_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StandInCourse, "capacity", chunks.DEVICE)
    monkeypatch.setattr(chunks, "INPUT_BYTES", 600)
    specs = [spec_of("all in one, double")]
    (*_, ours), (*_, theirs) = trained("all in one, double", specs), trained("all in one, double", specs, here=True)
    np.testing.assert_allclose(ours.last, theirs.last, rtol=0, atol=1e-12)


def test_divergence_is_diagnosed_alike() -> None:
    specs = [spec_of("mean_squared_error regression", optimizer={"name": "gradient_descent", "learning_rate": 1e6})]
    ours, theirs = ([*trained("mean_squared_error regression", specs, here=here)][-1] for here in (False, True))
    assert isinstance(ours.error, Diverged)
    assert str(ours.error) == str(theirs.error)


@pytest.mark.parametrize("piece", [20, 1000], ids=["in pieces", "whole"])
def test_a_stack_without_slots_parts_with_a_network_that_diverges(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: piece)
    name = "mean_squared_error regression"
    specs = [
        spec_of(name, seed=seed, batch_size=45, optimizer={"name": "gradient_descent", "learning_rate": rate})
        for seed, rate in enumerate([0.01, 1e6, 0.02])
    ]
    ours, theirs = ([*trained(name, specs, here=here)] for here in (False, True))
    assert {item.net: type(item) for item in ours if isinstance(item, Finished | Failed)} == {
        0: Finished,
        1: Failed,
        2: Finished,
    }
    assert outcome(iter(ours)) == outcome(iter(theirs))


def test_a_chunk_waits_for_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    course = _course("multiclass")
    first, second, *_ = course.cutting.after(0)
    course.advance(1, first)
    before = Strict.waits
    course.advance(1, second)
    assert Strict.waits == before + 1


def test_a_chunk_allocates_nothing_once_its_form_has_been_seen() -> None:
    course = _course("all in one")
    chunk = course.cutting.at(0)
    course.advance(1, chunk)
    before = DEVICE.allocated
    course.advance(2, chunk)
    fixed = DEVICE.allocated - before
    course.advance(3, chunk)
    assert DEVICE.allocated - before == 2 * fixed
    assert fixed < 20_000  # the orders, and what the sums need


def test_too_little_memory_is_a_clear_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DEVICE, "free", 25_000)
    course = _course("all in one")
    with pytest.raises(OutOfMemory, match=r"stand-in has .* GiB left; this training needs about .* GiB for weights"):
        course.advance(1, course.cutting.at(0))


def test_the_stand_in_is_strict() -> None:
    one: Any = Strict(np.ones(3, np.float32))
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(one)
    for mixed in (lambda: one + np.ones(3), lambda: np.add(one, np.ones(3)), lambda: np.copyto(one, np.ones(3))):
        with pytest.raises(TypeError):
            mixed()
    with pytest.raises(TypeError):
        np.logaddexp(one, one)
    with pytest.raises(NotImplementedError):
        np.maximum.reduce(one)


def _course(name: str) -> Course:
    name = "categorical_crossentropy multiclass" if name == "multiclass" else name
    spec, rows = spec_of(name), rows_of(name)
    return StandInCourse([spec], Network.of(spec, rows.X.shape[1], outputs_of(name)), rows)


def test_new_arrays_live_beside_others() -> None:
    there: Any = Strict(np.zeros(1))
    assert isinstance(aligned(3, np.float32, there), Strict)
    assert isinstance(aligned(3, np.float32), np.ndarray)
