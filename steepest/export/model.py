"""A trained network with everything that turns raw rows into predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.data.preprocessing import Preprocessing
from steepest.data.target import Target
from steepest.spec.answers import ClassPrediction, ValuePrediction
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.network import Network


@dataclass(frozen=True)
class Model:
    """A network, its weights, and what was learned from the training rows."""

    network: Network
    theta: NDArray[Any]
    """(P,) weights in the job's precision."""
    spec: ResolvedTrainSpec
    preprocessing: Preprocessing
    target: Target

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """(n,) labels in the classes' dtype, or values in the target's units, of raw rows (n, d)."""
        raise NotImplementedError

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """(n, classes) probabilities of raw rows (n, d).

        Raises:
            ValidationFailed: the model predicts values, not classes.
        """
        raise NotImplementedError

    def predict_records(
        self, records: Sequence[Mapping[str, Any] | Sequence[Any]]
    ) -> list[ClassPrediction] | list[ValuePrediction]:
        """Predictions of raw JSON rows, named or in the order of the features.

        Raises:
            ValidationFailed: pointers `/rows/<i>/<name or index>`, every problem at once.
        """
        raise NotImplementedError
