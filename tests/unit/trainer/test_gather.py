"""Rows of a chunk in their order, with weights that add up to one in every batch."""

import numpy as np
import pytest

from steepest.spec.resolved import ResolvedShuffle
from steepest.trainer import gather
from steepest.trainer.chunks import Cutting
from steepest.trainer.gather import Gather
from steepest.trainer.rows import Rows

ROWS = 23


def rows(*, weighted: bool = True) -> Rows:
    random = np.random.default_rng(0)
    weights = random.uniform(0.5, 2, ROWS) if weighted else None
    return Rows(random.standard_normal((ROWS, 3)), np.arange(ROWS, dtype=np.float64)[:, None], weights)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("shuffle", [None, ResolvedShuffle(method="blocks", block_rows=3, window_blocks=2)])
@pytest.mark.parametrize("seeds", [None, [1], [1, 1], [1, 2, 1]])
def test_an_epoch_has_each_row_once(
    seeds: list[int] | None, shuffle: ResolvedShuffle | None, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(gather, "SMALL_BYTES", 0)
    data = rows()
    cutting = Cutting(ROWS, 4, 2, 8)
    gathered = Gather(data, data.y, 8, 4, seeds, data.X, shuffle)
    assert gathered.orders == (3 if seeds == [1, 2, 1] else 1)
    seen: list[np.ndarray] = []
    for chunk in cutting.after():
        order = gathered.order(3, chunk.start, chunk.stop)
        gathered.load(order)
        targets = gathered.targets(order)
        assert np.array_equal(targets[..., 0], order)
        assert np.array_equal(gathered.inputs[:, : chunk.rows, :-1], data.X[order])
        assert (gathered.inputs[..., -1] == 1).all()
        seen.append(order.copy())
    for order in np.concatenate(seen, 1):
        assert np.array_equal(np.sort(order), np.arange(ROWS))
    if seeds is None:
        assert np.array_equal(np.concatenate(seen, 1)[0], np.arange(ROWS))


@pytest.mark.parametrize(
    "cutting", [Cutting(ROWS, 4, 2, 8), Cutting(ROWS, 10, 1, 3), Cutting(ROWS, ROWS, 1, 9)], ids=str
)
def test_the_weights_of_a_batch_add_up_to_one(cutting: Cutting) -> None:
    data = rows()
    assert data.weights is not None
    gathered = Gather(data, data.y, cutting.piece, cutting.batch, [1, 2], data.X)
    parts = [(gathered.order(1, c.start, c.stop).copy(), gathered.weights(1, c)) for c in cutting.after()]
    order = np.concatenate([order for order, _ in parts], 1)
    weights = np.concatenate([each for _, each in parts if each is not None], 1)
    for net in range(2):
        for start in range(0, ROWS, cutting.batch):
            batch = slice(start, start + cutting.batch)
            own = data.weights[order[net, batch]]
            assert weights[net, batch] == pytest.approx(own / own.sum(), rel=1e-14)


def test_a_batch_without_weight_weighs_nothing() -> None:
    data = Rows(np.zeros((4, 1)), np.zeros((4, 1)), np.array([0.0, 0.0, 1.0, 3.0]))
    gathered = Gather(data, data.y, 4, 2, None, data.X)
    (chunk,) = Cutting(4, 2, 2, 4).after()
    assert np.array_equal(gathered.weights(1, chunk), [[0, 0, 0.25, 0.75]])  # type: ignore[arg-type]  # they have weights


def test_rows_without_weights_have_none() -> None:
    data = rows(weighted=False)
    (chunk,) = Cutting(ROWS, ROWS, 1, ROWS).after()
    assert Gather(data, data.y, ROWS, ROWS, None, data.X).weights(1, chunk) is None
