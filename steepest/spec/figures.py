"""How good a network is on some rows, as an evaluation tells it. A figure that does not exist is null.

Figures are those of scikit-learn where it has them: a class that no row has takes no part in means over classes.
"""

from typing import Annotated, Literal

from pydantic import Field

from steepest.spec.answer import Answer

RESIDUAL_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class RocCurve(Answer):
    """True against false positives for falling thresholds, from the corner (0, 0) to (1, 1); at most 101 points."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    thresholds: list[float] = Field(description="Rows with at least this probability count as positive.")


class PrecisionRecallCurve(Answer):
    """Precision against recall for falling thresholds, the recall rising; at most 101 points."""

    precision: list[float]
    recall: list[float]
    thresholds: list[float] = Field(description="Rows with at least this probability count as positive.")


class Calibration(Answer):
    """How often what was predicted came true, in ten bins of equal width; bins without a row are left out."""

    predicted: list[float] = Field(description="Mean of the predicted probabilities of each bin.")
    observed: list[float] = Field(description="Share of the bin's rows for which it came true.")
    rows: list[int] = Field(description="Rows of each bin.")


class Curves(Answer):
    """The curves of one class or label against all others."""

    label: str
    roc: RocCurve | None
    precision_recall: PrecisionRecallCurve | None


class ClassFigure(Answer):
    """One class against all others."""

    label: str
    support: int = Field(description="Rows of this class.")
    precision: float | None = Field(description="Null when no row was taken for this class.")
    recall: float | None = Field(description="Null when no row is of this class.")
    f1: float | None
    roc_auc: float | None
    pr_auc: float | None = Field(description="Average precision.")


class ClassFigures(Answer):
    """How well rows are told apart into classes."""

    task: Literal["binary", "multiclass"]
    accuracy: float
    balanced_accuracy: float = Field(description="Mean recall of the classes that rows have.")
    log_loss: float
    brier: float = Field(description="Two classes: of the second one's probability; more: summed over classes.")
    f1: float | None = Field(description="Mean over classes.")
    roc_auc: float | None = Field(description="Two classes: of the second one; more: mean of each against the others.")
    pr_auc: float | None = Field(description="Average precision, as `roc_auc`.")
    classes: list[ClassFigure]
    confusion_matrix: list[list[int]] = Field(description="Rows by their class, and within by the predicted class.")
    calibration: Calibration = Field(
        description="Two classes: of the second one's probability; more: of the predicted class's."
    )
    curves: list[Curves] = Field(description="Two classes: of the second one; up to 20: of each; more: none.")
    curve_rows: int = Field(description="Rows behind curves and areas: all, or of very many a sample.")


class LabelFigure(Answer):
    """How well one label is told."""

    label: str
    support: int = Field(description="Rows that have it.")
    accuracy: float
    precision: float | None
    recall: float | None
    f1: float | None
    log_loss: float
    brier: float
    roc_auc: float | None
    pr_auc: float | None = Field(description="Average precision.")
    confusion_matrix: list[list[int]] = Field(description="[[neither, wrongly given], [missed, rightly given]].")
    calibration: Calibration


class LabelFigures(Answer):
    """How well the labels of rows are told."""

    task: Literal["multilabel"]
    accuracy: float = Field(description="Share of rows all of whose labels are right.")
    log_loss: float = Field(description="Summed over labels.")
    brier: float = Field(description="Mean over labels.")
    f1: float | None = Field(description="Mean over labels.")
    roc_auc: float | None = Field(description="Mean over labels.")
    pr_auc: float | None = Field(description="Mean over labels.")
    labels: list[LabelFigure]
    curves: list[Curves] = Field(description="Of each label, if there are at most 20.")
    curve_rows: int = Field(description="Rows behind curves and areas: all, or of very many a sample.")


class ValueFigure(Answer):
    """How well one column is predicted, in its own units."""

    column: str
    mean_squared_error: float
    root_mean_squared_error: float
    mean_absolute_error: float
    r2: float | None = Field(description="Null for fewer than two rows.")
    residual_quantiles: dict[str, float] = Field(description="Of what is less what was predicted, by their share.")


class ValueFigures(Answer):
    """How well values are predicted: of several columns, each figure's mean."""

    task: Literal["regression"]
    mean_squared_error: float
    root_mean_squared_error: float
    mean_absolute_error: float
    r2: float | None
    columns: list[ValueFigure]
    quantile_rows: int = Field(description="Rows behind the quantiles: all, or of very many a sample.")


Figures = Annotated[ClassFigures | LabelFigures | ValueFigures, Field(discriminator="task")]

Told = str | float | list[str] | dict[str, float]
"""A class, a value, the labels of a row, or values by column."""


class WorstRow(Answer):
    """A row that is predicted badly."""

    row: int = Field(description="Its number in the data set; the first is 0.")
    loss: float = Field(
        description="Classes and labels: minus the logarithm of the probability of what is; values: the job's loss."
    )
    target: Told = Field(description="What is.")
    predicted: Told
    probability: float | None = Field(default=None, description="That was given to the row's class.")


class ColumnImportance(Answer):
    """How much worse predictions are when one column's values are shuffled among the rows."""

    column: str
    mean: float = Field(description="Mean drop of the score.")
    deviation: float = Field(description="Standard deviation of the drops.")
    drops: list[float] = Field(description="Of each repeat.")


class Importance(Answer):
    """Permutation importance (Breiman 2001) of every feature, the most important first."""

    score: Literal["accuracy", "r2"]
    baseline: float = Field(description="The score of the rows as they are.")
    rows: int = Field(description="Rows that were shuffled: all, or of very many a sample.")
    repeats: int
    seed: int
    columns: list[ColumnImportance]


class EvaluationResult(Answer):
    """What came out of an evaluation."""

    rows: int = Field(description="Rows that were evaluated.")
    left_out_rows: int = Field(default=0, description="Rows without a target.")
    figures: Figures
    worst_rows: list[WorstRow] = Field(description="The twenty rows of the greatest loss, the worst first.")
    permutation_importance: Importance | None = Field(default=None, description="Null unless asked for.")


class PredictionResult(Answer):
    """A file of predictions."""

    rows: int
    columns: list[str]
    bytes: int
    sha256: str
