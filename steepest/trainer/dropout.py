"""Inverted dropout (Srivastava et al. 2014): in training, a unit falls silent with probability p.

Those that speak are 1 / (1 - p) times as loud, so that nothing has to be scaled when the network is used.

Which units fall silent is a function of seed, epoch, row and layer: a word of 16 bits for each unit and row, below
round(p 2^16) for silence. They are drawn for a whole chunk at a time.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from steepest.trainer.arrays import Array, Plan, aligned, placed, put
from steepest.trainer.randomness import Purpose, words

WORD: Final = 1 << 16
AT_ONCE: Final = 16
"""Words that one count of the generator gives."""


def silence(rates: Array) -> tuple[Array, Array]:
    """From the rates (M,): the word (M,) int64 below which a unit falls silent, and how loud (M,) the others are.

    Loudness follows from the whole number, so that on average a is kept however near to 1 the rate is.
    """
    least = np.minimum(np.round(rates * WORD), WORD - 1).astype(np.int64)
    return least, WORD / (WORD - least)


class Words:
    """The random words of one layer, for chunks of up to `steps` batches of `rows` rows, of M networks."""

    BYTES: Final = 2
    """Of a word."""

    def __init__(
        self, seeds: Sequence[int], layer: int, units: int, steps: int, rows: int, like: Array | None = None
    ) -> None:
        """Allocate where `like` lives."""
        self.words = aligned((steps, len(seeds), units, rows), np.uint16, like)
        self._seeds, self._layer = seeds, layer
        self._counts_of_a_row = -(-units // AT_ONCE)

    def draw(self, epoch: int, start: int, rows: int) -> None:
        """Draw for `rows` rows of an epoch, whole batches, from row `start` on."""
        _, _, units, batch = self.words.shape
        steps, counts = rows // batch, self._counts_of_a_row
        for net, seed in enumerate(self._seeds):
            drawn = words(Purpose.DROPOUT, seed, (start * counts, epoch, self._layer), rows * counts)
            of_steps = drawn.view(np.uint16).reshape(steps, -1)[:, : units * batch]
            put(self.words[:steps, net], of_steps.reshape(steps, units, batch))


class Dropout:
    """One layer's dropout of the activations a (M, units, rows) into `out`."""

    def __init__(self, words: Words, rates: Array, a: Array, out: Array) -> None:
        """Allocate.

        Args:
            words: Drawn for each chunk.
            rates: (M,) p of each network.
            a: (M, units, rows) activations, left as they are.
            out: Where they go.
        """
        self._words, self._a, self._out = words.words, a, out
        least, loud = silence(rates)
        self._least = placed(least.astype(np.uint16).reshape(-1, 1, 1), a)
        self._loud = placed(loud.astype(a.dtype).reshape(-1, 1, 1), a)
        self._speaks = aligned(a.shape, bool, a)
        self._mask = aligned(a.shape, a.dtype, a)

    def draw(self, step: int) -> Plan:
        """Set the mask of a step."""
        return (
            partial(np.greater_equal, self._words[step], self._least, self._speaks),
            partial(np.multiply, self._speaks, self._loud, self._mask),
        )

    def forward(self) -> Plan:
        """What is left of a."""
        return (partial(np.multiply, self._a, self._mask, self._out),)

    def backward(self, delta: Array) -> Plan:
        """The derivative by what is left becomes the derivative by a."""
        return (partial(np.multiply, delta, self._mask, delta),)
