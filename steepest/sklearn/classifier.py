"""`MLPClassifier`: classes, or labels that a row may have several of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from steepest.sklearn.perceptron import Perceptron, learns_bit_by_bit
from steepest.sklearn.sample import Sample
from steepest.spec.names import InitializerName, Precision, Task
from steepest.trainer.arrays import Array

if TYPE_CHECKING:
    from steepest.client import Client


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes apart, as `sklearn.neural_network.MLPClassifier`.

    All arguments but those of the second list are scikit-learn's, with its names, defaults and meanings, and so are
    the attributes. The trainer is steepest's.

    Args:
        hidden_layer_sizes: Units of each hidden layer; `()` is none.
        activation: `"identity"`, `"logistic"`, `"tanh"`, `"relu"`, or another of steepest's, such as `"gelu"`.
        solver: `"adam"`, `"sgd"` or `"lbfgs"`.
        alpha: Strength of the penalty on squared weights, divided by the rows of a batch.
        batch_size: Rows of a batch; `"auto"` is 200, or all where there are fewer.
        learning_rate: Of `sgd`: `"constant"`, `"invscaling"` or `"adaptive"`.
        learning_rate_init: The first learning rate.
        power_t: The exponent of `"invscaling"`.
        max_iter: Most epochs, or iterations of `lbfgs`.
        shuffle: Whether each epoch takes the rows in another order.
        random_state: Decides first weights, orders, and the rows that early stopping holds out.
        tol: What the loss, or with early stopping the score, must gain to count as better.
        verbose: Print each epoch's loss.
        warm_start: Let `fit` go on from the weights that are there.
        momentum: Of `sgd`.
        nesterovs_momentum: Whether it is Nesterov's.
        early_stopping: Hold rows out, and stop when their score gets no better.
        validation_fraction: Share of them.
        beta_1: Of `adam`.
        beta_2: Of `adam`.
        epsilon: Of `adam`.
        n_iter_no_change: Epochs without a gain that are borne.
        max_fun: Most evaluations of the loss, of `lbfgs`.

    Args of steepest, all of which can be left out:
        layers: Hidden layers as a spec has them, such as `[{"units": 64, "activation": "gelu", "dropout": 0.1}]`; in
            place of `hidden_layer_sizes` and `activation`.
        optimizer: As a spec has it, such as `"rmsprop"` or `{"name": "adamw", "weight_decay": 0.1}`; in place of
            `solver` and its numbers.
        schedule: As a spec has it, such as `"cosine"`; beside `optimizer`.
        initializer: As a spec has it; in place of scikit-learn's first weights.
        regularization: As a spec has it, such as `{"l1": 1e-4}`; in place of `alpha`.
        gradient_clip: As a spec has it.
        class_weight: `"balanced"`, or weights by class.
        label_smoothing: Share of a label's certainty that goes to all classes alike.
        precision: `"float32"` or `"float64"`; else that of X.
        device: `"cpu"` or `"gpu"`.
        max_seconds: After which to stop.
        service: A `steepest.Client`, on whose service to train; else here.

    Attributes:
        classes_: (classes,) the labels.
        coefs_: (in, out) weights of each layer.
        intercepts_: (out,) biases of each layer.
        loss_: The last loss.
        loss_curve_: The loss of each epoch; not of `lbfgs`.
        best_loss_: The lowest; None with early stopping.
        validation_scores_: The accuracy on the rows held out, of each epoch; None without early stopping.
        best_validation_score_: The highest.
        n_iter_: Epochs, or iterations of `lbfgs`.
        t_: Rows that training has seen.
        n_features_in_: d.
        feature_names_in_: Names of the columns, if X had any.
        n_layers_: With input and output.
        n_outputs_: Units of the output layer.
        out_activation_: Their activation, by scikit-learn's name.
    """

    def __init__(
        self,
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
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        label_smoothing: float = 0.0,
        precision: Precision | None = None,
        device: Literal["auto", "cpu", "gpu"] = "auto",
        max_seconds: float | None = None,
        service: "Client | None" = None,
    ) -> None:
        super().__init__(
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
            class_weight=class_weight,
            label_smoothing=label_smoothing,
            precision=precision,
            device=device,
            max_seconds=max_seconds,
            service=service,
        )

    def predict(self, X: Any) -> Array:
        """Classes (n,), or labels (n, labels) as 0 and 1, of X (n, d)."""
        return self._decoded(self._forward(X))

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, classes) in the order of `classes_`, or (n, labels), of X (n, d)."""
        found = self._forward(X)
        return np.hstack([1 - found, found]) if self.n_outputs_ == 1 else found

    def predict_log_proba(self, X: Any) -> Array:
        """Their logarithms."""
        found = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(found, out=found)

    @available_if(learns_bit_by_bit)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Go on for one epoch, over these rows.

        Args:
            X: (n, d), as in `fit`.
            y: (n,) or (n, labels); it need not have all classes.
            sample_weight: (n,)
            classes: All classes that there will ever be; needed at the first call.

        Raises:
            ValueError: as in `fit`, or the classes are missing, or others than at the first call, or weights are to
                balance classes of which not all rows are there.
        """
        if self.class_weight == "balanced":
            raise ValueError('class_weight="balanced" needs all rows at once; give partial_fit weights by class.')
        if self._is_first_call(classes):
            labels = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(labels)
        return self._learn(X, y, sample_weight, once=True)

    def _is_first_call(self, classes: ArrayLike | None) -> bool:
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return False
        given = unique_labels(classes)
        if known is None:
            self.classes_ = given
            return True
        if not np.array_equal(known, given):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}")
        return False

    @property
    def _task(self) -> Task:
        kinds: dict[str, Task] = {"binary": "binary", "multiclass": "multiclass"}
        return kinds.get(self._label_binarizer.y_type_, "multilabel")

    def _validated(self, X: Any, y: Any, *, once: bool, reset: bool) -> tuple[Any, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or once):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        encoded: Array = self._label_binarizer.transform(y).astype(bool)
        return X, encoded

    def _check_classes(self, found: Array) -> None:
        """Refuse classes that are not those of before."""
        if self.warm_start:
            if set(found) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit."
                    f" Previously got {self.classes_}, `y` has {found}"
                )
        elif len(np.setdiff1d(found, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}."
            )

    def _weighed(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        by_class: Array = compute_sample_weight(self.class_weight, self._label_binarizer.inverse_transform(y))
        return by_class if weights is None else by_class * weights

    def _targets(self, sample: Sample) -> Array:
        if self._task == "binary":
            return sample.y[:, 0].astype(np.intp)
        return sample.y.argmax(1) if self._task == "multiclass" else sample.y.astype(sample.X.dtype)

    def _decoded(self, found: Array) -> Array:
        labels: Array = self._label_binarizer.inverse_transform(found.ravel() if self.n_outputs_ == 1 else found)
        return labels

    def _score_of(self, found: Array, held_out: Sample) -> float:
        y = self._label_binarizer.inverse_transform(held_out.y)
        return float(accuracy_score(y, self._decoded(found), sample_weight=held_out.weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
