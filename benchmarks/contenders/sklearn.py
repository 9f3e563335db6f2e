"""scikit-learn's MLP with equal settings: no penalty, no early stop, and everybody's first weights and order of rows.

A stack trains in as many processes as there are threads: the way that scikit-learn's users have.
"""

import warnings
from collections.abc import Iterator, Sequence
from multiprocessing import Pool
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor, _multilayer_perceptron
from threadpoolctl import threadpool_limits

from benchmarks import data
from benchmarks.server import Contender, Options, Stopwatch, serve
from benchmarks.works import Array, Layers, Work
from steepest.trainer.randomness import Shuffle

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


class _Equal:
    """Starts from everybody's weights, and tells when an epoch is over."""

    first: Iterator[tuple[Array, Array]]
    stopwatch: Stopwatch

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Array, Array]:
        return next(self.first)

    def _update_no_improvement_count(self, *arguments: Any) -> None:
        super()._update_no_improvement_count(*arguments)  # type: ignore[misc]  # of the class that it is mixed into
        self.stopwatch.epoch()


class Classifier(_Equal, MLPClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """For classes."""


class Regressor(_Equal, MLPRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """For values; its loss is half of everybody's, which Adam does not notice."""


class Sklearn(Contender):
    """One network in this process, or a stack in several."""

    def __init__(self, work: Work, rows: data.Data, options: Options) -> None:
        super().__init__(work, rows, options)
        if work.nets:
            self._pool = Pool(options.threads, _limit)
            self._pool.map(_load, [work] * options.threads)

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Train."""
        stopwatch.start()
        if not self.work.nets:
            return [_train(self.work, self.data, stopwatch)]
        works = [self.work.alone(net) for net in self.work.nets]
        nets = self._pool.map(_in_pool, works, chunksize=1)
        stopwatch.epochs(self.work.epochs)
        return nets


def _train(work: Work, rows: data.Data, stopwatch: Stopwatch) -> Layers:
    settings: dict[str, Any] = {"solver": "adam"}
    if work.optimizer["name"] != "adam":
        settings = {"solver": "sgd", "momentum": work.optimizer.get("momentum", 0.0), "nesterovs_momentum": False}
    kind = Regressor if work.task == "regression" else Classifier
    network = kind(
        hidden_layer_sizes=work.widths[1:-1],
        activation=ACTIVATIONS[work.activation],
        alpha=0.0,
        batch_size=min(work.batch_size, len(rows.X)),
        learning_rate_init=work.optimizer["learning_rate"],
        max_iter=work.epochs,
        n_iter_no_change=work.epochs + 1,
        tol=0.0,
        random_state=0,
        **settings,
    )
    network.first, network.stopwatch = iter(work.first()), stopwatch
    shuffle, epochs = Shuffle(work.seed, len(rows.X)), iter(range(1, work.epochs + 1))
    _multilayer_perceptron.shuffle = lambda *_, **__: shuffle.order(next(epochs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(rows.X, rows.y.ravel())
    return list(zip(network.coefs_, network.intercepts_, strict=True))


_loaded: dict[str, data.Data] = {}


def _limit() -> None:
    threadpool_limits(1)


def _load(work: Work) -> data.Data:
    """The rows of a process of the pool."""
    if work.rows.source not in _loaded:
        _loaded[work.rows.source] = data.load(work.rows)
    return _loaded[work.rows.source]


def _in_pool(work: Work) -> Layers:
    return _train(work, _load(work), Stopwatch(lambda: np.nan))


if __name__ == "__main__":
    serve(Sklearn)
