"""M networks as one stack: each becomes, to the bit, what it becomes alone, whatever happens to the others."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import chunks, stack
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.fit import EpochRecord, Failed, Finished, Progress
from steepest.trainer.stack import shape_of
from tests.unit.trainer.world import (
    ENGINES,
    OBJECTIVES,
    OPTIMIZERS,
    TEAM,
    Pair,
    by_a_team,
    figures_of,
    records_of,
    rows_for,
    spec_for,
    stack_of,
    train,
)

ROWS, VALIDATION_ROWS = 90, 30
OWN: dict[str, list[dict[str, Any]]] = {
    "gradient_descent": [{}, {}, {}],
    "momentum": [{"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.0}],
    "nesterov": [{"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.0}],
    "adagrad": [{}, {"epsilon": 1e-6}, {}],
    "rmsprop": [{}, {"rho": 0.9}, {"epsilon": 1e-6}],
    "adam": [{}, {"beta_1": 0.8, "beta_2": 0.99}, {"epsilon": 1e-5}],
    "adamw": [{}, {"weight_decay": 0.1}, {"beta_1": 0.5}],
}
"""Hyper-parameters in which three networks differ."""
LAYERS: list[dict[str, Any]] = [{"units": 7, "activation": "tanh"}, {"units": 5}]
NORMALIZED: list[dict[str, Any]] = [layer | {"batch_norm": True} for layer in LAYERS]
BOUNDS: list[dict[str, Any]] = [
    {},
    {"regularization": {"l1": 0.001, "l2": 0.01}},
    {"regularization": {"max_norm": 0.7}, "gradient_clip": {"by": "norm", "limit": 0.1}},
    {"regularization": {"l2": 0.01}, "gradient_clip": {"by": "global_norm", "limit": 0.05}},
    {"gradient_clip": {"by": "value", "limit": 0.01}},
]


@pytest.fixture(params=[*ENGINES, TEAM])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in its turn, and a team."""
    if request.param == TEAM:
        by_a_team(monkeypatch)
    return str(request.param)


def different(optimizer: str = "adam", task: str = "multiclass", **common: Any) -> list[ResolvedTrainSpec]:
    """Three specs of one shape that have no number in common."""
    layers = common.pop("layers", LAYERS)
    own: list[dict[str, Any]] = [
        {"schedule": {"name": "cosine"}, "epochs": 6},
        {"schedule": {"name": "plateau", "patience": 0}, "epochs": 4, "early_stopping": None},
        {"schedule": {"name": "constant", "warmup_epochs": 2}, "epochs": 5},
    ]
    return [
        spec_for(
            task,
            ROWS,
            VALIDATION_ROWS,
            seed=net,
            optimizer={"name": optimizer, "learning_rate": 0.002 * 3**net, **OWN.get(optimizer, [{}] * 3)[net]},
            layers=[layer | {"dropout": 0.1 + 0.2 * net} for layer in layers],
            **({"batch_size": 16} | common | own[net]),
        )
        for net in range(3)
    ]


def by_net(items: Iterable[Any]) -> dict[int, tuple[list[dict[str, Any]], Finished | Failed | None]]:
    """The records and the end of each network."""
    histories: dict[int, list[dict[str, Any]]] = {}
    ends: dict[int, Finished | Failed] = {}
    for item in items:
        if isinstance(item, EpochRecord):
            histories.setdefault(item.net, []).append(figures_of(item) | {"best": item.best})
        elif isinstance(item, Finished | Failed):
            ends[item.net] = item
    return {net: (histories.get(net, []), ends.get(net)) for net in sorted({*histories, *ends})}


def each_as_if_alone(
    specs: Sequence[ResolvedTrainSpec], rows: Pair, validation: Pair | None, engine: str, nets: Sequence[int] = ()
) -> None:
    together = by_net(stack_of(specs, rows, validation, engine=engine).run())
    X, y, *weights = rows
    for net in nets or range(len(specs)):
        history, end = together[net]
        given = weights[0] if weights else None
        records, alone = records_of(specs[net], X, y, validation, weights=given, engine=engine)
        assert isinstance(end, Finished)
        assert history == [figures_of(record) | {"best": record.best} for record in records]
        assert (end.epochs, end.best_epoch, end.stopped_by) == (alone.epochs, alone.best_epoch, alone.stopped_by)
        for name in ("theta", "last", "best", "initial"):
            assert np.array_equal(getattr(end, name), getattr(alone, name)), name


def data(task: str, dtype: str, loss: str = "auto", *, weighted: bool = False) -> tuple[Pair, Pair]:
    training = rows_for(task, ROWS, loss=loss, weighted=weighted, dtype=dtype)
    return training, rows_for(task, VALIDATION_ROWS, loss=loss, weighted=weighted, seed=1, dtype=dtype)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("layers", [[], LAYERS, NORMALIZED], ids=["none", "layers", "normalized"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_every_optimizer(optimizer: str, layers: list[Any], precision: str, engine: str) -> None:
    rows, validation = data("multiclass", precision)
    specs = different(optimizer, layers=layers, precision=precision)
    each_as_if_alone(specs, rows, validation, engine)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 16, "full"])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_with_every_loss(task: str, loss: str, batch_size: Any, precision: str, weighted: bool, engine: str) -> None:
    rows, validation = data(task, precision, loss, weighted=weighted)
    l2 = {"l2": 0.01 if weighted else 0.0}
    specs = different(
        "momentum", task, loss={"name": loss}, batch_size=batch_size, precision=precision, regularization=l2
    )
    each_as_if_alone(specs, rows, validation, engine)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_with_every_activation(activation: str, engine: str) -> None:
    rows, validation = data("binary", "float32")
    layers = [{"units": 9, "activation": activation}, {"units": 3, "activation": activation, "batch_norm": True}]
    each_as_if_alone(different("adam", "binary", layers=layers), rows, validation, engine)


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("layers", [LAYERS, NORMALIZED, [{"units": 4}] * 9], ids=["layers", "normalized", "deep"])
def test_with_what_keeps_networks_in_bounds(layers: list[Any], bounds: dict[str, Any], engine: str) -> None:
    rows, validation = data("regression", "float32", weighted=True)
    for batch_size in (16, "full"):
        specs = different("nesterov", "regression", layers=layers, batch_size=batch_size, **bounds)
        each_as_if_alone(specs, rows, validation, engine)


@pytest.mark.parametrize("batch_size", [16, "full"])
def test_with_penalties_of_their_own(batch_size: Any, engine: str) -> None:
    rows, validation = data("multiclass", "float32")
    specs = [
        spec.model_copy(update={"regularization": spec.regularization.model_copy(update=own)})
        for spec, own in zip(different(batch_size=batch_size), ({}, {"l1": 0.01}, {"l2": 0.1}), strict=True)
    ]
    each_as_if_alone(specs, rows, validation, engine)


@pytest.mark.parametrize("batch_size", ["full", 40])
def test_with_steps_in_pieces(batch_size: Any, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: 13)
    rows, validation = data("multilabel", "float64", weighted=True)
    specs = different("adamw", "multilabel", batch_size=batch_size, precision="float64")
    each_as_if_alone(specs, rows, validation, engine)


def test_with_one_order_of_the_rows(engine: str) -> None:
    rows, validation = data("multiclass", "float32")
    specs = [spec.model_copy(update={"seed": 5}) for spec in different("momentum")]
    each_as_if_alone(specs, rows, validation, engine)
    each_as_if_alone(specs[:1] * 2, rows, None, engine)


def test_many_networks(engine: str) -> None:
    rows, validation = data("binary", "float32")
    fields = {"batch_size": 16, "epochs": 3, "layers": LAYERS}
    specs = [spec_for("binary", ROWS, VALIDATION_ROWS, seed=seed % 7, **fields) for seed in range(20)]
    each_as_if_alone(specs, rows, validation, engine)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_wide_networks(task: str, precision: str, engine: str) -> None:
    layers = [{"units": 67, "activation": "relu"}, {"units": 130, "activation": "softplus", "batch_norm": True}]
    rows = rows_for(task, 300, dtype=precision)
    fields: dict[str, Any] = {"layers": layers, "epochs": 1, "precision": precision, "batch_size": 128}
    specs = [
        spec_for(task, 300, seed=net, optimizer={"name": "adam", "learning_rate": 0.001 * (net + 1)}, **fields)
        for net in range(3)
    ]
    each_as_if_alone(specs, rows, None, engine)


@pytest.mark.parametrize("batch_size", [16, "full"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_that_diverges_leaves_the_others_alone(optimizer: str, batch_size: Any, engine: str) -> None:
    rows, validation = data("regression", "float32")
    specs = different(optimizer, "regression", layers=NORMALIZED, batch_size=batch_size)
    wild = specs[1].optimizer.model_copy(update={"learning_rate": 1e38})
    specs[1] = specs[1].model_copy(update={"optimizer": wild, "schedule": specs[0].schedule})
    items = list(stack_of(specs, rows, validation, engine=engine).run())
    each_as_if_alone(specs, rows, validation, engine, nets=[0, 2])
    _, end = by_net(items)[1]
    assert isinstance(end, Failed)
    with pytest.raises(type(end.error)) as alone:
        list(train(specs[1], rows[0], rows[1], validation, engine=engine))
    assert str(alone.value) == str(end.error)
    assert alone.value.extensions == end.error.extensions


def test_one_that_diverges_is_parted_with_within_its_chunk(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(chunks, "STEPS", 2)
    rows, _ = data("regression", "float32")
    wild = {"name": "gradient_descent", "learning_rate": 1e30}
    tame = {"name": "gradient_descent", "learning_rate": 1e-3}
    specs = [spec_for("regression", ROWS, optimizer=each, batch_size=4, epochs=2) for each in (wild, tame)]
    nets: list[int] = []
    for item in stack_of(specs, rows, engine=engine).run():
        nets.append(item.net)
        assert isinstance(item, Failed) == (item.net == 0)
        if isinstance(item, Progress | EpochRecord):
            assert np.isfinite(item.training_loss)
            assert np.isfinite(item.state().theta).all()
    assert nets[0] == 0
    assert 0 not in nets[1:]


def test_all_may_diverge(engine: str) -> None:
    rows, validation = data("regression", "float32")
    wild = {"name": "gradient_descent", "learning_rate": 1e30}
    specs = [spec_for("regression", ROWS, VALIDATION_ROWS, optimizer=wild, seed=seed) for seed in (1, 2)]
    ends = [end for _, end in by_net(stack_of(specs, rows, validation, engine=engine).run()).values()]
    assert all(isinstance(end, Failed) for end in ends)


def test_one_that_stops_early_leaves_the_others_alone(engine: str) -> None:
    rows, validation = data("multiclass", "float32")
    stopping = {"monitor": "training_loss", "patience": 1, "min_delta": 10.0}
    specs = different("adam")
    layers = [layer | {"dropout": 0.1} for layer in LAYERS]
    specs[0] = spec_for("multiclass", ROWS, VALIDATION_ROWS, layers=layers, batch_size=16, early_stopping=stopping)
    each_as_if_alone(specs, rows, validation, engine)
    history, end = by_net(stack_of(specs, rows, validation, engine=engine).run())[0]
    assert isinstance(end, Finished)
    assert (end.stopped_by, len(history)) == ("early_stopping", 2)


@pytest.mark.parametrize("batch_size", [45, "full"])
def test_whoever_stays_keeps_its_plateau(batch_size: Any, engine: str) -> None:
    rows, validation = data("regression", "float32")
    slow: dict[str, Any] = {
        "layers": LAYERS,
        "batch_size": batch_size,
        "optimizer": {"name": "gradient_descent", "learning_rate": 1e-7},
        "schedule": {"name": "plateau", "patience": 1, "factor": 0.5},
    }
    specs = [spec_for("regression", ROWS, VALIDATION_ROWS, seed=seed, epochs=3 + 4 * seed, **slow) for seed in range(3)]
    each_as_if_alone(specs, rows, validation, engine)
    history, _ = by_net(stack_of(specs, rows, validation, engine=engine).run())[2]
    assert history[-1]["learning_rate"] == pytest.approx(1e-7 / 8)


def test_a_network_may_be_made_to_leave(engine: str) -> None:
    rows, validation = data("multiclass", "float32")
    specs = different("momentum")
    nets = stack_of(specs, rows, validation, engine=engine)
    items = []
    for item in nets.run():
        items.append(item)
        if isinstance(item, EpochRecord) and (item.net, item.epoch) in ((0, 2), (2, 5)):
            nets.leave(item.net)
    found = by_net(items)
    whole = by_net(stack_of(specs, rows, validation, engine=engine).run())
    assert found[0] == (whole[0][0][:2], None)
    assert found[2] == (whole[2][0], None)
    assert found[1][0] == whole[1][0]
    assert isinstance(found[1][1], Finished)
    assert np.array_equal(found[1][1].last, whole[1][1].last)  # type: ignore[union-attr]  # it finishes


@pytest.mark.parametrize(
    "other",
    [
        {"layers": [{"units": 8}]},
        {"layers": [{"units": 7, "activation": "relu"}, {"units": 5}]},
        {"batch_size": 8},
        {"optimizer": {"name": "momentum"}},
        {"precision": "float64"},
        {"gradient_clip": {}},
        {"regularization": {"max_norm": 1.0}},
        {"initializer": "zeros"},
        {"loss": {"label_smoothing": 0.1}},
    ],
    ids=str,
)
def test_other_shapes_are_refused(other: dict[str, Any]) -> None:
    rows, _ = data("multiclass", "float32")
    specs = [spec_for("multiclass", ROWS, **({"layers": LAYERS} | fields)) for fields in ({}, other)]
    assert shape_of(specs[0]) != shape_of(specs[1])
    with pytest.raises(ValueError, match="must be equal but for seeds and numbers"):
        stack_of(specs, rows)


def test_what_networks_may_differ_in_is_no_part_of_their_shape() -> None:
    assert len({str(shape_of(spec)) for spec in different("adamw", layers=NORMALIZED)}) == 1


def test_another_precision_is_refused() -> None:
    rows, _ = data("multiclass", "float64")
    with pytest.raises(ValueError, match="the inputs are float64"):
        stack_of(different(), rows)
