"""Keras on JAX: `Sequential`, `compile`, `fit`, as its guide has it. It cannot train a stack as one."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.data import Data
from benchmarks.server import Contender, Options, Stopwatch, as_layers, serve
from benchmarks.works import Layers, Work
from steepest.trainer.randomness import Shuffle


class Keras(Contender):
    """The epochs are told apart by a callback."""

    def __init__(self, work: Work, rows: Data, options: Options) -> None:
        super().__init__(work, rows, options)
        keras.utils.disable_interactive_logging()
        hidden = [keras.layers.Dense(units, work.activation) for units in work.widths[1:-1]]
        self._model = keras.Sequential([keras.Input((work.widths[0],)), *hidden, keras.layers.Dense(work.widths[-1])])
        loss: Any = keras.losses.MeanSquaredError()
        if work.task == "binary":
            loss = keras.losses.BinaryCrossentropy(from_logits=True)
        elif work.task == "multiclass":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._model.compile(_optimizer(work), loss)
        self._y = rows.y.reshape(len(rows.y), -1).astype(np.float32) if work.task != "multiclass" else rows.y

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Train."""
        self._model.set_weights([array for layer in self.work.first() for array in layer])
        optimizer = self._model.optimizer
        for slot in optimizer.variables:
            if slot is not getattr(optimizer, "_learning_rate", None):
                slot.assign(np.zeros(slot.shape, slot.dtype))
        self._share_order()
        callback = keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: stopwatch.start(), on_epoch_end=lambda epoch, logs: stopwatch.epoch()
        )
        self._model.fit(
            self.data.X,
            self._y,
            batch_size=self.work.batch_size,
            epochs=self.work.epochs,
            callbacks=[callback],
            verbose=0,
        )
        return [as_layers(self._model.get_weights())]

    def _share_order(self) -> None:
        """Let Keras, which draws the order of each epoch from NumPy, draw everybody's."""
        shuffle, epochs = Shuffle(self.work.seed, len(self.data.X)), iter(range(1, self.work.epochs + 2))
        np.random.permutation = lambda _: shuffle.order(next(epochs))


def _optimizer(work: Work) -> Any:
    rate = work.optimizer["learning_rate"]
    if work.optimizer["name"] == "adam":
        return keras.optimizers.Adam(rate, epsilon=1e-8)
    return keras.optimizers.SGD(rate, momentum=work.optimizer.get("momentum", 0.0))


if __name__ == "__main__":
    serve(Keras)
