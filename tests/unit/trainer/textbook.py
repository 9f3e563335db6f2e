"""Gradient descent and backpropagation as a textbook writes them, in float64: what the trainer is held against.

Nothing of the trainer is used here, but for the formulas that pieces bring which are not written out. Rows lie in rows:
X (n, d), weighted sums z (n, units), targets y (n, outputs); w (n,) is what the rows weigh in their batch, which adds
up to 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, erf, pi
from typing import Any

import numpy as np

from steepest.spec.optimizers import Adam, AdamW
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array
from steepest.trainer.objectives import OBJECTIVES, Objective
from steepest.trainer.optimizers import OPTIMIZERS

SELU = (1.0507009873554804934, 1.0507009873554804934 * 1.6732632423543772848)
EPSILON = 1e-5
Masks = Sequence[Array | None]
"""Of each hidden layer (n, units): 0 for the silent, 1 / (1 - p) for the others."""


def phi(z: Array) -> Array:
    return np.asarray((1 + np.vectorize(erf)(z / np.sqrt(2))) / 2)


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def bent(z: Array, right: Any, left: Any) -> Array:
    return np.asarray(np.where(z > 0, right, left))


def low(z: Array) -> Array:
    """Where an exponential of z is looked at, z is negative."""
    return np.asarray(np.minimum(z, 0))


FUNCTIONS: dict[str, Callable[[Array, float], Array]] = {
    "linear": lambda z, alpha: z,
    "sigmoid": lambda z, alpha: sigmoid(z),
    "tanh": lambda z, alpha: np.tanh(z),
    "relu": lambda z, alpha: np.maximum(z, 0),
    "leaky_relu": lambda z, alpha: bent(z, z, alpha * z),
    "elu": lambda z, alpha: bent(z, z, alpha * (np.exp(low(z)) - 1)),
    "selu": lambda z, alpha: bent(z, SELU[0] * z, SELU[1] * (np.exp(low(z)) - 1)),
    "gelu": lambda z, alpha: z * phi(z),
    "silu": lambda z, alpha: z * sigmoid(z),
    "softplus": lambda z, alpha: np.log(1 + np.exp(z)),
    "exponential": lambda z, alpha: np.exp(z),
    "softmax": lambda z, alpha: softmax(z),
}
SLOPES: dict[str, Callable[[Array, float], Array]] = {
    "linear": lambda z, alpha: np.ones_like(z),
    "sigmoid": lambda z, alpha: sigmoid(z) * (1 - sigmoid(z)),
    "tanh": lambda z, alpha: 1 - np.tanh(z) ** 2,
    "relu": lambda z, alpha: bent(z, 1.0, 0.0),
    "leaky_relu": lambda z, alpha: bent(z, 1.0, alpha),
    "elu": lambda z, alpha: bent(z, 1.0, alpha * np.exp(low(z))),
    "selu": lambda z, alpha: bent(z, SELU[0], SELU[1] * np.exp(low(z))),
    "gelu": lambda z, alpha: phi(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    "silu": lambda z, alpha: sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z)),
    "softplus": lambda z, alpha: sigmoid(z),
}


def act(name: str, z: Array, alpha: float | None = None) -> Array:
    known = FUNCTIONS.get(name)
    return known(z, alpha or 0.0) if known else ACTIVATIONS[name].formula(z, alpha)  # type: ignore[index]  # a name


def slope(name: str, z: Array, alpha: float | None = None) -> Array:
    known = SLOPES.get(name)
    return known(z, alpha or 0.0) if known else ACTIVATIONS[name].derivative(z, alpha)  # type: ignore[index]  # a name


@dataclass
class Textbook:
    spec: ResolvedTrainSpec
    arrays: dict[str, Array]
    """By the names under which they are saved; of the textbook's own."""
    step: int = 0
    slots: dict[tuple[str, str], Array] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    """Of each hidden layer, what the way back needs."""

    @classmethod
    def of(cls, spec: ResolvedTrainSpec, arrays: Mapping[str, Array]) -> "Textbook":
        return cls(spec, {name: np.array(array, np.float64) for name, array in arrays.items()})

    def forward(self, X: Array, masks: Masks | None = None, *, learning: bool = False) -> Array:
        """The output layer's weighted sums."""
        self.kept = []
        a = X
        for number, layer in enumerate(self.spec.layers):
            sums = z = a @ self.arrays[f"layers.{number}.weight"] + self.arrays[f"layers.{number}.bias"]
            if layer.batch_norm:
                z = self.normalize(f"layers.{number}.batch_norm", sums, learning=learning)
            mask = masks[number] if masks is not None else None
            self.kept.append((a, sums, z, mask))
            a = act(layer.activation, z, layer.alpha) * (1.0 if mask is None else mask)
        last = len(self.spec.layers)
        self.kept.append((a, None, None, None))
        return a @ self.arrays[f"layers.{last}.weight"] + self.arrays[f"layers.{last}.bias"]

    def predict(self, X: Array) -> Array:
        return act(self.spec.output_activation, self.forward(X))

    def normalize(self, name: str, z: Array, *, learning: bool) -> Array:
        mean, variance = self.arrays[f"{name}.mean"], self.arrays[f"{name}.variance"]
        if learning:
            if len(z) > 1:
                mean[:], variance[:] = 0.9 * mean + 0.1 * z.mean(0), 0.9 * variance + 0.1 * z.var(0, ddof=1)
            mean, variance = z.mean(0), z.var(0)
        x = (z - mean) / np.sqrt(variance + EPSILON)
        return np.asarray(x * self.arrays[f"{name}.scale"] + self.arrays[f"{name}.shift"])

    def row_losses(self, z: Array, y: Array) -> Array:
        """(n,)."""
        a, r, d = act(self.spec.output_activation, z), np.abs(z - y), self.spec.loss.delta or 0.0
        match self.spec.loss.name, self.spec.output_activation:
            case "mean_squared_error", _:
                losses = np.mean((a - y) ** 2, axis=1)
            case "mean_absolute_error", _:
                losses = np.mean(r, axis=1)
            case "huber", _:
                losses = np.mean(np.where(r <= d, r**2 / 2, d * (r - d / 2)), axis=1)
            case "poisson", _:
                losses = np.mean(np.exp(z) - y * z, axis=1)
            case "categorical_crossentropy" | "log_loss", "softmax":
                losses = -np.sum(y * np.log(a), axis=1)
            case _, "linear" | "exponential":
                losses = self.objective(z).formula(z, y)
            case _:
                losses = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a), axis=1)
        return np.asarray(losses)

    def row_slopes(self, z: Array, y: Array) -> Array:
        """(n, outputs) derivatives of each row's loss by z."""
        a, K, d = act(self.spec.output_activation, z), z.shape[1], self.spec.loss.delta or 0.0
        match self.spec.loss.name, self.spec.output_activation:
            case "mean_squared_error", "sigmoid":
                slopes = 2 / K * (a - y) * a * (1 - a)
            case "mean_squared_error", _:
                slopes = 2 / K * (a - y)
            case "mean_absolute_error", _:
                slopes = np.sign(z - y) / K
            case "huber", _:
                slopes = np.clip(z - y, -d, d) / K
            case "poisson", _:
                slopes = (np.exp(z) - y) / K
            case _, "linear" | "exponential":
                slopes = self.objective(z).derivative(z, y)
            case _:
                slopes = a - y
        return np.asarray(slopes)

    def objective(self, z: Array) -> Objective:
        """One that is not written out here."""
        loss, output = self.spec.loss, self.spec.output_activation
        kind = OBJECTIVES[loss.name, output]
        return kind(1, 1, z.shape[1], len(z), z.dtype, delta=1.0 if loss.delta is None else loss.delta)

    def penalty(self) -> float:
        settings, total = self.spec.regularization, 0.0
        for name, W in self.arrays.items():
            if name.endswith("weight"):
                total += settings.l1 * np.abs(W).sum() + settings.l2 / 2 * (W**2).sum()
        return total

    def gradients(self, delta: Array, share: int = 1) -> dict[str, Array]:
        """From the derivative of the loss by the last weighted sums (n, outputs), right after `forward`.

        `share`: what the penalties are divided by.
        """
        found: dict[str, Array] = {}
        for number in reversed(range(len(self.kept))):
            a, sums, z, mask = self.kept[number]
            if z is not None:
                layer = self.spec.layers[number]
                delta = delta * (1.0 if mask is None else mask) * slope(layer.activation, z, layer.alpha)
                if layer.batch_norm:
                    name = f"layers.{number}.batch_norm"
                    s = np.sqrt(sums.var(0) + EPSILON)
                    x = (sums - sums.mean(0)) / s
                    found[f"{name}.scale"], found[f"{name}.shift"] = (delta * x).sum(0), delta.sum(0)
                    dx = delta * self.arrays[f"{name}.scale"]
                    delta = (dx - dx.mean(0) - x * (dx * x).mean(0)) / s
            W = self.arrays[f"layers.{number}.weight"]
            settings = self.spec.regularization
            found[f"layers.{number}.weight"] = a.T @ delta + (settings.l1 * np.sign(W) + settings.l2 * W) / share
            found[f"layers.{number}.bias"] = delta.sum(0)
            delta = delta @ W.T
        return found

    def learn(self, X: Array, y: Array, w: Array, eta: float, masks: Masks | None = None) -> float:
        """One step; the loss before it."""
        self.step += 1
        z = self.forward(X, masks, learning=True)
        share = len(X) if self.spec.regularization.per_row else 1
        loss = float(w @ self.row_losses(z, y)) + self.penalty() / share
        gradients = self.clipped(self.gradients(self.row_slopes(z, y) * w[:, None], share))
        for name, g in gradients.items():
            self.arrays[name] -= self.change(name, g, eta)
        if (limit := self.spec.regularization.max_norm) is not None:
            for name, W in self.arrays.items():
                if name.endswith("weight"):
                    W *= limit / np.maximum(np.linalg.norm(W, axis=0), limit)
        return loss

    def clipped(self, gradients: dict[str, Array]) -> dict[str, Array]:
        clip = self.spec.gradient_clip
        if clip is None:
            return gradients
        c = clip.limit
        if clip.by == "value":
            return {name: np.clip(g, -c, c) for name, g in gradients.items()}
        if clip.by == "norm":
            return {name: g * min(1.0, c / max(float(np.linalg.norm(g)), 1e-300)) for name, g in gradients.items()}
        norm = np.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
        return {name: g * min(1.0, c / (norm + 1e-6)) for name, g in gradients.items()}

    def change(self, name: str, g: Array, eta: float) -> Array:
        """What a step takes from an array."""
        settings = self.spec.optimizer
        match settings.name:
            case "gradient_descent":
                return eta * g
            case "momentum":
                return eta * self.keep(name, "v", lambda v: settings.momentum * v + g)
            case "nesterov":
                return eta * (g + settings.momentum * self.keep(name, "v", lambda v: settings.momentum * v + g))
            case "adagrad":
                return eta * g / (np.sqrt(self.keep(name, "v", lambda v: v + g**2)) + settings.epsilon)
            case "rmsprop":
                v = self.keep(name, "v", lambda v: settings.rho * v + (1 - settings.rho) * g**2)
                return eta * g / (np.sqrt(v) + settings.epsilon)
        if not isinstance(settings, Adam | AdamW):
            return self.change_by_formula(name, g, eta)
        b1, b2 = settings.beta_1, settings.beta_2
        m = self.keep(name, "m", lambda m: b1 * m + (1 - b1) * g) / (1 - b1**self.step)
        v = self.keep(name, "v", lambda v: b2 * v + (1 - b2) * g**2) / (1 - b2**self.step)
        decay = eta * settings.weight_decay * self.arrays[name] if isinstance(settings, AdamW) else 0.0
        hat = isinstance(settings, Adam) and settings.epsilon_hat
        return eta * m / (np.sqrt(v) + settings.epsilon / (np.sqrt(1 - b2**self.step) if hat else 1)) + decay

    def change_by_formula(self, name: str, g: Array, eta: float) -> Array:
        """The same by an optimizer that is not written out here."""
        optimizer, settings, theta = OPTIMIZERS[self.spec.optimizer.name], self.spec.optimizer, self.arrays[name]
        slots = [(name, str(number)) for number in range(optimizer.kept)]
        kept = [self.slots.get(slot, np.zeros_like(theta)) for slot in slots]
        new, *kept = optimizer.formula(settings, theta, g, eta, self.step, *kept)
        self.slots |= zip(slots, kept, strict=True)
        return theta - new

    def keep(self, name: str, slot: str, update: Any) -> Array:
        self.slots[name, slot] = np.asarray(update(self.slots.get((name, slot), np.zeros_like(self.arrays[name]))))
        return self.slots[name, slot]


def encoded(spec: ResolvedTrainSpec, y: Array, outputs: int) -> Array:
    """Targets (n, outputs): values, or probabilities, smoothed where asked for."""
    if spec.task == "regression":
        return y.reshape(len(y), -1).astype(np.float64)
    targets = np.eye(outputs)[y] if spec.task == "multiclass" else y.reshape(len(y), -1)
    share = spec.loss.label_smoothing
    return np.asarray((1 - share) * targets + share / (outputs if spec.task == "multiclass" else 2))


def rate(spec: ResolvedTrainSpec, step: int, steps: int, rows: int) -> float:
    """Eta of a step of the run, from 0, where an epoch has `steps` of them; without what a plateau makes of it."""
    schedule, eta = spec.schedule, spec.optimizer.learning_rate
    warmup = schedule.warmup_epochs * steps
    if step < warmup:
        return eta * (step + 1) / warmup
    step -= warmup
    epoch, total = step // steps, steps * (spec.epochs - schedule.warmup_epochs)
    match schedule.name:
        case "step":
            return float(eta * schedule.factor ** (epoch // schedule.step_epochs))
        case "exponential":
            return float(eta * schedule.factor**epoch)
        case "cosine":
            return eta * (1 + cos(pi * step / total)) / 2
        case "inverse_scaling":
            return float(eta / (epoch * rows + 1) ** schedule.power)
        case "one_cycle":
            top, end = 0.3 * total - 1, total - 1
            if step <= top:
                return eta + (eta / 25 - eta) / 2 * (1 + cos(pi * step / top))
            last = eta / 25 / 1e4
            return last + (eta - last) / 2 * (1 + cos(pi * (step - top) / (end - top)))
    return eta


@dataclass
class Plateau:
    """PyTorch's ReduceLROnPlateau, of a figure that is best when lowest."""

    spec: ResolvedTrainSpec
    best: float = np.inf
    waited: int = 0
    multiple: float = 1.0

    def note(self, epoch: int, figure: float) -> None:
        schedule = self.spec.schedule
        if schedule.name != "plateau" or epoch <= schedule.warmup_epochs:
            return
        self.waited += 1
        if figure < self.best * (1 - 1e-4):
            self.best, self.waited = figure, 0
        if self.waited > schedule.patience:
            self.multiple, self.waited = self.multiple * schedule.factor, 0
