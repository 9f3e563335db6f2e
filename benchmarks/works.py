"""What is measured: data, a network to train on them, and how: plain values, which can be sent to a process."""

import json
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise, product
from math import sqrt
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from steepest.trainer.randomness import Purpose, generator

Array = NDArray[Any]
Layers = list[tuple[Array, Array]]
"""Weights (in, out) and biases (out,) of each layer."""


@dataclass(frozen=True)
class Rows:
    """Where rows come from: a known set by its name, or `drawn` from a seed."""

    source: Literal["breast_cancer", "digits", "mnist", "waves", "drawn"]
    training: int = 0
    """Rows to train on; of `waves` and `drawn` alone."""
    features: int = 0
    outputs: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Net:
    """One network of a stack."""

    learning_rate: float
    seed: int
    """Of its first weights and of the order of its rows."""


@dataclass(frozen=True)
class Work:
    """A network, or a stack of them, how it is trained, and on what. Float32; no validation."""

    name: str
    what: str
    rows: Rows
    task: Literal["binary", "multiclass", "regression"]
    widths: tuple[int, ...]
    """Features, hidden units and outputs."""
    optimizer: dict[str, Any]
    batch_size: int
    epochs: int
    """Of one round. The first is reported apart: it pays for compilers and buffers."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    nets: tuple[Net, ...] = ()
    """Of a stack; else empty."""
    seed: int = field(default=1)

    def to_json(self) -> str:
        """The work in one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The inverse of `to_json`."""
        fields = json.loads(line)
        nets = tuple(Net(**net) for net in fields.pop("nets"))
        return cls(**fields | {"rows": Rows(**fields["rows"]), "widths": tuple(fields["widths"]), "nets": nets})

    @property
    def all_nets(self) -> tuple[Net, ...]:
        """The networks to train: those of the stack, or the only one."""
        return self.nets or (Net(self.optimizer["learning_rate"], self.seed),)

    @property
    def parameters(self) -> int:
        """Of one network."""
        return sum((ins + 1) * outs for ins, outs in pairwise(self.widths))

    @property
    def row_operations(self) -> int:
        """Floating-point operations of the products for one row, forward and backward."""
        products = [3] * (len(self.widths) - 1)
        products[0] = 2  # nobody asks for the derivative by the inputs
        each = sum(2 * times * ins * outs for times, (ins, outs) in zip(products, pairwise(self.widths), strict=True))
        return each * len(self.all_nets)

    def alone(self, net: Net) -> "Work":
        """One network of the stack as a work of its own."""
        optimizer = self.optimizer | {"learning_rate": net.learning_rate}
        return replace(self, nets=(), optimizer=optimizer, seed=net.seed)

    def first(self, seed: int | None = None) -> Layers:
        """First weights, uniform in +-sqrt(3 / in): the initializer `lecun_uniform`, as the trainer draws it."""
        layers = []
        for number, (ins, outs) in enumerate(pairwise(self.widths)):
            random = generator(Purpose.WEIGHTS, self.seed if seed is None else seed, number)
            W = (2 * random.random((ins, outs)) - 1) * (sqrt(3) * sqrt(1 / ins))
            layers.append((W.astype(np.float32), np.zeros(outs, np.float32)))
        return layers


MOMENTUM: Final = {"name": "momentum", "learning_rate": 0.02, "momentum": 0.9}
ADAM: Final = {"name": "adam", "learning_rate": 0.001}
GRADIENT_DESCENT: Final = {"name": "gradient_descent", "learning_rate": 0.1}
RATES: Final = (3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2)

W2: Final = Work(
    "W2",
    "digits, 1,437 rows, 64-32-10, cross-entropy, Adam, batch 32",
    Rows("digits"),
    "multiclass",
    (64, 32, 10),
    ADAM,
    batch_size=32,
    epochs=40,
)

WORKS: Final = {
    work.name: work
    for work in (
        Work(
            "W1",
            "breast cancer, 455 rows, 30-16-1, cross-entropy, momentum, batch 32",
            Rows("breast_cancer"),
            "binary",
            (30, 16, 1),
            MOMENTUM,
            batch_size=32,
            epochs=100,
        ),
        W2,
        Work(
            "W3",
            "MNIST, 60,000 rows, 784-300-10, cross-entropy, gradient descent, batch 64",
            Rows("mnist"),
            "multiclass",
            (784, 300, 10),
            GRADIENT_DESCENT,
            batch_size=64,
            epochs=3,
        ),
        Work(
            "W4",
            "MNIST, 60,000 rows, 784-800-800-10, cross-entropy, Adam, batch 128",
            Rows("mnist"),
            "multiclass",
            (784, 800, 800, 10),
            ADAM,
            batch_size=128,
            epochs=2,
        ),
        Work(
            "W5",
            "waves, 1,000,000 rows, 50-256-256-1, squared error, Adam, batch 1,024",
            Rows("waves", training=1_000_000, features=50, outputs=1),
            "regression",
            (50, 256, 256, 1),
            ADAM,
            batch_size=1_024,
            epochs=2,
        ),
        replace(
            W2,
            name="W6",
            what="32 networks of W2: 8 learning rates x 4 seeds; an epoch of them all",
            epochs=11,
            nets=tuple(Net(rate, seed) for seed, rate in product(range(1, 5), RATES)),
        ),
    )
}
