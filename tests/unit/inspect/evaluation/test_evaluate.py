"""A whole evaluation: of real networks, on tables like the one that they learned from and on odd ones."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import steepest
from steepest.data.facts import target_facts
from steepest.data.prepare import prepare
from steepest.data.schema import describe
from steepest.data.table import CategoricalColumn, FreeTextColumn, NumericColumn, Table
from steepest.export.model import Model
from steepest.inspect.evaluation import evaluate, importance
from steepest.inspect.evaluation.importance import sampled
from steepest.inspect.evaluation.sample import Sample
from steepest.spec.errors import DataUnusable
from steepest.spec.figures import ClassFigures, LabelFigures, ValueFigures
from steepest.spec.resolve import resolve
from steepest.spec.training import TrainSpec
from steepest.trainer.network import Network

draw = np.random.default_rng(0)
X = draw.normal(size=(200, 3))
FAST: dict[str, Any] = {"epochs": 20, "layers": [{"units": 8}], "precision": "float64"}


def trained(y: Any, **fields: Any) -> Model:
    return steepest.train({**FAST, **fields}, X, y).model


def test_classes() -> None:
    y = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")
    model = trained(y)
    table, rows = Table.from_arrays(X, y), np.arange(50, 200)
    found = evaluate(model, table, rows, left_out_rows=4)
    figures = found.figures
    assert isinstance(figures, ClassFigures)
    assert (found.rows, found.left_out_rows, figures.task) == (150, 4, "binary")
    assert [each.label for each in figures.classes] == ["down", "up"]
    assert figures.accuracy == pytest.approx((model.predict(X[50:]) == y[50:]).mean())
    expected = metrics.roc_auc_score(y[50:] == "up", model.predict_proba(X[50:])[:, 1])
    assert figures.roc_auc == pytest.approx(expected)
    assert all(50 <= each.row < 200 for each in found.worst_rows)
    assert found.worst_rows[0].target == y[found.worst_rows[0].row]


def test_labels() -> None:
    y = (X[:, :2] > 0).astype(int)
    model = trained(y)
    figures = evaluate(model, Table.from_arrays(X, y), np.arange(200)).figures
    assert isinstance(figures, LabelFigures)
    assert figures.accuracy == pytest.approx((model.predict(X) == y).all(axis=1).mean())


def test_values_are_in_the_targets_units() -> None:
    y = 1_000 + 50 * X[:, 0]
    model = trained(y, precision="float32")
    found = evaluate(model, Table.from_arrays(X, y), np.arange(200))
    assert isinstance(found.figures, ValueFigures)
    assert found.figures.mean_squared_error == pytest.approx(metrics.mean_squared_error(y, model.predict(X)))
    assert found.figures.r2 == pytest.approx(metrics.r2_score(y, model.predict(X)))
    worst = found.worst_rows[0]
    assert worst.loss == pytest.approx(np.square((y - model.predict(X)) / model.target.scales[0]).max())
    assert worst.target == pytest.approx(y[worst.row])


def test_whoever_watches_may_end_it() -> None:
    y = X[:, 0] > 0

    def watch() -> None:
        raise KeyboardInterrupt

    for work in (
        lambda: evaluate(trained(y), Table.from_arrays(X, y), np.arange(200), watch=watch),
        lambda: importance(trained(y), Table.from_arrays(X, y), np.arange(200), 1, 0, watch=watch),
    ):
        with pytest.raises(KeyboardInterrupt):
            work()


def test_no_rows_are_no_evaluation() -> None:
    with pytest.raises(DataUnusable, match="no rows"):
        evaluate(trained(X[:, 0]), Table.from_arrays(X, X[:, 0]), np.empty(0, np.intp))


def test_a_class_that_the_network_does_not_know_is_named() -> None:
    y = np.where(X[:, 0] > 0, "up", "down")
    model = trained(y)
    odd = np.where(np.arange(200) == 7, "sideways", y)
    with pytest.raises(DataUnusable, match=r"row 7 .* none of the classes"):
        evaluate(model, Table.from_arrays(X, odd), np.arange(200))


def test_importance_is_the_drop_of_the_score_when_a_raw_column_is_shuffled() -> None:
    y = 3 * X[:, 0] + X[:, 1]
    model = trained(y, optimizer={"name": "lbfgs"}, batch_size="full", epochs=60)
    table, rows = Table.from_arrays(X, y), np.arange(20, 200)
    found = importance(model, table, rows, 4, 7)
    assert (found.score, found.rows, found.repeats, found.seed) == ("r2", 180, 4, 7)
    assert [each.column for each in found.columns] == ["x0", "x1", "x2"]
    assert found.baseline == pytest.approx(metrics.r2_score(y[20:], model.predict(X[20:])))
    for index, name in enumerate(("x0", "x1", "x2")):
        each = next(column for column in found.columns if column.column == name)
        drops = []
        for repeat in range(4):
            shuffled = X[20:].copy()
            order = np.random.default_rng((7, index, repeat)).permutation(180)
            shuffled[:, index] = shuffled[order, index]
            drops.append(found.baseline - metrics.r2_score(y[20:], model.predict(shuffled)))
        assert each.drops == pytest.approx(drops)
        assert each.mean == pytest.approx(np.mean(drops))
        assert each.deviation == pytest.approx(np.std(drops))
    assert importance(model, table, rows, 4, 7) == found
    assert importance(model, table, rows, 4, 8) != found


@pytest.mark.parametrize(
    "y", [np.digitize(X[:, 0], [-0.5, 0.5]), (X[:, :2] > 0).astype(int)], ids=["classes", "labels"]
)
def test_importance_of_classes_and_labels_is_by_accuracy(y: Any) -> None:
    model = trained(y, optimizer={"name": "lbfgs"}, batch_size="full", epochs=40)
    found = importance(model, Table.from_arrays(X, y), np.arange(200), 2, 0)
    right = model.predict(X) == y
    assert (found.score, found.baseline) == ("accuracy", (right if y.ndim == 1 else right.all(axis=1)).mean())
    assert found.columns[-1].column == "x2"


def test_importance_of_very_many_rows_is_that_of_a_sample() -> None:
    y = X[:, 0]
    found = importance(trained(y), Table.from_arrays(X, y), np.arange(200), 1, 0, most_numbers=150)
    assert found.rows == 50
    rows = np.arange(1_000)
    assert len(set(sampled(rows, 100).tolist())) == 100
    assert sampled(rows, 1_000) is rows


def test_numbers_serve_a_network_that_learned_labels_and_texts_do_not_serve_one_that_learned_numbers() -> None:
    codes = np.arange(60, dtype=np.int32) % 3
    learned = Table(
        60,
        (
            CategoricalColumn("code", codes, ("1", "2", "x")),
            NumericColumn("size", draw.normal(size=60)),
            CategoricalColumn("class", codes, ("1", "2", "x")),
        ),
    )
    model = of_table(learned, "class")
    other = Table(
        3,
        (
            NumericColumn("size", np.array([0.5, np.nan, 0.5])),
            NumericColumn("code", np.array([2.0, np.nan, 1.0])),
            NumericColumn("class", np.array([2.0, 1.0, 1.0])),
        ),
    )
    as_records = model.predict_records([{"code": "2", "size": 0.5}, {}, {"code": "1", "size": 0.5}])
    found = model.predict_table(other, np.arange(3))
    expected = [list(each.model_dump()["probabilities"].values()) for each in as_records]
    np.testing.assert_allclose(found, expected)
    assert evaluate(model, other, np.array([0, 2])).rows == 2
    for columns, says in (
        ((CategoricalColumn("size", codes[:3], ("a", "b", "c")), other.columns[1]), '"size" does not hold numbers'),
        ((other.columns[0], FreeTextColumn("code")), '"code" does not hold labels'),
        ((other.columns[0],), 'no column "code"'),
    ):
        with pytest.raises(DataUnusable, match=says):
            model.predict_table(Table(3, columns), np.arange(3))


def test_values_must_be_numbers_to_be_evaluated() -> None:
    model = trained(X[:, 0])
    table = Table(2, (*(NumericColumn(f"x{i}", np.zeros(2)) for i in range(3)), FreeTextColumn("y")))
    with pytest.raises(DataUnusable, match='"y" does not hold numbers'):
        evaluate(model, table, np.arange(2))


def test_a_sample_is_the_same_however_rows_come() -> None:
    rows = np.arange(10_000)
    one, many = Sample(1_500), Sample(1_500)
    for sample, pieces in ((one, 100), (many, 17)):
        for piece in np.array_split(rows, pieces):
            sample.add(piece, piece)
    assert one.arrays[0].tolist() == many.arrays[0].tolist()
    assert 700 < len(one.arrays[0]) <= 1_500


def of_table(table: Table, target: str) -> Model:
    """A network of random weights for a column of a table."""
    features = [name for name in table.names if name != target]
    resolution = resolve(TrainSpec(), target_facts([describe(table, target)], [target]))
    data = prepare(table, resolution.spec, [target], features, resolution.classes)
    network = Network.of(resolution.spec, data.preprocessing.width, data.outputs)
    theta = np.random.default_rng(0).normal(size=network.size).astype(np.float32)
    return Model(network, theta, resolution.spec, data.preprocessing, data.target)
