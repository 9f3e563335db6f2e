"""A model as one JSON document: what `document_of` says, and the layers as numbers, batch normalization folded away.

A network that was loaded from one has no batch normalization any more; what it predicts is the same but for rounding.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.export.document import document_of, encode, model_of
from steepest.export.folded import Layer, folded
from steepest.export.model import Model
from steepest.spec.errors import FieldProblem, InvalidRequest
from steepest.spec.problems import raised

MOST_BYTES: Final = 64 << 20
"""Of weights: a file of about 250 MB."""

_DIGITS: Final = {4: "%.9g", 8: "%.17g"}
"""By bytes of a number: as many digits as give every bit back."""


def dump(model: Model) -> bytes:
    """The file's bytes, UTF-8; the same model gives the same bytes, and numbers keep every bit.

    Raises:
        ValidationFailed: the network is too large for it.
    """
    if model.theta.nbytes > MOST_BYTES:
        detail = f"a JSON file holds at most {MOST_BYTES >> 20:,} MiB of weights; take safetensors or npz"
        raise raised([FieldProblem(pointer="/format", detail=detail)])
    document = encode(document_of(model))
    return f'{document[:-1]},"layers":[{",".join(map(_layer, folded(model)))}]}}'.encode()


def load(source: bytes | Path) -> Model:
    """The model in a file that `dump` wrote.

    Raises:
        InvalidRequest: it is no such file.
    """
    try:
        document = json.loads(source if isinstance(source, bytes) else source.read_bytes())
        arrays = {
            f"layers.{number}.{part}": np.array(layer[part]).astype(document["spec"]["precision"])
            for number, layer in enumerate(document["layers"])
            for part in ("weight", "bias")
        }
        for layer in document["spec"]["layers"]:
            layer["batch_norm"] = False
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"no JSON file of a model: {error}") from error
    return model_of(arrays, document)


def _layer(layer: Layer) -> str:
    """W row by row, one row for each number that comes in; b; and what follows."""
    rest = encode({"activation": layer.activation, "alpha": layer.alpha})
    return f'{{"weight":{_numbers(layer.weight)},"bias":{_numbers(layer.bias)},{rest[1:]}'


def _numbers(array: NDArray[Any]) -> str:
    """Nested lists. JSON has no number for what is not finite: such an array holds the texts that Python reads."""
    if not np.isfinite(array).all():
        return encode(array.astype(str).tolist())
    row = f"[{','.join([_DIGITS[array.itemsize]] * array.shape[-1])}]"  # a row at once, four times as fast as json
    rows = [row % tuple(each) for each in np.atleast_2d(array).tolist()]
    return f"[{','.join(rows)}]" if array.ndim > 1 else rows[0]
