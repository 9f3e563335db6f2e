"""A model as one ONNX graph that takes raw rows: preprocessing, layers, and the names of the classes are all in it.

One input for each feature, of shape (N, 1), named for its column (with `input_` before it where an output is named so):

- numbers are float32, and NaN is missing;
- categories are text as the data set writes it. The empty string is missing, and so is every other text that stands for
  no value in a CSV file;
- date-times are int64, milliseconds since 1970-01-01T00:00Z. The least int64, -9223372036854775808, is missing.

ONNX cannot hash a text: a hashed category is looked up in a table of the data set's categories. A label that is not in
it switches no bucket on, where the service would hash it.

The outputs, floating in the job's precision:

- classes: `label` (N,) text and `probabilities` (N, classes) in class order;
- several labels: `label` (N, labels) text, the label's name where the row has it and the empty string where not, and
  `probabilities` (N, labels);
- values: `value` (N, targets), in the targets' order and units.
"""

from typing import Final

from steepest.export.model import Model
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised

MOST_BYTES: Final = (1 << 31) - 1
"""Of a file: the limit of protocol buffers, in which ONNX is written."""


def dump(model: Model) -> bytes:
    """The file's bytes; the same model gives the same bytes.

    Raises:
        ValidationFailed: the package onnx is missing, or the file would be larger than ONNX allows.
    """
    try:
        from steepest.export.onnx.write import proto
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "onnx":
            raise
        raise _refused("the package onnx is not installed; run pip install 'steepest[onnx]'") from None
    if model.theta.nbytes > MOST_BYTES:
        raise _refused(_TOO_LARGE)
    written = proto(model)
    if written.ByteSize() > MOST_BYTES:
        raise _refused(_TOO_LARGE)
    content: bytes = written.SerializeToString(deterministic=True)
    return content


_TOO_LARGE: Final = "an ONNX file holds at most 2 GiB, and this network has more; take safetensors or npz"


def _refused(detail: str) -> Exception:
    return raised([FieldProblem(pointer="/format", detail=detail)])
