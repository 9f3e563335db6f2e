"""A trained network with everything that turns raw rows into predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.data.conform import conformed
from steepest.data.features import NumericFeature
from steepest.data.preprocessing import Inputs, Preprocessing
from steepest.data.raw import Record
from steepest.data.table import NumericColumn, Rows, Table
from steepest.data.target import Target
from steepest.spec.errors import DataUnusable, FieldProblem
from steepest.spec.predictions import ClassPrediction, LabelsPrediction, Prediction, ValuePrediction, ValuesPrediction
from steepest.spec.problems import raised
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import HALF
from steepest.trainer.evaluate import outputs
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
        """Labels (n,) in the classes' dtype, or values (n,) in the target's units, of raw rows X (n, d).

        Several target columns give (n, columns): 1 where a row has a label and 0 where not, or values.

        Raises:
            ValidationFailed: X does not have the features, or a value cannot be read.
        """
        return self._decoded(self._outputs(self._inputs(X)))

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Probabilities (n, classes), in class order, or (n, labels), of raw rows X (n, d).

        Raises:
            ValidationFailed: the model predicts values, or X does not have the features, or a value cannot be read.
        """
        if self.spec.task == "regression":
            raise raised([FieldProblem(pointer="/task", detail="regression has no probabilities; use predict")])
        return self._probabilities(self._outputs(self._inputs(X)))

    def predict_table(self, table: Table, rows: Rows) -> Inputs:
        """Predictions of rows of a table that has the features, by name, in the form of `outputs_of`.

        Raises:
            DataUnusable: a column is missing, or of a kind that cannot serve.
        """
        return self.outputs_of(self.inputs_of(table, rows))

    def inputs_of(self, table: Table, rows: Rows) -> Inputs:
        """The inputs (n, width) of rows of a table that has the features, by name.

        Raises:
            DataUnusable: a column is missing, or of a kind that cannot serve.
        """
        return self.preprocessing.transform(*conformed(table, rows, self.preprocessing.features), self.spec.precision)

    def outputs_of(self, inputs: Inputs) -> Inputs:
        """Of inputs: probabilities (n, classes) or (n, labels), or values (n, columns) in the target's units."""
        activations = self._outputs(inputs)
        if self.spec.task == "regression":
            return self.target.decode(activations).reshape(activations.shape)
        return self._probabilities(activations)

    def predict_records(self, records: Sequence[Record]) -> list[Prediction]:
        """Predictions of raw JSON rows, named or in the order of the features.

        Raises:
            ValidationFailed: pointers `/rows/<i>/<name or index>`, the first 100 problems at once.
        """
        return self.told(self.outputs_of(self.preprocessing.transform_records(records, self.spec.precision)))

    def told(self, outputs: Inputs) -> list[Prediction]:
        """What `outputs_of` gives, as the API tells it."""
        names = self.target.names
        if self.spec.task == "regression":
            if len(names) == 1:
                return [ValuePrediction(value=value) for (value,) in outputs.tolist()]
            return [ValuesPrediction(values=dict(zip(names, row, strict=True))) for row in outputs.tolist()]
        if self.spec.task == "multilabel":
            return [
                LabelsPrediction(
                    labels=[name for name, probability in zip(names, row, strict=True) if probability > HALF],
                    probabilities=dict(zip(names, row, strict=True)),
                )
                for row in outputs.tolist()
            ]
        labels = self.target.labels
        return [
            ClassPrediction(label=labels[code], probabilities=dict(zip(labels, row, strict=True)))
            for code, row in zip(outputs.argmax(axis=1).tolist(), outputs.tolist(), strict=True)
        ]

    def _inputs(self, X: NDArray[Any]) -> Inputs:
        names = self.preprocessing.names
        if X.ndim != 2 or X.shape[1] != len(names):
            detail = f"X has the shape {X.shape}; the model needs (rows, {len(names)})"
            raise raised([FieldProblem(pointer="/X", detail=detail)])
        all_numbers = all(isinstance(feature, NumericFeature) for feature in self.preprocessing.features)
        if not all_numbers or X.dtype.kind not in "biuf" or np.isinf(X).any():
            return self.preprocessing.transform_records(X.tolist(), self.spec.precision)
        columns = tuple(NumericColumn(name, X[:, index]) for index, name in enumerate(names))
        try:
            return self.preprocessing.transform(Table(len(X), columns, X), np.arange(len(X)), self.spec.precision)
        except DataUnusable:  # the slow way names the place
            return self.preprocessing.transform_records(X.tolist(), self.spec.precision)

    def _outputs(self, inputs: Inputs) -> Inputs:
        return outputs(self.network, self.theta, inputs)

    def _decoded(self, activations: Inputs) -> NDArray[Any]:
        if self.spec.task == "regression":
            return self.target.decode(activations)
        probabilities = self._probabilities(activations)
        if self.spec.task == "multilabel":
            return self.target.decode(probabilities > HALF)
        return self.target.decode(probabilities.argmax(axis=1))

    def _probabilities(self, activations: Inputs) -> Inputs:
        """Of each class (n, classes): one unit is the second class's; several are divided by their sum.

        Of each label (n, labels): its unit's.
        """
        if self.spec.task == "binary":
            return np.concatenate([1 - activations, activations], axis=1)
        if self.spec.task == "multilabel" or self.spec.output_activation == "softmax":
            return activations
        total = activations.sum(axis=1, keepdims=True)
        even = activations.dtype.type(1 / activations.shape[1])
        shares: Inputs = np.divide(activations, total, out=np.full_like(activations, even), where=total > 0)
        return shares
