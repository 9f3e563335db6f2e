"""Files of models where they are meant to run: a graph under onnxruntime, a program in a Python without us."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from steepest.data.preprocessing import Preprocessing
from steepest.export.onnx.features import NO_MOMENT, input_names

KINDS: dict[int, tuple[Any, Any]] = {
    TensorProto.FLOAT: (np.float32, np.nan),
    TensorProto.INT64: (np.int64, NO_MOMENT),
    TensorProto.STRING: (object, ""),
}
"""The dtype of a kind of input, and what is missing there."""


def checked(content: bytes) -> bytes:
    """The file of a graph, once the checker has passed it."""
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    return content


def run_onnx(
    content: bytes, preprocessing: Preprocessing, rows: Sequence[Mapping[str, Any]], *, reference: bool = False
) -> dict[str, NDArray[Any]]:
    """The outputs of a graph for raw rows, as the documentation says that they are to be given.

    Under onnxruntime, or as ONNX's own reference has it.
    """
    graph = onnx.load_from_string(content).graph
    outputs = [output.name for output in graph.output]
    names = input_names(preprocessing.features, outputs)
    assert [given.name for given in graph.input] == list(names.values())
    feed = {}
    for given, feature in zip(graph.input, names, strict=True):
        dtype, missing = KINDS[given.type.tensor_type.elem_type]
        values = [missing if row.get(feature) is None else row[feature] for row in rows]
        feed[given.name] = np.array(values, dtype).reshape(-1, 1)
    if reference:
        return dict(zip(outputs, ReferenceEvaluator(content).run(outputs, feed), strict=True))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(outputs, feed), strict=True))


def imported(content: bytes) -> ModuleType:
    """The module that a program's text is."""
    module = ModuleType("model")
    exec(compile(content, "model.py", "exec"), module.__dict__)
    return module
