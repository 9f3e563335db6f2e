"""Losses by PyTorch's functions, as the contract defines them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

F = torch.nn.functional
Loss = Callable[[Any, Any], Any]


def binary_crossentropy(smoothing: float = 0.0, weights: Sequence[float] | None = None) -> Loss:
    def loss(z: Any, y: Any) -> Any:
        target = y.to(z.dtype) * (1 - smoothing) + smoothing / 2
        rows = F.binary_cross_entropy_with_logits(z[:, 0], target, reduction="none")
        w = torch.ones_like(rows) if weights is None else torch.tensor(weights, dtype=z.dtype)[y]
        return (w * rows).sum() / w.sum()

    return loss


def categorical_crossentropy(smoothing: float = 0.0, weights: Sequence[float] | None = None) -> Loss:
    def loss(z: Any, y: Any) -> Any:
        rows = F.cross_entropy(z, y, label_smoothing=smoothing, reduction="none")
        w = torch.ones_like(rows) if weights is None else torch.tensor(weights, dtype=z.dtype)[y]
        return (w * rows).sum() / w.sum()

    return loss


def multilabel_crossentropy(z: Any, y: Any) -> Any:
    return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)


def squared_error(z: Any, y: Any) -> Any:
    return F.mse_loss(z, y)


def squared_error_of_classes(z: Any, y: Any) -> Any:
    target = y[:, None] if z.shape[1] == 1 else F.one_hot(y, z.shape[1])
    return F.mse_loss(torch.sigmoid(z), target.to(z.dtype))


def absolute_error(z: Any, y: Any) -> Any:
    return F.l1_loss(z, y)


def huber(delta: float = 1.0) -> Loss:
    return lambda z, y: F.huber_loss(z, y, delta=delta)


def poisson(z: Any, y: Any) -> Any:
    return F.poisson_nll_loss(z, y, log_input=True, full=False)
