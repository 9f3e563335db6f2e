import math
import re
from xml.etree import ElementTree

import pytest

from steepest.inspect.curve import loss_curve

SVG = "{http://www.w3.org/2000/svg}"


def parts(picture: str, tag: str, kind: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(picture)
    return [part for part in root.iter(SVG + tag) if kind in part.get("class", "").split()]


def places(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d", ""))]


def test_both_lines_run_from_the_first_epoch_to_the_last() -> None:
    picture = loss_curve([3.0, 2.0, 1.0], [3.1, 2.4, 2.6], best_epoch=2)
    (training,), (validation,) = parts(picture, "path", "training"), parts(picture, "path", "validation")
    assert [x for x, _ in places(training)] == [x for x, _ in places(validation)]
    heights = [y for _, y in places(training)]
    assert heights == sorted(heights), "a lower loss is drawn lower: y grows downwards"


def test_the_ring_sits_on_the_validation_line_at_the_best_epoch() -> None:
    picture = loss_curve([3.0, 2.0, 1.0], [3.1, 2.4, 2.6], best_epoch=2)
    (ring,) = parts(picture, "circle", "ring")
    (line,) = parts(picture, "path", "validation")
    assert (float(ring.get("cx", 0)), float(ring.get("cy", 0))) == places(line)[1]
    assert "best: epoch 2" in picture


def test_without_validation_rows_the_best_epoch_is_on_the_training_line() -> None:
    picture = loss_curve([3.0, 2.0, 1.0], [None, None, None], best_epoch=3)
    assert not parts(picture, "path", "validation")
    (ring,) = parts(picture, "circle", "ring")
    assert "training" in ring.get("class", "")


def test_values_that_are_missing_or_not_finite_leave_gaps() -> None:
    picture = loss_curve([4.0, 3.0, math.nan, 2.0, None, 1.0, 0.9, math.inf])
    assert [len(places(path)) for path in parts(picture, "path", "training")] == [2, 2]
    assert len(parts(picture, "circle", "dot")) == 1
    assert "nan" not in picture


@pytest.mark.parametrize("losses", [[], [None], [math.nan, math.inf]])
def test_a_run_without_a_loss_still_gives_a_picture(losses: list[float | None]) -> None:
    assert "no epochs yet" in loss_curve(losses)


def test_a_long_run_stays_small_and_keeps_its_peak() -> None:
    losses = [1.0 + 0.001 * (epoch % 7) for epoch in range(100_000)]
    losses[54_321] = 2.0
    picture = loss_curve(losses)
    (line,) = parts(picture, "path", "training")
    highest = min(y for _, y in places(line))
    assert len(picture) < 100_000
    assert sum(y == highest for _, y in places(line)) == 1


def test_a_wide_range_is_drawn_on_a_logarithmic_scale_and_says_so() -> None:
    assert "logarithmic scale" in loss_curve([10.0, 1.0, 0.1])
    assert "logarithmic scale" not in loss_curve([10.0, 9.0, 8.0])


def test_it_speaks_to_those_who_do_not_see_it() -> None:
    root = ElementTree.fromstring(loss_curve([3.0, 1.0], [3.0, 2.0], best_epoch=2, title="Iris <&> all"))
    title, words = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert title is not None
    assert title.text == "Iris <&> all"
    assert words is not None
    assert words.text is not None
    assert "training loss goes from 3 at epoch 1 to 1 at epoch 2" in words.text
    assert "Epoch 2 was the best" in words.text


def test_it_follows_the_readers_colour_scheme() -> None:
    assert "prefers-color-scheme: dark" in loss_curve([1.0, 0.5])


def test_epochs_may_start_later() -> None:
    picture = loss_curve([2.0, 1.0], epochs=[11, 12], best_epoch=12)
    assert "at epoch 11" in picture
