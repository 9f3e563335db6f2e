"""The Python file of a model: alone with NumPy, safe whatever columns are called, and a program that reads CSV."""

import ast
import builtins
import csv
import io
import subprocess
import symtable
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas
import pytest

from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.export import python, textbook
from steepest.export.excerpts import excerpts
from steepest.export.model import Model
from steepest.export.onnx.layers import ACTIVATIONS as ONNX
from steepest.spec.errors import ValidationFailed
from steepest.spec.names import ActivationName, OutputActivationName
from tests.unit.export.conftest import Make
from tests.unit.export.runtimes import imported

X = np.random.default_rng(0).normal(size=(60, 3))
TARGETS: dict[str, tuple[Any, dict[str, Any]]] = {
    "multiclass": (np.array(["a", "b", "c"] * 20), {}),
    "binary": (np.arange(60) % 2 == 0, {}),
    "values": (np.random.default_rng(1).normal(size=60), {}),
    "several values": (np.random.default_rng(2).normal(size=(60, 2)), {}),
    "labels": (np.arange(60)[:, None] % [2, 3] == 0, {}),
}


@pytest.mark.parametrize("name", [*get_args(ActivationName), *get_args(OutputActivationName)])
def test_every_activation_is_known_to_both_languages(name: str) -> None:
    assert name in ONNX
    assert callable(getattr(textbook, name))


def test_it_needs_numpy_alone(make: Make, mixed: Table) -> None:
    tree = ast.parse(python.dump(make(mixed)))
    modules = {
        module.partition(".")[0]
        for node in ast.walk(tree)
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) == {"numpy"}


def test_it_holds_what_the_model_needs_and_no_more(make: Make, mixed: Table) -> None:
    text = python.dump(make(mixed, layers=[{"units": 3, "activation": "elu"}])).decode()
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert {"number", "one_hot", "elu", "softmax", "predict", "predict_proba", "inputs", "main"} <= defined
    assert not defined & {"relu", "ordinal", "hashed", "moment", "sigmoid", "in_units", "shares", "bucket_of"}
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert defined <= used | {"predict", "inputs"}
    assert "noqa" not in text
    assert all(ast.get_docstring(node) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    assert max(map(len, text.splitlines())) <= 120 or "FEATURES" in text


def test_every_name_in_it_is_known() -> None:
    """Whatever the definitions stand on comes along, also what runs for few models only."""
    everything = [
        name for name, value in vars(textbook).items() if getattr(value, "__module__", "") == textbook.__name__
    ]
    imports, parts = excerpts(tuple(python.MODULES), everything)
    text = "\n".join([*imports, *(each for part in parts for each in part.texts)])
    top = symtable.symtable(text, "model.py", "exec")
    known = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    assert {"columns_of", "murmur3", "read_datetime", "cycles", "np"} <= known
    assert not referred(top) - known - set(dir(builtins))


def referred(table: symtable.SymbolTable) -> set[str]:
    """The names of the module that are used somewhere in it."""
    used = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return used.union(*map(referred, table.get_children()))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_command_line_reads_a_file_and_writes_one(make: Make, name: str, tmp_path: Path) -> None:
    y, fields = TARGETS[name]
    model = make(X, y, **fields)
    (tmp_path / "model.py").write_bytes(python.dump(model))
    lines = ["x2,other,x0,x1", "1.5,-,0.25,-3", " NA ,,1e-1,", "-2,?,3,4"]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", "utf-8-sig")
    done = ran(tmp_path, "model.py", "rows.csv")
    piped = subprocess.run(
        [sys.executable, "-I", "model.py", "-"], cwd=tmp_path, capture_output=True, text=True, input="\n".join(lines)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert piped.stdout == done.stdout
    header, *rows = csv.reader(io.StringIO(done.stdout))
    given = np.array([[0.25, -3, 1.5], [0.1, np.nan, np.nan], [3, 4, -2]])
    predicted = model.predict(given)
    if model.spec.task == "regression":
        assert header == (["value"] if predicted.ndim == 1 else ["y0", "y1"])
        np.testing.assert_allclose(np.array(rows, float), predicted.reshape(3, -1), rtol=1e-5, atol=1e-6)
        return
    probabilities = model.predict_proba(given)
    np.testing.assert_allclose(np.array([row[1:] for row in rows], float), probabilities, rtol=1e-5)
    if model.spec.task == "multilabel":
        assert header == ["labels", "y0", "y1"]
        assert [row[0] for row in rows] == [
            ", ".join(f"y{label}" for label in np.flatnonzero(row)) for row in predicted
        ]
    else:
        assert header == ["label", *model.target.labels]
        assert [row[0] for row in rows] == [str(label) for label in predicted]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x0,x1\n1,2\n", "no column 'x2'"),
        ("x0,x1,x2\n1,2\n", "another length"),
        ("x0,x1,x2\n1,two,3\n", "'x1': 'two' is no finite number"),
        ("x0,x1,x2\n1,inf,3\n", "'x1': 'inf' is no finite number"),
        ("", "no column 'x0', 'x1', 'x2'"),
    ],
)
def test_a_file_that_it_cannot_use_is_a_line_of_words(make: Make, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "model.py").write_bytes(python.dump(make(X, TARGETS["values"][0])))
    (tmp_path / "rows.csv").write_text(text)
    for arguments, words in ((["rows.csv"], said), ([], "usage"), (["nowhere.csv"], "No such file")):
        done = ran(tmp_path, "model.py", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def ran(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-I", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"x0": 1, "x9": 2}], "no feature 'x9'"),
        ({"x0": [1], "x9": [2]}, "no feature 'x9'"),
        ([[1, 2]], "a row has 2 values; there are 3 features"),
        ({"x0": [1], "x1": [1, 2]}, "different lengths"),
        ([["a", 1, 2]], "'a' is no finite number"),
        ([[10**400, 1, 2]], "no finite number"),
        ([[1e300, 1, 2]], "too large"),
    ],
)
def test_rows_that_cannot_be_read_are_refused(make: Make, rows: Any, said: str) -> None:
    program = imported(python.dump(make(X, TARGETS["values"][0])))
    with pytest.raises(ValueError, match=said):
        program.predict(rows)


def test_frames_and_no_rows(make: Make, mixed: Table) -> None:
    model = make(mixed)
    program = imported(python.dump(model))
    frame = pandas.DataFrame({"size": [1.5, np.nan, 2], "colour": ["red", None, "grün"]})
    rows: list[list[Any]] = [["red", 1.5], [None, None], ["grün", 2]]
    np.testing.assert_allclose(program.predict_proba(frame), model.predict_proba(np.array(rows, object)), rtol=1e-5)
    assert program.predict([]).shape == (0,)
    assert program.predict_proba([]).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.int16, np.float64, np.bool_, "<U3"])
def test_classes_come_back_in_the_dtype_they_had(make: Make, dtype: Any) -> None:
    y = (np.arange(60) % 2).astype(dtype)
    model = make(X, y, task="binary")
    program = imported(python.dump(model))
    predicted = program.predict(X)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted, model.predict(X))
    assert tuple(program.LABELS) == model.target.labels


def test_no_name_of_a_column_becomes_code(make: Make) -> None:
    evil = ('"""', "')]\nraise SystemExit(1)\n#", "\\", "a\u2028b", "\x00\x1b", "{}")
    codes = (np.arange(60) % len(evil)).astype(np.int32)
    target = CategoricalColumn(evil[1], codes, evil)
    table = Table(
        60,
        (
            *(NumericColumn(name, X[:, 0]) for name in evil if name != evil[1]),
            CategoricalColumn("x", codes, evil),
            target,
        ),
    )
    model = make(table)
    program = imported(python.dump(model))
    rows = [{"x": label, "{}": 1.0} for label in evil]
    np.testing.assert_allclose(
        program.predict_proba(rows),
        [list(each.probabilities.values()) for each in model.predict_records(rows)],  # type: ignore[union-attr]  # classes
        rtol=1e-5,
    )
    assert set(program.LABELS) == set(evil)


def test_the_bits_of_the_weights_are_inside(make: Make) -> None:
    for precision in ("float32", "float64"):
        model: Model = make(X, TARGETS["values"][0], precision=precision)
        arrays = model.network.arrays(model.theta)
        for number, (_, weight, bias) in enumerate(imported(python.dump(model)).LAYERS):
            np.testing.assert_array_equal(weight, arrays[f"layers.{number}.weight"], strict=True)
            np.testing.assert_array_equal(bias, arrays[f"layers.{number}.bias"], strict=True)


def test_a_network_that_is_too_large_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "MOST_BYTES", 100)
    with pytest.raises(ValidationFailed, match="take safetensors"):
        python.dump(make(X, TARGETS["values"][0]))
