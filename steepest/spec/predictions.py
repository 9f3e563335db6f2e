"""What a network says of a row, task by task."""

from steepest.spec.answer import Answer


class ClassPrediction(Answer):
    """The likeliest class of a row, and every class's probability."""

    label: str
    probabilities: dict[str, float]


class LabelsPrediction(Answer):
    """The labels that a row has, those whose probability is above one half, and every label's probability."""

    labels: list[str]
    probabilities: dict[str, float]


class ValuePrediction(Answer):
    """The predicted value of a row, in the target's own units."""

    value: float


class ValuesPrediction(Answer):
    """The predicted values of a row by target column, each in its own units."""

    values: dict[str, float]


Prediction = ClassPrediction | LabelsPrediction | ValuePrediction | ValuesPrediction
