"""Pictures of figures: where things are drawn, and that names stay names."""

import re
from xml.etree import ElementTree

import pytest

from steepest.inspect.confusion import MOST_CLASSES, confusion
from steepest.inspect.reliability import calibration_error, reliability
from steepest.inspect.residuals import residuals
from steepest.inspect.roc import NAMED, roc_curves
from steepest.inspect.shares import LEFT, SIZE, TOP
from steepest.spec.figures import Calibration, Curves, RocCurve, ValueFigure

SVG = "{http://www.w3.org/2000/svg}"
STRANGE = "</text><script>alert('&')</script>"
QUANTILES = {"0": -9.0, "0.05": -4.0, "0.25": -1.0, "0.5": 0.5, "0.75": 2.0, "0.95": 5.0, "1": 7.0}


def parts(picture: str | None, tag: str, kind: str = "") -> list[ElementTree.Element]:
    assert picture is not None
    found = ElementTree.fromstring(picture).iter(SVG + tag)
    return [part for part in found if not kind or kind in part.get("class", "").split()]


def words(picture: str | None, kind: str = "") -> list[str]:
    return [part.text or "" for part in parts(picture, "text", kind)]


def number(part: ElementTree.Element, name: str) -> float:
    return float(part.get(name, "nan"))


def curve(label: str = "yes") -> Curves:
    roc = RocCurve(false_positive_rate=[0, 0.25, 1], true_positive_rate=[0, 0.5, 1], thresholds=[1, 0.5, 0])
    return Curves(label=label, roc=roc, precision_recall=None)


def figure(quantiles: dict[str, float], column: str = "price") -> ValueFigure:
    return ValueFigure(
        column=column, mean_squared_error=1, root_mean_squared_error=1, mean_absolute_error=1, r2=0.5,
        residual_quantiles=quantiles,
    )  # fmt: skip


def test_a_cell_is_as_dark_as_its_share_of_its_class() -> None:
    picture = confusion([[9, 1], [50, 50]], ["no", "yes"])
    cells = parts(picture, "rect", "cell")
    dark = [float(re.findall(r"[\d.]+", cell.get("style", ""))[0]) for cell in cells]
    assert dark[0] > dark[2] == dark[3] > dark[1]
    assert ["wrong" in cell.get("class", "") for cell in cells] == [False, True, True, False]
    assert words(picture, "count") == ["9", "1", "50", "50"]
    assert number(cells[0], "x") < number(cells[1], "x")
    assert number(cells[0], "y") == number(cells[1], "y") < number(cells[2], "y")


def test_empty_cells_are_left_out_and_a_class_without_rows_is_no_harm() -> None:
    assert len(parts(confusion([[3, 0], [0, 0]], ["a", "b"]), "rect", "cell")) == 1
    assert confusion([[0, 0], [0, 0]], ["a", "b"]) is None


@pytest.mark.parametrize("classes", [15, MOST_CLASSES])
def test_many_classes_have_no_numbers_in_their_cells(classes: int) -> None:
    matrix = [[int(row == column) for column in range(classes)] for row in range(classes)]
    picture = confusion(matrix, [f"class {number}" for number in range(classes)])
    assert len(parts(picture, "rect", "cell")) == classes
    assert words(picture, "count") == []


def test_too_many_classes_are_not_drawn() -> None:
    classes = MOST_CLASSES + 1
    assert confusion([[1] * classes] * classes, [str(number) for number in range(classes)]) is None


def test_a_curve_runs_from_corner_to_corner() -> None:
    picture = roc_curves([curve()], {"yes": 0.625})
    (line,) = parts(picture, "path", "line")
    places = [tuple(map(float, place.split())) for place in re.findall(r"[\d.]+ [\d.]+", line.get("d", ""))]
    assert places == [(LEFT, TOP + SIZE), (LEFT + SIZE / 4, TOP + SIZE / 2), (LEFT + SIZE, TOP)]
    assert words(picture, "name") == ["yes: 0.625"]


def test_further_curves_are_drawn_and_counted() -> None:
    picture = roc_curves([curve(f"c{number}") for number in range(NAMED + 3)], {})
    assert len(parts(picture, "path", "line")) == NAMED + 3
    assert words(picture, "name") == [*(f"c{number}: -" for number in range(NAMED)), "and 3 more"]


def test_without_a_curve_there_is_no_picture() -> None:
    assert roc_curves([], {}) is None
    assert roc_curves([Curves(label="a", roc=None, precision_recall=None)], {}) is None


def test_calibration_is_drawn_bin_by_bin() -> None:
    picture = reliability(Calibration(predicted=[0.25, 0.75], observed=[0.0, 1.0], rows=[10, 5]))
    dots = parts(picture, "circle", "dot")
    assert [(number(dot, "cx"), number(dot, "cy")) for dot in dots] == [
        (LEFT + SIZE / 4, TOP + SIZE), (LEFT + 3 * SIZE / 4, TOP),
    ]  # fmt: skip
    many, few = parts(picture, "rect", "rows")
    assert number(many, "height") == 2 * number(few, "height")
    assert len(parts(reliability(Calibration(predicted=[0.5], observed=[0.5], rows=[3])), "circle", "dot")) == 1
    assert reliability(Calibration(predicted=[], observed=[], rows=[])) is None


def test_the_calibration_error_is_weighted_by_rows() -> None:
    assert calibration_error(Calibration(predicted=[0.2, 0.8], observed=[0.1, 1.0], rows=[30, 10])) == pytest.approx(
        0.125
    )
    assert calibration_error(Calibration(predicted=[], observed=[], rows=[])) is None


def test_a_box_goes_from_quartile_to_quartile_around_0() -> None:
    picture = residuals([figure(QUANTILES)])
    (box,), (median,) = parts(picture, "rect", "box"), parts(picture, "path", "median")
    least, most = parts(picture, "circle", "extreme")
    middle = float(re.findall(r"M([\d.]+)", median.get("d", ""))[0])
    assert (
        number(least, "cx") < number(box, "x") < middle < number(box, "x") + number(box, "width") < number(most, "cx")
    )
    (zero,) = parts(picture, "path", "guide")
    unit = number(box, "width") / 3
    assert middle - float(re.findall(r"M([\d.]+)", zero.get("d", ""))[0]) == pytest.approx(0.5 * unit, abs=0.2)


def test_each_column_has_a_box_unless_its_residuals_are_not_finite() -> None:
    picture = residuals([figure(QUANTILES), figure(QUANTILES | {"1": float("inf")}, "b"), figure(QUANTILES, "c")])
    assert words(picture, "name") == ["price", "c"]
    assert residuals([figure({})]) is None
    assert residuals([figure(dict.fromkeys(QUANTILES, 0.0))]) is not None


@pytest.mark.parametrize(
    "picture",
    [
        confusion([[1, 2], [3, 4]], [STRANGE, "b"]),
        roc_curves([curve(STRANGE)], {STRANGE: 1.0}),
        reliability(Calibration(predicted=[0.5], observed=[0.5], rows=[3]), STRANGE),
        residuals([figure(QUANTILES, STRANGE)]),
    ],
)
def test_a_name_cannot_become_markup(picture: str | None) -> None:
    assert parts(picture, "script") == []
    assert picture is not None
    assert "<script" not in picture
