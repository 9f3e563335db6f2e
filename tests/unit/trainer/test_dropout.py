"""Which units fall silent, how loud the others are, and that both are a function of the place alone."""

import numpy as np
import pytest

from steepest.trainer.arrays import run
from steepest.trainer.dropout import WORD, Dropout, Words, silence


def a_dropout(rates: list[float], rows: int = 400) -> tuple[Dropout, np.ndarray, np.ndarray]:
    nets, units = len(rates), 30
    words = Words(range(nets), 0, units, 1, rows)
    words.draw(epoch=1, start=0, rows=rows)
    a, out = np.full((nets, units, rows), 2.0), np.zeros((nets, units, rows))
    return Dropout(words, np.array(rates), a, out), a, out


def test_the_share_of_the_silent_and_the_loudness_of_the_others() -> None:
    rates = [0.2, 0.5, 0.0]
    dropout, a, out = a_dropout(rates)
    run(dropout.draw(0) + dropout.forward())
    for rate, each in zip(rates, out, strict=True):
        silent = each == 0
        assert silent.mean() == pytest.approx(rate, abs=0.02)
        assert np.allclose(each[~silent], 2 / (1 - rate))
    assert (a == 2).all()


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.999, 0.99999, 1 - 1e-9])
def test_what_is_left_has_the_mean_of_all(rate: float) -> None:
    least, loud = silence(np.array([rate]))
    assert loud[0] * (WORD - least[0]) / WORD == pytest.approx(1, rel=1e-12)


def test_the_silent_get_no_derivative() -> None:
    dropout, _, out = a_dropout([0.5])
    delta = np.ones_like(out)
    run(dropout.draw(0) + dropout.forward() + dropout.backward(delta))
    assert np.array_equal(delta, out / 2)


def test_a_certain_silence_is_not_taken_for_none() -> None:
    dropout, _, out = a_dropout([1 - 1e-9])
    run(dropout.draw(0) + dropout.forward())
    assert np.count_nonzero(out) < 10


def test_words_do_not_depend_on_how_the_rows_are_cut() -> None:
    whole = Words([7], 2, units=5, steps=6, rows=8)
    whole.draw(epoch=3, start=16, rows=48)
    later = Words([7], 2, units=5, steps=2, rows=8)
    later.draw(epoch=3, start=48, rows=16)
    assert np.array_equal(whole.words[4:], later.words)


def test_seed_epoch_layer_and_row_all_matter() -> None:
    def drawn(seed: int = 1, layer: int = 0, epoch: int = 1, start: int = 0) -> bytes:
        words = Words([seed], layer, units=4, steps=1, rows=8)
        words.draw(epoch, start, 8)
        return words.words.tobytes()

    assert len({drawn(), drawn(seed=2), drawn(layer=1), drawn(epoch=2), drawn(start=8)}) == 5
