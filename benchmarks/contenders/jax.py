"""JAX: an epoch is one compiled program, a scan over its steps that gathers each batch from data on the device.

Of six ways tried (whole epoch or each batch gathered, one flat array or a tree of parameters, one-hot targets or codes,
loops unrolled or not) this is the fastest on W1-W5; whether to unroll the scan is tried anew for each work, and not
counted. Parameters and slots are donated. Losses are fetched once per epoch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.data import Data
from benchmarks.server import Contender, Options, Stopwatch, as_layers, serve
from benchmarks.works import Layers, Work
from steepest.trainer.randomness import Shuffle

ACTIVATIONS: Final = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}
UNROLL: Final = (1, 4)
Parameters = Any
Epoch = Callable[..., tuple[Any, Any]]


def loss_of(work: Work) -> Callable[[Parameters, Any, Any], Any]:
    """The mean loss of a batch."""
    f = ACTIVATIONS[work.activation]

    def loss(layers: Parameters, x: Any, y: Any) -> Any:
        for W, b in layers[:-1]:
            x = f(x @ W + b)
        W, b = layers[-1]
        z = x @ W + b
        if work.task == "regression":
            return jnp.mean(jnp.square(z - y))
        if work.task == "binary":
            return jnp.mean(jax.nn.softplus(z[:, 0]) - y * z[:, 0])
        of_targets = jnp.take_along_axis(z, y[:, None], 1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(z, 1) - of_targets)

    return loss


def update_of(optimizer: dict[str, Any]) -> tuple[int, Callable[..., tuple[Parameters, Any]]]:
    """How many slots there are, and (parameters, slots, gradient, t, rate) -> (parameters, slots)."""
    each = jax.tree.map

    def descend(p: Parameters, slots: Any, g: Any, t: Any, rate: Any) -> tuple[Parameters, Any]:
        return each(lambda p, g: p - rate * g, p, g), slots

    def momentum(p: Parameters, slots: Any, g: Any, t: Any, rate: Any) -> tuple[Parameters, Any]:
        v = each(lambda v, g: optimizer["momentum"] * v + g, slots[0], g)
        return each(lambda p, v: p - rate * v, p, v), (v,)

    def adam(p: Parameters, slots: Any, g: Any, t: Any, rate: Any) -> tuple[Parameters, Any]:
        m = each(lambda m, g: 0.9 * m + 0.1 * g, slots[0], g)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, slots[1], g)
        root = jnp.sqrt(1 - 0.999**t)
        alpha, epsilon = rate * root / (1 - 0.9**t), 1e-8 * root
        return each(lambda p, m, v: p - alpha * m / (jnp.sqrt(v) + epsilon), p, m, v), (m, v)

    return {"gradient_descent": (0, descend), "momentum": (1, momentum), "adam": (2, adam)}[optimizer["name"]]


def epoch_of(work: Work, rows: int, unroll: int) -> Epoch:
    """(X, y, rate, order, (parameters, slots, t)) -> ((parameters, slots, t), mean loss), not yet compiled."""
    gradient = jax.value_and_grad(loss_of(work))
    _, update = update_of(work.optimizer)
    batch = min(work.batch_size, rows)
    steps, rest = divmod(rows, batch)

    def epoch(X: Any, y: Any, rate: Any, order: Any, carry: Any) -> tuple[Any, Any]:
        def step(carry: Any, places: Any) -> tuple[Any, Any]:
            p, slots, t = carry
            x, targets = (array.at[places].get(mode="promise_in_bounds") for array in (X, y))
            loss, g = gradient(p, x, targets)
            p, slots = update(p, slots, g, t + 1, rate)
            return (p, slots, t + 1), loss

        whole = order[: steps * batch].reshape(steps, batch)
        carry, losses = jax.lax.scan(step, carry, whole, unroll=min(unroll, steps))
        total = losses.sum() * batch
        if rest:
            carry, loss = step(carry, order[steps * batch :])
            total += loss * rest
        return carry, total / rows

    return epoch


class Jax(Contender):
    """One network, or a stack by `vmap` over seeds and, within them, over learning rates."""

    def __init__(self, work: Work, rows: Data, options: Options) -> None:
        super().__init__(work, rows, options)
        jax.config.update("jax_default_matmul_precision", "highest")  # on a GPU, it would be less than float32's
        self._X = jnp.asarray(rows.X)
        self._y = jnp.asarray(rows.y.astype(np.int32 if work.task == "multiclass" else np.float32))
        self._rates = np.unique([net.learning_rate for net in work.all_nets]).astype(np.float32)
        self._seeds = sorted({net.seed for net in work.all_nets})
        variants = {unroll: self._compiled(unroll) for unroll in UNROLL}
        self._epoch = min(variants.values(), key=self._tried)

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Epoch by epoch, each loss fetched."""
        shuffles = [Shuffle(seed, len(self._X)) for seed in self._seeds]
        carry, rate = self._start()
        stopwatch.start()
        for number in range(1, self.work.epochs + 1):
            carry, loss = self._epoch(self._X, self._y, rate, self._order(shuffles, number), carry)
            np.asarray(loss)
            stopwatch.epoch()
        return self._nets(carry[0])

    def _compiled(self, unroll: int) -> Epoch:
        epoch = epoch_of(self.work, len(self._X), unroll)
        if self.work.nets:
            rates = jax.vmap(epoch, (None, None, 0, None, 0))
            epoch = jax.vmap(rates, (None, None, None, 0, 0))
        compiled: Epoch = jax.jit(epoch, donate_argnums=4)
        return compiled

    def _tried(self, epoch: Epoch) -> float:
        """Seconds of the second epoch; the first compiles."""
        carry, rate = self._start()
        seconds = 0.0
        shuffles = [Shuffle(seed, len(self._X)) for seed in self._seeds]
        for number in (1, 2):
            start = perf_counter()
            carry, loss = epoch(self._X, self._y, rate, self._order(shuffles, number), carry)
            np.asarray(loss)
            seconds = perf_counter() - start
        return seconds

    def _order(self, shuffles: Sequence[Shuffle], epoch: int) -> Any:
        orders = [shuffle.order(epoch).astype(np.int32) for shuffle in shuffles]
        return np.stack(orders) if self.work.nets else orders[0]

    def _start(self) -> tuple[Any, Any]:
        """((parameters, slots, t), rate)."""
        slots, _ = update_of(self.work.optimizer)
        if not self.work.nets:
            p = [(jnp.array(W), jnp.array(b)) for W, b in self.work.first()]
            rate = jnp.float32(self._rates[0])
            t = jnp.float32(0)
        else:
            grid = (len(self._seeds), len(self._rates))
            firsts = [self.work.first(seed) for seed in self._seeds]
            spread = partial(jnp.broadcast_to)
            p = [
                tuple(
                    jnp.array(spread(jnp.stack([first[layer][part] for first in firsts])[:, None], (*grid, *shape)))
                    for part, shape in enumerate(((ins, outs), (outs,)))
                )
                for layer, (ins, outs) in enumerate(pairwise(self.work.widths))
            ]
            rate, t = jnp.asarray(self._rates), jnp.zeros(grid, jnp.float32)
        zeros = tuple(jax.tree.map(jnp.zeros_like, p) for _ in range(slots))
        return (p, zeros, t), rate

    def _nets(self, layers: Parameters) -> Sequence[Layers]:
        if not self.work.nets:
            return [as_layers(jax.tree.leaves(layers))]
        places = [(i, j) for i in range(len(self._seeds)) for j in range(len(self._rates))]
        return [as_layers([array[place] for array in jax.tree.leaves(layers)]) for place in places]


if __name__ == "__main__":
    serve(Jax)
