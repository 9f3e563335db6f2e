"""An ONNX graph while it is being written: nodes in the order in which they run, constants, and names for results."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
"""Of 2022, which every runtime in use knows."""

LABELS: Final = "ai.onnx.ml"
"""The domain of the operators that look labels up."""

LABELS_OPSET: Final = 3
IR_VERSION: Final = 8
"""Of the file format: the one that came with the operator set."""

Name = str
"""Of a value in the graph."""


class Graph:
    """Collects nodes and constants. Every method that adds a node gives the name of its result."""

    def __init__(self, taken: Iterable[Name], dtype: DTypeLike) -> None:
        """Begin.

        Args:
            taken: Names that inputs and outputs have, which no result may get.
            dtype: The network's precision.
        """
        self.dtype = np.dtype(dtype)
        self._taken = set(taken)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def add(
        self, operator: str, *inputs: Name, output: Name | None = None, domain: str = "", **attributes: Any
    ) -> Name:
        """A node; its result has the name `output`, which the graph gives out, or a fresh one."""
        name = output or self._fresh(operator.lower())
        node = helper.make_node(operator, inputs, [name], name=self._fresh(f"{operator}_node"), domain=domain)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self._nodes.append(node)
        return name

    def constant(self, what: str, values: Any, dtype: DTypeLike | None = None) -> Name:
        """A tensor that the graph carries, named for what it is; text has the dtype object."""
        name = self._fresh(what)
        array = np.ascontiguousarray(np.asarray(values, dtype))
        little: NDArray[Any] = (
            array if array.dtype.kind == "O" else array.astype(array.dtype.newbyteorder("<"), copy=False)
        )
        self._constants.append(numpy_helper.from_array(little.reshape(np.shape(values)), name))
        return name

    def cast(self, x: Name, dtype: DTypeLike) -> Name:
        """X in another dtype."""
        return self.add("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def joined(self, parts: Sequence[Name], axis: int = 1) -> Name:
        """Tensors side by side."""
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=axis)

    def interleaved(self, parts: Sequence[Name], columns: int) -> Name:
        """(N, parts x columns) from parts (N, columns): the first column of each, then the second of each, ..."""
        last = self.constant("axes", [2], np.int64)
        stacked = self.joined([self.add("Unsqueeze", part, last) for part in parts], axis=2)
        return self.add("Reshape", stacked, self.constant("shape", [0, len(parts) * columns], np.int64))

    def input(self, name: Name, kind: int, doc: str) -> Name:
        """One more input (N, 1), of a type of TensorProto's."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, ["N", 1], doc_string=doc))
        return name

    def output(self, name: Name, kind: int, shape: Sequence[str | int], doc: str) -> None:
        """Say what an output is that a node has given."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape, doc_string=doc))

    @property
    def floating(self) -> int:
        """The type of numbers in the network's precision."""
        return TensorProto.DOUBLE if self.dtype == np.float64 else TensorProto.FLOAT

    def model(self, name: str, producer: tuple[str, str], doc: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """All of it."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants, doc_string=doc)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(LABELS, LABELS_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        model.producer_name, model.producer_version = producer
        helper.set_model_props(model, metadata)
        return model

    def _fresh(self, what: str) -> Name:
        name, number = what, 0
        while name in self._taken:
            number += 1
            name = f"{what}_{number}"
        self._taken.add(name)
        return name
