"""PyTorch: the usual eager loop with its fused optimizers, or a whole step compiled: gather, gradient and update.

A stack is one batched product. Compiling starts anew for the short last batch; neither counts, for it happens in the
first epoch.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch

from benchmarks.data import Data
from benchmarks.server import Contender, Options, Stopwatch, as_layers, serve
from benchmarks.works import Layers, Work
from steepest.trainer.randomness import Shuffle

F = torch.nn.functional
ACTIVATIONS: Final = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
SLOTS: Final = {"gradient_descent": 0, "momentum": 1, "adam": 2}
Tensors = list[Any]
Step = Callable[[Any], Any]
"""Trains on the rows whose places (batch,) or (networks, batch) are given; their mean loss, summed over a stack."""


def loss_of(work: Work) -> Callable[[Tensors, Any, Any], Any]:
    """The mean loss of a batch; of a stack, whose tensors have a first axis of networks, the sum of their means."""
    f = ACTIVATIONS[work.activation]

    def loss(parameters: Tensors, x: Any, y: Any) -> Any:
        for number in range(0, len(parameters), 2):
            W, b = parameters[number : number + 2]
            x = torch.baddbmm(b, x, W) if work.nets else torch.addmm(b, x, W)
            if number < len(parameters) - 2:
                x = f(x)
        if work.nets:
            return F.cross_entropy(x.flatten(0, 1), y.flatten()) * len(work.nets)
        if work.task == "regression":
            return F.mse_loss(x, y)
        if work.task == "binary":
            return F.binary_cross_entropy_with_logits(x[:, 0], y)
        return F.cross_entropy(x, y)

    return loss


def update(work: Work, parameters: Tensors, slots: list[Tensors], g: Tensors, t: Any, rate: Any) -> None:
    """The optimizer written out, in place: for a compiler, which fuses it, and for stacks with a rate for each."""
    for number, (p, slope) in enumerate(zip(parameters, g, strict=True)):
        if work.optimizer["name"] == "gradient_descent":
            p.sub_(rate * slope)
        elif work.optimizer["name"] == "momentum":
            v = slots[0][number]
            v.mul_(work.optimizer["momentum"]).add_(slope)
            p.sub_(rate * v)
        else:
            m, v = slots[0][number], slots[1][number]
            m.mul_(0.9).add_(slope, alpha=0.1)
            v.mul_(0.999).addcmul_(slope, slope, value=0.001)
            root = (1 - 0.999**t).sqrt()
            p.sub_(rate * root / (1 - 0.9**t) * m / (v.sqrt() + 1e-8 * root))


class Torch(Contender):
    """An epoch is a loop over its batches."""

    def __init__(self, work: Work, rows: Data, options: Options) -> None:
        super().__init__(work, rows, options)
        torch.set_num_threads(options.threads)
        self._device = torch.device("cuda" if options.gpu else "cpu")
        self._X = torch.from_numpy(rows.X).to(self._device)
        self._y = torch.from_numpy(rows.y.astype(np.float32) if work.task == "binary" else rows.y).to(self._device)
        self._firsts = [first.to(self._device) for first in _firsts(work)]
        self._parameters = [first.clone() for first in self._firsts]
        self._slots: list[Any] = []
        self._step = self._compiled() if options.variant == "compile" else self._eager()
        if options.gpu and options.variant == "compile":
            self._step = Graphs(self._step, self._device)

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Epoch by epoch, the sum of the losses fetched."""
        self._rewind()
        shuffles = {net.seed: Shuffle(net.seed, len(self._X)) for net in self.work.all_nets}
        batch, step = self.work.batch_size, self._step
        stopwatch.start()
        for epoch in range(1, self.work.epochs + 1):
            order = self._order(shuffles, epoch)
            total = torch.zeros((), device=self._device)
            for places in order.split(batch, -1):
                total += step(places) * places.shape[-1]
            total.item()
            stopwatch.epoch()
        return self._nets()

    def _eager(self) -> Step:
        """The library's own optimizer, fused; that of a stack written out."""
        work, parameters, loss_at = self.work, self._parameters, loss_of(self.work)
        X, y = self._X, self._y
        for p in parameters:
            p.requires_grad_()
        if work.nets:
            apply = self._written_out()
        else:
            rate, momentum = work.optimizer["learning_rate"], work.optimizer.get("momentum", 0.0)
            adam = work.optimizer["name"] == "adam"
            kind: Any = torch.optim.Adam if adam else torch.optim.SGD
            optimizer = kind(parameters, lr=rate, fused=True, **({} if adam else {"momentum": momentum}))
            self._state = optimizer.state

        def step(places: Any) -> Any:
            loss = loss_at(parameters, X[places], y[places])
            loss.backward()
            if work.nets:
                with torch.no_grad():
                    apply([p.grad for p in parameters])
            else:
                optimizer.step()
            for p in parameters:
                p.grad = None
            return loss.detach()

        return step

    def _compiled(self) -> Step:
        """One program from the places of the rows to the changed parameters."""
        parameters, gradient = self._parameters, torch.func.grad_and_value(loss_of(self.work))
        X, y, apply = self._X, self._y, self._written_out()

        def step(places: Any) -> Any:
            g, loss = gradient(parameters, X[places], y[places])
            apply(g)
            return loss

        torch.set_grad_enabled(False)
        compiled: Step = torch.compile(step, dynamic=False)
        return compiled

    def _written_out(self) -> Callable[[Tensors], None]:
        """A gradient to a step."""
        work, parameters, t = self.work, self._parameters, torch.zeros((), device=self._device)
        slots = [[torch.zeros_like(p, requires_grad=False) for p in parameters] for _ in range(SLOTS["adam"])]
        rate: Any = work.optimizer["learning_rate"]
        if work.nets:
            rates = [net.learning_rate for net in work.nets]
            rate = torch.tensor(rates, device=self._device)[:, None, None]
        self._slots = [t, *slots[0], *slots[1]]

        def apply(g: Tensors) -> None:
            t.add_(1)
            update(work, parameters, slots, g, t, rate)

        return apply

    def _order(self, shuffles: dict[int, Shuffle], epoch: int) -> Any:
        """(rows,), or (networks, rows)."""
        orders = {seed: torch.from_numpy(shuffle.order(epoch)).to(self._device) for seed, shuffle in shuffles.items()}
        if self.work.nets:
            return torch.stack([orders[net.seed] for net in self.work.nets])
        return orders[self.work.seed]

    def _rewind(self) -> None:
        """Back to the first weights, in place, so that nothing is compiled again."""
        states = getattr(self, "_state", {}).values()
        with torch.no_grad():
            for p, first in zip(self._parameters, self._firsts, strict=True):
                p.copy_(first)
            for slot in (*self._slots, *(slot for state in states for slot in state.values() if slot is not None)):
                slot.zero_()

    def _nets(self) -> Sequence[Layers]:
        arrays = [p.detach().cpu().numpy().copy() for p in self._parameters]
        if not self.work.nets:
            return [as_layers(arrays)]
        flat = [array[:, 0] if place % 2 else array for place, array in enumerate(arrays)]
        return [as_layers([array[net] for array in flat]) for net in range(len(self.work.nets))]


class Graphs:
    """A compiled step, recorded as a CUDA graph for each size of batch and replayed."""

    def __init__(self, step: Step, device: Any) -> None:
        self._step, self._device = step, device
        self._recorded: dict[int, tuple[Any, Any, Any]] = {}
        self._seen: dict[int, int] = {}

    def __call__(self, places: Any) -> Any:
        """As the step itself, which takes the first two batches of a size: these compile it."""
        size, places = places.shape[-1], places.contiguous()  # as the recording's own: else it would compile anew
        if size not in self._recorded:
            self._seen[size] = self._seen.get(size, 0) + 1
            if self._seen[size] <= 2:
                return self._step(places)
            self._recorded[size] = self._record(places)
        graph, own, loss = self._recorded[size]
        own.copy_(places)
        graph.replay()
        return loss

    def _record(self, places: Any) -> tuple[Any, Any, Any]:
        """Recording does not run what it records."""
        own, graph = places.clone(), torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            loss = self._step(own)
        return graph, own, loss


def _firsts(work: Work) -> Tensors:
    """Weights and biases in turn: (in, out) and (out,), or of a stack (networks, in, out) and (networks, 1, out)."""
    firsts = [work.first(net.seed) for net in work.all_nets]
    arrays = []
    for layer in range(len(firsts[0])):
        W, b = (np.stack([first[layer][part] for first in firsts]) for part in (0, 1))
        arrays += [W, b[:, None]] if work.nets else [W[0], b[0]]
    return [torch.from_numpy(array) for array in arrays]


if __name__ == "__main__":
    serve(Torch)
