"""A model as one Python file that predicts raw rows with nothing but NumPy, and can be read like a small textbook.

Its functions are those of `steepest.export.textbook`, as far as the model needs them; what was learned from the
training rows follows as plain values, and at last the weights, as base64 of their bits.
"""

import ast
import base64
from collections.abc import Iterable, Iterator
from dataclasses import fields
from importlib.metadata import version
from types import ModuleType
from typing import Final

from steepest.data import datetimes, features, labels, murmur
from steepest.data.features import Feature
from steepest.export import answers, textbook
from steepest.export.excerpts import excerpts
from steepest.export.folded import Layer, folded
from steepest.export.model import Model
from steepest.spec import labels as numbers
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised

MOST_BYTES: Final = 1 << 30
"""Of weights. Nobody could open a larger file, and Python takes at most 2 GiB of source."""

_CHUNK: Final = 57 << 14
"""Bytes that become lines at once: whole ones of 76 characters."""

UNITS: Final = {
    "numeric": "number",
    "categorical": "one_hot",
    "ordinal": "ordinal",
    "hashed": "hashed",
    "datetime": "moment",
}
"""The function that turns values into units, by a feature's kind."""

MODULES: Final[dict[ModuleType, str]] = {
    labels: "What a text means",
    numbers: "How a number is written as a label",
    datetimes: "Which moment a text means",
    murmur: "Which bucket is a label's",
    features: "Day, week and year as circles",
    textbook: "Raw rows to inputs, inputs to outputs",
}
"""Where the functions stand, with the heading that they get in the file."""

ALWAYS: Final = frozenset({"inputs_of", "forward", "array", "read_csv", "write_csv", "sys"})

HEAD: Final = '''"""A trained neural network that predicts raw rows. All it takes is this file, Python 3.11 and NumPy.

From the command line, CSV in and CSV out; the header names the columns, and those that are no feature do not matter:

    python model.py rows.csv > predictions.csv

From Python, a row is a dict by name or a list in the order of FEATURES; a dict of columns or a DataFrame will do too.
None, NaN and whatever text stands for no value in a CSV file are missing.

    import model
    model.predict([...])

The network was trained by steepest {version} for the task "{task}". First come the functions, each formula with the
code that computes it; then what was learned from the training rows; at last the weights, as base64 of their bits.
"""
'''

INPUTS: Final = '''def inputs(rows: Any) -> Array:
    """(n, units) what enters the first layer for raw rows."""
    return inputs_of(rows, FEATURES, DTYPE)
'''

MAIN: Final = """
if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python model.py rows.csv")
    try:
        main(sys.argv[1])
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
"""


def dump(model: Model) -> bytes:
    """The file's bytes, UTF-8; the same model gives the same bytes.

    Raises:
        ValidationFailed: the network is too large for it.
    """
    if model.theta.nbytes > MOST_BYTES:
        detail = f"a Python file holds at most {MOST_BYTES >> 20:,} MiB of weights; take safetensors"
        raise raised([FieldProblem(pointer="/format", detail=detail)])
    layers = folded(model)
    ending = INPUTS + "\n\n" + answers.functions(model)
    used = {node.id for node in ast.walk(ast.parse(ending)) if isinstance(node, ast.Name)}
    used |= {UNITS[feature.kind] for feature in model.preprocessing.features} | {layer.activation for layer in layers}
    imports, parts = excerpts(tuple(MODULES), ALWAYS | used)
    text = [
        HEAD.format(version=version("steepest"), task=model.spec.task),
        "\n" + "\n".join(imports) + "\n",
        *(_heading(MODULES[part.module]) + "\n\n\n".join(part.texts) + "\n" for part in parts),
        _heading("What was learned from the training rows"),
        _features(model.preprocessing.features),
        answers.learned(model),
        _heading("Predictions"),
        ending,
        _heading("Each layer's activation, weights W (inputs, units) and biases b (units,)"),
    ]
    return b"".join(["".join(text).encode(), *_layers(layers), MAIN.encode()])


def _heading(text: str) -> str:
    return f"\n\n# --- {text} " + "-" * (113 - len(text)) + "\n\n"


def _features(learned: Iterable[Feature]) -> str:
    lines = (f"    ({feature.name!r}, {UNITS[feature.kind]}, {_values(feature)}),\n" for feature in learned)
    return "FEATURES = [\n" + "".join(lines) + "]\n"


def _values(feature: Feature) -> str:
    """What was learned, but for what is as usual."""
    values = {
        field.name: getattr(feature, field.name) for field in fields(feature) if field.name not in ("name", "kind")
    }
    usual = {field.name: field.default for field in fields(feature)} | {"unseen": (), "other": False}
    return repr({name: value for name, value in values.items() if value != usual[name]})


def _layers(layers: Iterable[Layer]) -> Iterator[bytes]:
    yield b"LAYERS = [\n"
    for layer in layers:
        name = layer.activation
        activation = name if layer.alpha is None else f"lambda z: {name}(z, {layer.alpha!r})"
        yield f"    (\n        {activation},\n".encode()
        for array in (layer.weight, layer.bias):
            dtype = array.dtype.newbyteorder("<")
            yield f'        array("{dtype.str}", {array.shape}, """\n'.encode()
            bits = array.astype(dtype).tobytes()
            yield from (base64.encodebytes(bits[start : start + _CHUNK]) for start in range(0, len(bits), _CHUNK))
            yield b'"""),\n'
        yield b"    ),\n"
    yield b"]\n\n"
