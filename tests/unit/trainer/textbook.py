"""Gradient descent and backpropagation as a textbook writes them, in float64: what the trainer is held against.

Nothing of the trainer is used here, but the order in which it takes the rows.
"""

from dataclasses import dataclass, field

import numpy as np

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array


def act(name: str, z: Array) -> Array:
    if name == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
    functions: dict[str, Array] = {
        "linear": z,
        "sigmoid": 1 / (1 + np.exp(-z)),
        "tanh": np.tanh(z),
        "relu": np.maximum(z, 0),
    }
    return functions[name]


def slope(name: str, z: Array) -> Array:
    a = act(name, z)
    slopes: dict[str, Array] = {
        "linear": np.ones_like(z),
        "sigmoid": a * (1 - a),
        "tanh": 1 - a**2,
        "relu": (z > 0) * 1.0,
    }
    return slopes[name]


@dataclass
class Textbook:
    spec: ResolvedTrainSpec
    weights: list[Array]
    biases: list[Array]
    step: int = 0
    slots: dict[str, list[Array]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [layer.activation for layer in self.spec.layers] + [self.spec.output_activation]

    def forward(self, X: Array) -> tuple[list[Array], list[Array]]:
        zs, activations = [], [X]
        for W, b, name in zip(self.weights, self.biases, self.names, strict=True):
            zs.append(activations[-1] @ W + b)
            activations.append(act(name, zs[-1]))
        return zs, activations

    def loss(self, X: Array, y: Array) -> float:
        a = self.forward(X)[1][-1]
        if self.spec.loss.name == "mean_squared_error":
            return float(np.mean((a - y) ** 2))
        if self.spec.output_activation == "softmax":
            return float(np.mean(-np.sum(y * np.log(a), axis=1)))
        return float(np.mean(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    def gradients(self, X: Array, y: Array) -> list[Array]:
        zs, activations = self.forward(X)
        a = activations[-1]
        if self.spec.loss.name == "mean_squared_error":
            delta = 2 * (a - y) / a.size * slope(self.names[-1], zs[-1])
        else:
            delta = (a - y) / len(X)
        found: list[Array] = []
        for layer in reversed(range(len(self.weights))):
            found = [activations[layer].T @ delta, delta.sum(axis=0), *found]
            if layer:
                delta = (delta @ self.weights[layer].T) * slope(self.names[layer - 1], zs[layer - 1])
        return found

    def learn(self, X: Array, y: Array) -> None:
        self.step += 1
        parameters = [array for pair in zip(self.weights, self.biases, strict=True) for array in pair]
        for number, (theta, g) in enumerate(zip(parameters, self.gradients(X, y), strict=True)):
            theta -= self.change(number, g)

    def change(self, number: int, g: Array) -> Array:
        settings = self.spec.optimizer
        if settings.name == "gradient_descent":
            return settings.learning_rate * g
        if settings.name == "momentum":
            v = settings.momentum * self.slot("v", number, g) + g
            self.slots["v"][number] = v
            return settings.learning_rate * v
        m = settings.beta_1 * self.slot("m", number, g) + (1 - settings.beta_1) * g
        v = settings.beta_2 * self.slot("v", number, g) + (1 - settings.beta_2) * g**2
        self.slots["m"][number], self.slots["v"][number] = m, v
        corrected = v / (1 - settings.beta_2**self.step)
        return settings.learning_rate * m / (1 - settings.beta_1**self.step) / (np.sqrt(corrected) + settings.epsilon)

    def slot(self, name: str, number: int, g: Array) -> Array:
        slots = self.slots.setdefault(name, [])
        while len(slots) <= number:
            slots.append(np.zeros(()))
        return slots[number] if slots[number].shape == g.shape else np.zeros_like(g)


def one_hot(spec: ResolvedTrainSpec, y: Array, outputs: int) -> Array:
    if spec.task == "multiclass":
        return np.eye(outputs)[y]
    return y.reshape(len(y), 1).astype(np.float64)
