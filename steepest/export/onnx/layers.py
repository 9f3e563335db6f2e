"""Layers in ONNX. Runtimes lack some activations in double precision: there the formula is spelled out."""

from collections.abc import Callable
from typing import Final

import numpy as np

from steepest.export.folded import Layer
from steepest.export.onnx.graph import Graph, Name
from steepest.spec.names import ActivationName, OutputActivationName
from steepest.trainer.activations.kinked import SELU_ALPHA, SELU_SCALE

Activate = Callable[[Graph, Name, float], Name]
"""The activations of weighted sums z; the last argument is alpha, 0 where there is none."""


def layer(graph: Graph, x: Name, number: int, weights: Layer) -> Name:
    """The activations of x W + b."""
    weight = graph.constant(f"layers.{number}.weight", weights.weight)
    bias = graph.constant(f"layers.{number}.bias", weights.bias)
    return ACTIVATIONS[weights.activation](graph, graph.add("Gemm", x, weight, bias), weights.alpha or 0.0)


def _named(operator: str) -> Activate:
    """An activation that is one operator."""
    return lambda graph, z, alpha: graph.add(operator, z)


def _leaky_relu(graph: Graph, z: Name, alpha: float) -> Name:
    """Of z and alpha z the larger, or the smaller if alpha > 1."""
    if _single(graph):
        return graph.add("LeakyRelu", z, alpha=alpha)
    return graph.add("Max" if alpha <= 1 else "Min", z, graph.add("Mul", z, _number(graph, alpha)))


def _elu(graph: Graph, z: Name, alpha: float) -> Name:
    """max(z, 0) + alpha (exp(min(z, 0)) - 1)."""
    if _single(graph):
        return graph.add("Elu", z, alpha=alpha)
    below = graph.add("Exp", graph.add("Min", z, _number(graph, 0.0)))
    below = graph.add("Mul", graph.add("Sub", below, _number(graph, 1.0)), _number(graph, alpha))
    return graph.add("Add", graph.add("Relu", z), below)


def _selu(graph: Graph, z: Name, alpha: float) -> Name:
    """An elu, and a factor."""
    if _single(graph):
        return graph.add("Selu", z, alpha=SELU_ALPHA, gamma=SELU_SCALE)
    return graph.add("Mul", _elu(graph, z, SELU_ALPHA), _number(graph, SELU_SCALE))


def _gelu(graph: Graph, z: Name, alpha: float) -> Name:
    """The product z (1 + erf(z / sqrt 2)) / 2; the error function in single precision, for there is no other."""
    share = graph.add("Mul", z, _number(graph, 0.5**0.5))
    share = graph.add("Erf", share) if _single(graph) else _erf(graph, share)
    share = graph.add("Mul", graph.add("Add", share, _number(graph, 1.0)), _number(graph, 0.5))
    return graph.add("Mul", z, share)


def _erf(graph: Graph, x: Name) -> Name:
    return graph.cast(graph.add("Erf", graph.cast(x, np.float32)), np.float64)


def _silu(graph: Graph, z: Name, alpha: float) -> Name:
    """The product of z and its sigmoid."""
    return graph.add("Mul", z, graph.add("Sigmoid", z))


def _softplus(graph: Graph, z: Name, alpha: float) -> Name:
    """max(z, 0) + log(1 + exp(-|z|))."""
    if _single(graph):
        return graph.add("Softplus", z)
    below = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    return graph.add("Add", graph.add("Relu", z), graph.add("Log", graph.add("Add", below, _number(graph, 1.0))))


def _single(graph: Graph) -> bool:
    return graph.dtype == np.float32


def _number(graph: Graph, value: float) -> Name:
    return graph.constant("number", value, graph.dtype)


ACTIVATIONS: Final[dict[ActivationName | OutputActivationName, Activate]] = {
    "linear": lambda graph, z, alpha: z,
    "sigmoid": _named("Sigmoid"),
    "tanh": _named("Tanh"),
    "relu": _named("Relu"),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "softmax": lambda graph, z, alpha: graph.add("Softmax", z, axis=1),
    "exponential": _named("Exp"),
}
