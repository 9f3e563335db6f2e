"""Which pieces have kernels, and the number by which the kernels know each: what is not here runs on the plan.

Looked up before anything is compiled or loaded, so numba is not needed here.
"""

from typing import Final

from steepest.spec.names import ActivationName, LossName, OutputActivationName
from steepest.trainer.network import Network

ACTIVATIONS: Final[dict[ActivationName, int]] = {
    "linear": 0,
    "sigmoid": 1,
    "tanh": 2,
    "relu": 3,
    "leaky_relu": 4,
    "elu": 5,
    "selu": 6,
    "gelu": 7,
    "silu": 8,
    "softplus": 9,
}

OBJECTIVES: Final[dict[tuple[LossName, OutputActivationName], int]] = {
    ("categorical_crossentropy", "softmax"): 0,
    ("binary_crossentropy", "sigmoid"): 1,
    ("mean_squared_error", "linear"): 2,
    ("mean_squared_error", "sigmoid"): 3,
    ("mean_absolute_error", "linear"): 4,
    ("huber", "linear"): 5,
    ("poisson", "exponential"): 6,
}

OPTIMIZERS: Final[dict[str, int]] = {
    "gradient_descent": 0,
    "momentum": 1,
    "nesterov": 2,
    "adagrad": 3,
    "rmsprop": 4,
    "adam": 5,
    "adamw": 6,
}
"""L-BFGS has no kernel: it takes few, large steps."""


def have_kernels(network: Network, optimizer: str) -> bool:
    """Whether there is a kernel for every piece of a network and its optimizer."""
    layers = all(layer.activation in ACTIVATIONS for layer in network.layers)
    return layers and (network.loss, network.output_activation) in OBJECTIVES and optimizer in OPTIMIZERS
