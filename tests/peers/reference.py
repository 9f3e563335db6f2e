"""The same network in PyTorch: layers, losses, optimizers, schedules and clipping by PyTorch's own functions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from steepest.trainer.arrays import Array
from tests.peers import world
from tests.peers.world import Rows

Loss = Callable[[Any, Any], Any]
"""(z, y) -> the mean loss of a batch, of the output layer's weighted sums."""

ACTIVATIONS: dict[str, Callable[[float | None], Any]] = {
    "linear": lambda alpha: torch.nn.Identity(),
    "sigmoid": lambda alpha: torch.nn.Sigmoid(),
    "tanh": lambda alpha: torch.nn.Tanh(),
    "relu": lambda alpha: torch.nn.ReLU(),
    "leaky_relu": lambda alpha: torch.nn.LeakyReLU(0.01 if alpha is None else alpha),
    "elu": lambda alpha: torch.nn.ELU(1.0 if alpha is None else alpha),
    "selu": lambda alpha: torch.nn.SELU(),
    "gelu": lambda alpha: torch.nn.GELU(),
    "silu": lambda alpha: torch.nn.SiLU(),
    "softplus": lambda alpha: torch.nn.Softplus(),
}
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "gradient_descent": lambda groups, s: torch.optim.SGD(groups, s.learning_rate),
    "momentum": lambda groups, s: torch.optim.SGD(groups, s.learning_rate, s.momentum),
    "nesterov": lambda groups, s: torch.optim.SGD(groups, s.learning_rate, s.momentum, nesterov=True),
    "adagrad": lambda groups, s: torch.optim.Adagrad(groups, s.learning_rate, eps=s.epsilon),
    "rmsprop": lambda groups, s: torch.optim.RMSprop(groups, s.learning_rate, s.rho, s.epsilon),
    "adam": lambda groups, s: torch.optim.Adam(groups, s.learning_rate, (s.beta_1, s.beta_2), s.epsilon),
    "adamw": lambda groups, s: torch.optim.AdamW(
        groups, s.learning_rate, (s.beta_1, s.beta_2), s.epsilon, s.weight_decay
    ),
}


class Network(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # PyTorch is absent where types are checked
    """Linear, batch norm, activation; the output layer last."""

    def __init__(self, layers: list[dict[str, Any]], arrays: Mapping[str, Array]) -> None:
        super().__init__()
        modules: list[Any] = []
        self.named: dict[str, Any] = {}
        for number, layer in enumerate([*layers, {"activation": "linear"}]):
            W = arrays[f"layers.{number}.weight"]
            linear = torch.nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
            linear.weight.data = torch.from_numpy(W.T.copy())
            linear.bias.data = torch.from_numpy(arrays[f"layers.{number}.bias"].copy())
            self.named |= {f"layers.{number}.weight": linear.weight, f"layers.{number}.bias": linear.bias}
            modules.append(linear)
            if layer.get("batch_norm"):
                norm = torch.nn.BatchNorm1d(W.shape[1], dtype=linear.weight.dtype)
                name = f"layers.{number}.batch_norm"
                self.named |= {f"{name}.scale": norm.weight, f"{name}.shift": norm.bias}
                self.named |= {f"{name}.mean": norm.running_mean, f"{name}.variance": norm.running_var}
                modules.append(norm)
            modules.append(ACTIVATIONS[layer["activation"]](layer.get("alpha")))
        self.run = torch.nn.Sequential(*modules)

    def arrays(self) -> dict[str, Array]:
        """Copies, by the trainer's names."""
        plain = {name: tensor.detach().numpy().copy() for name, tensor in self.named.items()}
        return {name: array.T if name.endswith("weight") else array for name, array in plain.items()}

    @property
    def weights(self) -> list[Any]:
        """Those that penalties act on."""
        return [tensor for name, tensor in self.named.items() if name.endswith(".weight")]

    @property
    def others(self) -> list[Any]:
        """The parameters that they leave alone."""
        return [tensor for tensor in self.parameters() if not any(tensor is W for W in self.weights)]


class Schedule:
    """A learning rate by PyTorch's schedulers, after a linear warm-up of our own."""

    PER_STEP = ("cosine", "one_cycle")

    def __init__(self, fields: Mapping[str, Any], optimizer: Any, steps_per_epoch: int, epochs: int) -> None:
        self.fields, self.optimizer, self.steps, self.epochs = fields, optimizer, steps_per_epoch, epochs
        self.rate = optimizer.param_groups[0]["lr"]
        self.warm = fields.get("warmup_epochs", 0) * steps_per_epoch
        self.done = 0
        self.scheduler: Any = None
        self.before_step()

    def before_step(self) -> None:
        """Set the rate of the next step."""
        if self.done < self.warm:
            self._set(self.rate * (self.done + 1) / self.warm)
        elif self.scheduler is None:
            self._set(self.rate)
            self.scheduler = self._make(self.epochs - self.warm // self.steps)

    def after_step(self) -> float:
        """The rate that the step had; the next one's is set, where it goes by steps."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        self.done += 1
        last = self.done == self.epochs * self.steps
        if self.done > self.warm and self.scheduler and self.fields["name"] in self.PER_STEP and not last:
            self.scheduler.step()
        return rate

    def after_epoch(self, loss: float) -> None:
        """Set the next epoch's rate, where it goes by epochs."""
        if self.done > self.warm and self.scheduler and self.fields["name"] not in self.PER_STEP:
            self.scheduler.step(*([loss] if self.fields["name"] == "plateau" else []))

    def _set(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _make(self, epochs: int) -> Any:
        schedulers, f = torch.optim.lr_scheduler, self.fields
        match f["name"]:
            case "step":
                return schedulers.StepLR(self.optimizer, f["step_epochs"], f["factor"])
            case "exponential":
                return schedulers.ExponentialLR(self.optimizer, f["factor"])
            case "cosine":
                return schedulers.CosineAnnealingLR(self.optimizer, epochs * self.steps)
            case "one_cycle":
                return schedulers.OneCycleLR(
                    self.optimizer, self.rate, total_steps=epochs * self.steps, cycle_momentum=False
                )
            case "plateau":
                return schedulers.ReduceLROnPlateau(self.optimizer, factor=f["factor"], patience=f["patience"])
        return None


def clip(parameters: list[Any], by: str, limit: float) -> None:
    """As PyTorch clips."""
    if by == "value":
        torch.nn.utils.clip_grad_value_(parameters, limit)
    else:
        torch.nn.utils.clip_grad_norm_(parameters, limit)


def trained(
    rows: Rows, initial: Mapping[str, Array], objective: Loss, l1: float = 0.0, l2: float = 0.0, **fields: Any
) -> tuple[dict[str, Array], list[float], list[float]]:
    """The last arrays, each epoch's learning rate at its end, and each epoch's mean training loss."""
    spec = world.spec_of(rows, **{name: value for name, value in fields.items() if name == "optimizer"})
    network = Network(fields["layers"], initial)
    X, y = torch.from_numpy(rows.X), torch.from_numpy(rows.y)
    decayed = [{"params": network.weights, "weight_decay": l2}, {"params": network.others}]
    optimizer = OPTIMIZERS[spec.optimizer.name](decayed if l2 else network.parameters(), spec.optimizer)
    n, epochs = len(X), fields["epochs"]
    batch = fields["batch_size"] if isinstance(fields["batch_size"], int) else n
    schedule = Schedule(fields.get("schedule", {"name": "constant"}), optimizer, -(-n // batch), epochs)
    rates, losses, rate = [], [], 0.0
    for batches in world.orders(n, batch, epochs):
        total = 0.0
        for places in batches:
            schedule.before_step()
            optimizer.zero_grad()
            value = objective(network.run(X[places]), y[places])
            total += value.item() * len(places)
            if l1:
                value = value + l1 * sum(W.abs().sum() for W in network.weights)
            value.backward()
            if fields.get("gradient_clip"):
                clip(list(network.parameters()), **fields["gradient_clip"])
            optimizer.step()
            rate = schedule.after_step()
        schedule.after_epoch(total / n)
        rates.append(rate)
        losses.append(total / n)
    return network.arrays(), rates, losses


def flat(arrays: Mapping[str, Array], names: Iterable[str]) -> Array:
    """All in one array, in the order of `names`."""
    return np.concatenate([arrays[name].ravel() for name in names])
