"""`MLPRegressor`: values, one or several."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from steepest.sklearn.perceptron import Perceptron, learns_bit_by_bit
from steepest.sklearn.sample import Sample
from steepest.spec.names import InitializerName, Precision, Task
from steepest.trainer.arrays import Array

if TYPE_CHECKING:
    from steepest.client import Client


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that predicts values, as `sklearn.neural_network.MLPRegressor`.

    Arguments and attributes are those of `MLPClassifier`, without classes, and:

    Args:
        loss: `"squared_error"` or `"poisson"`; or one of steepest's, such as `"huber"` or
            `{"name": "huber", "delta": 2.0}`.

    `validation_scores_` are R2.
    """

    def __init__(
        self,
        loss: str | Mapping[str, Any] = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        layers: Sequence[Mapping[str, Any]] | None = None,
        optimizer: str | Mapping[str, Any] | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        initializer: InitializerName | None = None,
        regularization: Mapping[str, float] | None = None,
        gradient_clip: Mapping[str, Any] | None = None,
        precision: Precision | None = None,
        device: Literal["auto", "cpu", "gpu"] = "auto",
        max_seconds: float | None = None,
        service: "Client | None" = None,
    ) -> None:
        super().__init__(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            layers=layers,
            optimizer=optimizer,
            schedule=schedule,
            initializer=initializer,
            regularization=regularization,
            gradient_clip=gradient_clip,
            precision=precision,
            device=device,
            max_seconds=max_seconds,
            service=service,
        )

    def predict(self, X: Any) -> Array:
        """Values (n,), or (n, outputs), of X (n, d)."""
        found = self._forward(X)
        return found.ravel() if found.shape[1] == 1 else found

    @available_if(learns_bit_by_bit)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Go on for one epoch, over these rows; as in `fit`."""
        return self._learn(X, y, sample_weight, once=True)

    @property
    def _task(self) -> Task:
        return "regression"

    def _validated(self, X: Any, y: Any, *, once: bool, reset: bool) -> tuple[Any, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, np.asarray(y, np.float64).reshape(len(y), -1)

    def _targets(self, sample: Sample) -> Array:
        return sample.y.astype(sample.X.dtype)

    def _score_of(self, found: Array, held_out: Sample) -> float:
        return float(r2_score(held_out.y, found, sample_weight=held_out.weights))

    def _offset(self, sample: Sample) -> float:
        if self.loss != "poisson":
            return 0.0
        beside = (xlogy(sample.y, sample.y) - sample.y).sum(1)
        return float(np.average(beside, weights=sample.weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
