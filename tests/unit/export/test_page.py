"""The page about taking a model elsewhere: its programs do what it says."""

import csv
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.export import onnx, python
from steepest.export.formats import FORMATS
from steepest.export.model import Model
from tests.unit.export.conftest import Make

HOUSE = Path(__file__).parents[3]
PAGE = (HOUSE / "docs" / "elsewhere.md").read_text("utf-8")


def program(mark: str) -> str:
    """The program on the page that has this in it."""
    programs: list[str] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return next(each for each in programs if mark in each)


@pytest.fixture
def model(make: Make) -> Model:
    """Of examples/iris.csv."""
    header, *rows = csv.reader((HOUSE / "examples" / "iris.csv").read_text("utf-8").splitlines())
    *names, target = header
    columns = [NumericColumn(name, np.array([row[place] for row in rows], float)) for place, name in enumerate(names)]
    labels, codes = np.unique([row[-1] for row in rows], return_inverse=True)
    return make(Table(len(rows), (*columns, CategoricalColumn(target, codes.astype(np.int32), tuple(labels.tolist())))))


def test_the_formats_are_all_there() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(FORMATS)


def test_onnx(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(onnx.dump(model))
    found: dict[str, Any] = {}
    exec(program("onnxruntime"), found)
    rows = np.array(list(found["columns"].values()), object).T
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), atol=1e-5)
    assert found["label"].tolist() == model.predict(rows).tolist()


def test_plain_numpy(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.py").write_bytes(python.dump(model))
    monkeypatch.syspath_prepend(str(tmp_path))
    found: dict[str, Any] = {}
    try:
        exec(program("model.predict(rows)"), found)
    finally:
        del sys.modules["model"]
    expected = model.predict_records(found["rows"])
    assert found["species"].tolist() == [each.label for each in expected]  # type: ignore[union-attr]  # classes
    probabilities = [list(each.probabilities.values()) for each in expected]  # type: ignore[union-attr]  # the same
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)
