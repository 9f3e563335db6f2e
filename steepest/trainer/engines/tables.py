"""Building the tables that tell a kernel where everything lies."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from steepest.spec.optimizers import Optimizer as Settings
from steepest.trainer import dropout
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, aligned
from steepest.trainer.dropout import Words
from steepest.trainer.engines import codes
from steepest.trainer.engines.blas import gemm
from steepest.trainer.engines.kernels import activations, objectives
from steepest.trainer.engines.kernels.layout import LAYER, PLAN, ROOM
from steepest.trainer.engines.kernels.team import LINE
from steepest.trainer.network import Network
from steepest.trainer.objectives import OBJECTIVES

Silence = Sequence[tuple[Words, Array] | None]
"""Of each hidden layer: the random words of its dropout and the rates (M,), or None where no unit is silenced."""


@dataclass(frozen=True)
class Moving:
    """What the steps change, of M networks."""

    theta: Array
    """(M, P + R) weights."""
    gradient: Array
    """(M, P) scratch."""
    slots: Array
    """(k, M, P) what the optimizer keeps."""


@dataclass(frozen=True)
class Rules:
    """How they change it, for each of the M networks."""

    optimizer: Sequence[Settings]
    """Of one kind, but their numbers may differ."""
    l1: Sequence[float]
    l2: Sequence[float]


@dataclass(frozen=True)
class Batches:
    """What the steps go over."""

    rows: int
    """Of a batch."""
    steps: int
    """Most batches at a time."""
    X: Array
    """(n, d) inputs of all rows."""
    targets: Array
    """(n,) or (n, K) of all rows, as the objective encodes them."""
    orders: int = 1
    """1 if all networks take the rows in one order, else M."""
    weighted: bool = False
    """Whether rows have weights of their own."""


class Tables:
    """The tables of some networks and batches, and all the memory that they point to."""

    def __init__(
        self,
        network: Network,
        moving: Moving,
        rules: Rules,
        batches: Batches,
        silence: Silence,
        *,
        rooms: int,
        by_rows: bool,
    ) -> None:
        """Allocate what each room needs, and write down where it is."""
        self._network, self._silence, self._by_rows = network, silence, by_rows
        self._rows, self._dtype = batches.rows, batches.X.dtype
        self._kept: list[Any] = []
        self.plan = self._plan(moving, rules, batches)
        self.rooms = np.array([self._room() for _ in range(rooms)], ROOM)
        self.layers = np.zeros((rooms, len(network.widths) - 1), LAYER)
        for layers in self.layers:
            self._write_shapes(layers)
            self._write_signals(layers)
            self._write_norms(layers)
            self._write_dropout(layers)

    def place(self, array: Array) -> int:
        """The address of an array, which from now on is kept."""
        self._kept.append(array)
        return array.ctypes.data

    def _plan(self, moving: Moving, rules: Rules, batches: Batches) -> Array:
        for array in (batches.X, moving.theta, moving.gradient, moving.slots):
            if not array.flags.c_contiguous or array.dtype != self._dtype:
                raise ValueError("a kernel needs arrays of one precision, each in one piece")
        network = self._network
        key = network.loss, network.output_activation
        objective = codes.OBJECTIVES[key]
        coded = objective in objectives.OF_CLASSES
        targets = batches.targets.ravel().astype(np.int64, copy=False) if coded else batches.targets
        doubt = network.label_smoothing / max(2, network.outputs) if coded else 0.0
        values = {
            "gemm": gemm(self._dtype),
            "pause": pause(),
            "nets": len(moving.theta),
            "orders": batches.orders,
            "rows": self._rows,
            "inputs": network.inputs,
            "outputs": network.outputs,
            "parameters": network.parameters,
            "size": network.size,
            "X": self.place(batches.X),
            "theta": self.place(moving.theta),
            "gradient": self.place(moving.gradient),
            "slots": self.place(moving.slots),
            "kept": len(moving.slots),
            "optimizer": codes.OPTIMIZERS[rules.optimizer[0].name],
            "penalized": any(rules.l1) or any(rules.l2),
            "objective": objective,
            "targets": self.place(np.ascontiguousarray(targets)),
            "coded": coded,
            "worth": self._rows * objectives.share(objective, network.outputs),
            "factor": OBJECTIVES[key].factor(network.outputs),
            "bend": network.delta,
            "certainty": 1 - network.label_smoothing if objective in objectives.OF_HITS else 1.0,
            "doubt": doubt,
            "weighted": batches.weighted,
            "shared": objective == codes.OBJECTIVES["categorical_crossentropy", "softmax"],
            "by_rows": self._by_rows,
        }
        return np.array([tuple(values.get(name, 0) for name in PLAN.names or ())], PLAN)

    def _room(self) -> tuple[int, ...]:
        outputs = self._network.outputs
        lines = aligned((4, self._rows), self._dtype)
        lines[0] = 1 / self._rows
        return (
            self._numbers(self._rows, self._network.inputs + 1),
            self._numbers(outputs, self._rows),
            self.place(lines),
            self._numbers(outputs, self._rows),
            self._numbers(outputs, self._rows),
            self.place(aligned(2 * LINE, np.uint8)),
            self.place(aligned(LINE, np.uint8)),
        )

    def _write_shapes(self, layers: Array) -> None:
        widths = self._network.widths
        blocks = self._network.blocks(np.zeros((1, self._network.size), np.int8))
        for layer, block, (ins, outs) in zip(layers, blocks, pairwise(widths), strict=True):
            layer["inputs"], layer["outputs"] = ins, outs
            layer["block"] = block.ctypes.data - blocks[0].ctypes.data

    def _write_signals(self, layers: Array) -> None:
        for layer, dense, silence in zip(layers, self._network.layers, self._silence, strict=False):
            activation = ACTIVATIONS[dense.activation]
            layer["activation"], layer["alpha"] = codes.ACTIVATIONS[dense.activation], activation.given(dense.alpha)
            layer["lead"] = dense.units + 1 if self._by_rows else self._rows
            layer["out"], layer["delta"] = self._signal(dense.units, 1), self._signal(dense.units, 0)
            layer["z"] = layer["out"] if silence is None else self._signal(dense.units, 1)
            keeps_sums = dense.activation in activations.KEEP_SUMS
            layer["kept"] = self._signal(dense.units, 0) if keeps_sums else layer["z"]

    def _write_norms(self, layers: Array) -> None:
        running = self._network.parameters
        for layer, dense in zip(layers, self._network.layers, strict=False):
            if dense.batch_norm:
                layer["normalized"] = True
                layer["scale"] = layer["block"] + (layer["inputs"] + 1) * dense.units
                layer["running"] = running
                layer["x"] = self._numbers(dense.units, self._rows)
                layer["figures"] = self._numbers(3, dense.units)
                running += 2 * dense.units

    def _write_dropout(self, layers: Array) -> None:
        for layer, silence in zip(layers, self._silence, strict=False):
            if silence is not None:
                words, rates = silence
                layer["words"] = self.place(words.words)
                least, loud = dropout.silence(rates)
                layer["least"] = self.place(least)
                layer["loud"] = self.place(loud.astype(self._dtype))

    def _signal(self, units: int, last: float) -> int:
        """Room for a layer's signal, with a last unit of equal numbers."""
        signal = aligned((self._rows, units + 1) if self._by_rows else (units + 1, self._rows), self._dtype)
        (signal.T if self._by_rows else signal)[-1] = last
        return self.place(signal)

    def _numbers(self, *shape: int) -> int:
        return self.place(aligned(shape, self._dtype))


@cache
def pause() -> int:
    """The address of the C library's function that lets other threads run."""
    address = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
    if address is None:
        raise OSError("the C library has no sched_yield")
    return address
