"""The end of a model's Python file: from the network's outputs to labels, probabilities or values, for each task."""

from typing import Final

from steepest.data.target import Target
from steepest.export.model import Model

CLASSES: Final = '''def predict_proba(rows: Any) -> Array:
    """(n, classes) the probability of each class, in the order of LABELS."""
    return {probabilities}


def predict(rows: Any) -> Array:
    """(n,) the likeliest class of each row."""
    return CLASSES[predict_proba(rows).argmax(axis=1)]


def main(path: str) -> None:
    """Print the likeliest class of each row of a CSV file, and the probability of every class."""
    probabilities = predict_proba(read_csv(path, [name for name, *_ in FEATURES]))
    likeliest = [LABELS[place] for place in probabilities.argmax(axis=1)]
    write_csv(["label", *LABELS], ([label, *row] for label, row in zip(likeliest, probabilities.tolist())))
'''

MULTILABEL: Final = '''def predict_proba(rows: Any) -> Array:
    """(n, labels) the probability that a row has each of LABELS."""
    return forward(inputs(rows), LAYERS)


def predict(rows: Any) -> Array:
    """{shape} 1 where a row has a label, which it has if the probability is above one half, else 0."""
    return (predict_proba(rows) > 0.5).astype({dtype!r}){column}


def main(path: str) -> None:
    """Print the labels of each row of a CSV file, and the probability of every label."""
    probabilities = predict_proba(read_csv(path, [name for name, *_ in FEATURES])).tolist()
    labels = [", ".join(label for label, share in zip(LABELS, row) if share > 0.5) for row in probabilities]
    write_csv(["labels", *LABELS], ([label, *row] for label, row in zip(labels, probabilities)))
'''

VALUES: Final = '''def predict(rows: Any) -> Array:
    """{shape} the value of each row, in the units of {whose}."""
    return in_units(forward(inputs(rows), LAYERS), MEANS, SCALES){column}


def main(path: str) -> None:
    """Print the predicted value of each row of a CSV file."""
    values = predict(read_csv(path, [name for name, *_ in FEATURES]))
    write_csv({header}, values.reshape(len(values), -1).tolist())
'''


def learned(model: Model) -> str:
    """The names of classes, labels or targets, and how values were scaled."""
    target = model.target
    lines = [f"DTYPE = {model.theta.dtype.name!r}"]
    if model.spec.task == "regression":
        lines += [f"TARGETS = {target.names!r}", f"MEANS = {target.means!r}", f"SCALES = {target.scales!r}"]
    elif model.spec.task == "multilabel":
        lines.append(f"LABELS = {target.names!r}")
    else:
        lines += [f"LABELS = {target.labels!r}", f"CLASSES = {_classes(target)}"]
    return "\n".join(lines) + "\n"


def functions(model: Model) -> str:
    """The functions `predict`, `predict_proba` and `main`."""
    target = model.target
    single = len(target.names) == 1
    column = "[:, 0]" if single else ""
    if model.spec.task == "regression":
        return VALUES.format(
            shape="(n,)" if single else "(n, targets)",
            whose="the target" if single else "each of TARGETS",
            column=column,
            header='["value"]' if single else "TARGETS",
        )
    if model.spec.task == "multilabel":
        shape = "(n,)" if single else "(n, labels)"
        return MULTILABEL.format(shape=shape, dtype=target.dtype or "intp", column=column)
    return CLASSES.format(probabilities=_probabilities(model))


def _probabilities(model: Model) -> str:
    """An expression for them."""
    outputs = "forward(inputs(rows), LAYERS)"
    if model.spec.task == "binary":
        return f"of_two_classes({outputs})"
    return outputs if model.spec.output_activation == "softmax" else f"shares({outputs})"


def _classes(target: Target) -> str:
    """The classes in the dtype that they had in process, else as text."""
    dtype = target.classes.dtype
    if dtype.kind == "b":
        return "np.array(LABELS) == 'True'"
    return (
        f"np.array(LABELS, float).astype({dtype.str!r})" if dtype.kind in "iuf" else f"np.array(LABELS, {dtype.str!r})"
    )
