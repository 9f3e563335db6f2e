"""What both estimators are: arguments in, a trained network out, under the names that scikit-learn gives it all."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from steepest.sklearn import stochastic
from steepest.sklearn.descent import Descent, Optimizer
from steepest.sklearn.newton import QuasiNewton
from steepest.sklearn.order import BatchOrder
from steepest.sklearn.parameters import Arguments
from steepest.sklearn.recipe import OUT_ACTIVATIONS, Problem, Recipe, recipe
from steepest.sklearn.remote import Remote
from steepest.sklearn.sample import Sample, checked_weights, forward
from steepest.sklearn.sparse import dense
from steepest.sklearn.stochastic import Stochastic
from steepest.sklearn.weights import drawn, flat, parts
from steepest.spec.errors import ValidationFailed
from steepest.spec.names import Task
from steepest.trainer.arrays import Array
from steepest.trainer.initializers import initial
from steepest.trainer.network import Network

AT_ONCE: Final = 200
"""Rows of a batch, unless it is said otherwise."""

LEAST_HELD_OUT: Final = 2
"""Rows that a score needs."""

SEEDS: Final = 2**31 - 1


class Perceptron(BaseEstimator, ABC):  # type: ignore[misc]
    """A multi-layer perceptron."""

    coefs_: list[Array]
    intercepts_: list[Array]
    n_outputs_: int

    def __init__(self, **parameters: Any) -> None:
        self.__dict__.update(parameters)

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train.

        Args:
            X: (n, d) numbers: an array, a data frame, or a sparse matrix.
            y: (n,) or (n, outputs).
            sample_weight: (n,) how much each row counts, at least 0.

        Raises:
            ValueError: an argument, X or y cannot be used, or the numbers became infinite.
        """
        return self._learn(X, y, sample_weight, once=False)

    def _learn(self, X: Any, y: Any, sample_weight: ArrayLike | None, *, once: bool) -> Self:
        given = Arguments.checked(self.get_params(deep=False), type(self).__name__)
        goes_on = hasattr(self, "coefs_") and (given.warm_start or once)
        X, y = self._validated(X, y, once=once, reset=not goes_on)
        if once and given.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        weights = None if sample_weight is None else checked_weights(sample_weight, X.shape[0])
        weights = self._weighed(y, weights)
        X = dense(X, given.precision)
        sample = Sample(X, y, None if weights is None else weights.astype(X.dtype))
        self.n_outputs_ = y.shape[1]
        try:
            if given.service is None:
                self._train(given, sample, goes_on=goes_on, once=once)
            else:
                self._train_remotely(given, sample, goes_on=goes_on or once)
        except ValidationFailed as error:
            raise ValueError(f"{type(self).__name__}: {error.detail}") from error
        return self

    def _train(self, given: Arguments, sample: Sample, *, goes_on: bool, once: bool) -> None:
        random = check_random_state(given.random_state)
        # What scikit-learn knows draws from the same numbers as there; a seed is drawn for what it does not know.
        ours = given.layers is not None or given.initializer is not None
        seed = int(random.randint(SEEDS)) if ours else 0
        how = self._recipe(given, sample, seed)
        theta = self._first(given, how, random, sample.X.dtype, goes_on=goes_on)
        if given.quasi_newton:
            descent: Descent = QuasiNewton(self, given, how, sample.rows(self._targets(sample)), theta)
        else:
            score = None
            if given.early_stopping:
                sample, held_out = self._hold_out(given, sample, random)
                score = partial(self._score, how.network, held_out)
                how = self._recipe(given, sample, seed)
            self._ready_optimizer(given, how, once=once)
            order = BatchOrder(len(sample), random if given.shuffle else None)
            rows = sample.rows(self._targets(sample), order)
            descent = Stochastic(self, given, how, rows, theta, order, once, score)
        descent.run()
        self._keep(how.network, descent.theta)

    def _train_remotely(self, given: Arguments, sample: Sample, *, goes_on: bool) -> None:
        if goes_on or given.warm_start or not given.shuffle:
            raise ValueError(
                "A service begins with new weights and shuffles the rows: partial_fit, warm_start=True and"
                " shuffle=False train in process alone (service=None)."
            )
        seed = int(check_random_state(given.random_state).randint(SEEDS))
        how = self._recipe(given, sample, seed)
        self._begin(given, how.network, np.zeros(0))
        theta = Remote(self, given, how, sample, self._targets(sample)).run()
        self._best = theta.copy()
        self._keep(how.network, theta)

    def _recipe(self, given: Arguments, sample: Sample, seed: int) -> Recipe:
        rows, inputs = sample.X.shape
        batch = min(rows, AT_ONCE if given.batch_size == "auto" else given.batch_size)
        values = sample.y if sample.y.dtype.kind == "f" else np.zeros(1)
        problem = Problem(
            task=self._task,
            outputs=self.n_outputs_,
            rows=rows,
            inputs=inputs,
            precision=str(sample.X.dtype),
            batch=batch,
            weight=sample.weight,
            least=float(values.min()),
            offset=self._offset(sample),
        )
        return recipe(given, problem, seed)

    def _first(
        self, given: Arguments, how: Recipe, random: np.random.RandomState, dtype: Any, *, goes_on: bool
    ) -> Array:
        """The weights (P + R,) to begin with."""
        network, spec = how.network, how.spec
        if goes_on:
            theta = flat(network, self.coefs_, self.intercepts_, getattr(self, "_norms", {}), dtype)
            if not given.quasi_newton and not stochastic.fits(self, early_stopping=given.early_stopping):
                self.__dict__.update(stochastic.begin(theta, early_stopping=given.early_stopping))
            return theta
        if given.initializer is None:
            theta = drawn(network, random, dtype)
        else:
            theta = initial(network, spec.initializer, spec.seed, dtype)[0]
        self._begin(given, network, theta)
        return theta

    def _begin(self, given: Arguments, network: Network, theta: Array) -> None:
        """Forget all figures; `theta`: the first weights."""
        self.n_layers_, self.t_ = len(network.widths), 0
        self.out_activation_ = OUT_ACTIVATIONS[network.output_activation]
        if not given.quasi_newton:
            self.__dict__.update(stochastic.begin(theta, early_stopping=given.early_stopping))

    def _ready_optimizer(self, given: Arguments, how: Recipe, *, once: bool) -> None:
        """One that goes on, of calls to partial_fit, or a new one."""
        kind = given.solver, repr(given.optimizer)
        going = getattr(self, "_optimizer", None)
        if not once or going is None or going.kind != kind:
            rate = float(given.learning_rate_init)
            self._optimizer = Optimizer(kind, rate, how.pace(rate))
        batch_size = given.batch_size
        if batch_size != "auto" and batch_size > how.rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
            )

    def _hold_out(self, given: Arguments, sample: Sample, random: np.random.RandomState) -> tuple[Sample, Sample]:
        """Rows to learn from, and rows that say when to stop: as scikit-learn divides them.

        Raises:
            ValueError: there are too few.
        """
        arrays = [sample.X, sample.y] if sample.weights is None else [sample.X, sample.y, sample.weights]
        stratify = sample.y if sample.y.dtype.kind == "b" and self.n_outputs_ == 1 else None
        divided = train_test_split(*arrays, random_state=random, test_size=given.validation_fraction, stratify=stratify)
        held_out = Sample(*divided[1::2])
        if len(held_out) < LEAST_HELD_OUT:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return Sample(*divided[::2]), held_out

    def _score(self, network: Network, held_out: Sample, theta: Array) -> float:
        """How good weights are; NaN where their predictions are not finite."""
        found = forward(network, theta, held_out.X)
        return self._score_of(found, held_out) if np.isfinite(found).all() else float("nan")

    def _keep(self, network: Network, theta: Array) -> None:
        self.coefs_, self.intercepts_, self._norms = parts(network, theta)
        self._network = network

    def _forward(self, X: Any) -> Array:
        """The output layer's activations (n, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        dtype = np.result_type(*self.coefs_)
        return forward(self._network, flat(self._network, self.coefs_, self.intercepts_, self._norms, dtype), X)

    @property
    @abstractmethod
    def _task(self) -> Task:
        """What is to be learned."""

    @abstractmethod
    def _validated(self, X: Any, y: Any, *, once: bool, reset: bool) -> tuple[Any, Array]:
        """X (n, d), an array or sparse, and y (n, outputs), as `Sample` has it."""

    @abstractmethod
    def _targets(self, sample: Sample) -> Array:
        """What the trainer is to hit."""

    @abstractmethod
    def _score_of(self, found: Array, held_out: Sample) -> float:
        """How good activations (n, outputs) are."""

    def _weighed(self, y: Array, weights: Array | None) -> Array | None:
        """The weights of rows with all that weighs them."""
        return weights

    def _offset(self, sample: Sample) -> float:
        """What scikit-learn's loss has beside ours."""
        return 0.0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def learns_bit_by_bit(mlp: Any) -> bool:
    """Whether an estimator has `partial_fit`.

    Raises:
        AttributeError: its solver looks at all rows at once.
    """
    named = mlp.solver if mlp.optimizer is None else mlp.optimizer
    if (named.get("name") if isinstance(named, Mapping) else named) == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
