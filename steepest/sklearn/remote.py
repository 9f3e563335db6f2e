"""Training on a service: rows go up as npz, a job trains on them, its weights come back.

The service has rules of its own where scikit-learn's need a driver beside the trainer: it draws first weights and the
order of rows itself; an epoch counts as better by `min_delta` below the best that did so, and not below the last; rows
that are held out are drawn by its own split.
"""

import io
import tempfile
import warnings
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

from steepest.export import npz
from steepest.sklearn.descent import not_finite
from steepest.sklearn.newton import FLAT
from steepest.sklearn.parameters import Arguments
from steepest.sklearn.recipe import Recipe
from steepest.sklearn.sample import Sample
from steepest.sklearn.stochastic import SLOWER
from steepest.spec.errors import Diverged
from steepest.spec.states import DatasetState, JobState
from steepest.trainer.arrays import Array

if TYPE_CHECKING:
    from steepest.spec.answers import Epoch, Job

SPECS: Final = ("task", "preprocess", "layers", "initializer", "loss", "optimizer", "schedule", "regularization")
NUMBERS: Final = ("gradient_clip", "epochs", "batch_size", "seed", "precision", "device", "max_seconds")


@dataclass
class Remote:
    """A job that trains an estimator, whose public figures it sets."""

    mlp: Any
    given: Arguments
    recipe: Recipe
    sample: Sample
    targets: Array
    """(n,) or (n, targets), as the trainer takes them."""

    def run(self) -> Array:
        """Train; the weights (P + R,).

        Raises:
            ValueError: the data cannot be used, or the numbers became infinite.
            RuntimeError: the job ended without weights, and not by a fault of theirs.
            SteepestError: the service refuses, or does not answer.
        """
        client = self.given.service
        if client is None:
            raise ValueError("there is no service to train on")
        dataset = client.datasets.wait(client.datasets.upload(self._rows(), name=type(self.mlp).__name__))
        if dataset.status is DatasetState.FAILED:
            raise ValueError(dataset.error.detail if dataset.error else "the service could not read the rows")
        job = client.jobs.create(self._body(), dataset=dataset)
        self.mlp.job_ = job.id
        try:
            job = client.jobs.wait(job)
        except KeyboardInterrupt:
            client.jobs.cancel(job)
            raise
        if job.status is not JobState.SUCCEEDED:
            raise _failure(job)
        with tempfile.TemporaryDirectory() as folder:
            model = npz.load(client.weights.download(job, Path(folder) / "model.npz"))
        self._note(job, list(client.epochs.list(job)))
        return model.theta

    def _rows(self) -> io.BytesIO:
        """X, with the rows' weights as its last column if they have any, and y."""
        X = self.sample.X.toarray() if issparse(self.sample.X) else self.sample.X
        columns = [X] if self.sample.weights is None else [X, self.sample.weights[:, None]]
        file = io.BytesIO()
        np.savez(file, X=np.hstack(columns), y=self.targets)
        file.seek(0)
        return file

    def _body(self) -> dict[str, Any]:
        spec = self.recipe.spec.model_dump(mode="json", include={*SPECS, *NUMBERS})
        features = self.sample.X.shape[1]
        targets = self.targets.shape[1] if self.targets.ndim > 1 else 1
        spec["features"] = [f"x{number}" for number in range(features)]
        spec["target"] = "y" if targets == 1 else [f"y{number}" for number in range(targets)]
        if self.sample.weights is not None:
            spec["loss"]["sample_weight"] = f"x{features}"
        return spec | self._stopping()

    def _stopping(self) -> dict[str, Any]:
        """When to stop, and how fast to go on, by the service's rules."""
        given = self.given
        held_out = float(given.validation_fraction) if given.early_stopping and not given.quasi_newton else 0.0
        stratified = held_out and self.recipe.spec.task == "binary"
        body: dict[str, Any] = {
            "early_stopping": self._early_stopping(),
            "split": {"method": "stratified" if stratified else "random", "validation": held_out, "test": 0.0},
        }
        if given.sgd and given.learning_rate == "invscaling":
            body["schedule"] = {"name": "inverse_scaling", "power": float(given.power_t)}
        elif self._adaptive and given.n_iter_no_change < inf:
            body["schedule"] = {"name": "plateau", "factor": 1 / SLOWER, "patience": int(given.n_iter_no_change)}
        return body

    def _early_stopping(self) -> dict[str, Any] | None:
        """The rule that comes closest to scikit-learn's."""
        given, share = self.given, self.recipe.share
        if given.quasi_newton:
            return {"monitor": "training_loss", "min_delta": FLAT / share, "patience": 1, "restore_best": False}
        if given.n_iter_no_change == inf:
            return None
        # An adaptive rate is lowered about four times before it is next to nothing.
        patience = (int(given.n_iter_no_change) + 1) * (5 if self._adaptive else 1)
        if not given.early_stopping:
            loss = {"monitor": "training_loss", "min_delta": given.tol / share}
            return {**loss, "patience": patience, "restore_best": False}
        figure = "validation_r2" if self.recipe.spec.task == "regression" else "validation_accuracy"
        return {"monitor": figure, "min_delta": float(given.tol), "patience": patience, "restore_best": True}

    @property
    def _adaptive(self) -> bool:
        return self.given.sgd and self.given.learning_rate == "adaptive"

    def _note(self, job: "Job", epochs: list["Epoch"]) -> None:
        """The figures, under scikit-learn's names."""
        mlp, given = self.mlp, self.given
        losses = [self.recipe.loss(epoch.training_loss) for epoch in epochs]
        mlp.n_iter_, mlp.loss_ = len(epochs), losses[-1]
        if job.stopped_by == "epochs":
            warnings.warn(
                f"Maximum iterations ({mlp.n_iter_}) reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=6,
            )
        if given.quasi_newton:
            return
        mlp.loss_curve_ = losses
        mlp.t_ = mlp.n_iter_ * round(len(self.sample) * (1 - given.validation_fraction * given.early_stopping))
        if not given.early_stopping:
            mlp.best_loss_ = min(losses)
            return
        regression = self.recipe.spec.task == "regression"
        scores = [epoch.validation_r2 if regression else epoch.validation_accuracy for epoch in epochs]
        mlp.validation_scores_ = [float("nan") if score is None else score for score in scores]
        mlp.best_validation_score_ = max((score for score in mlp.validation_scores_ if score == score), default=-inf)


def _failure(job: "Job") -> Exception:
    """What a job without weights raises."""
    detail = job.error.detail if job.error else f"{job.id} is {job.status}"
    if job.error is not None and job.error.code == Diverged.code:
        return not_finite(detail)
    if job.error is not None and job.error.fault == "user":
        return ValueError(detail)
    return RuntimeError(detail)
