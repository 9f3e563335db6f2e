"""Weights in PyTorch, loaded by the very programs that docs/elsewhere.md shows."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import steepest

PAGE = (Path(__file__).parents[2] / "docs" / "elsewhere.md").read_text("utf-8")
LOAD, NORMS, RUN = (
    next(block for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if mark in block)
    for mark in ("load_file", "BatchNorm1d", "model.inputs")
)

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)) * [1, 10, 0.1, 3] + [0, 5, 1, 0]
y = np.array(["a", "b", "c"] * 30)


def run_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> "steepest.Run":
    """A trained network, saved as the programs want it."""
    run = steepest.train({"epochs": 5, **fields}, X, y)
    for suffix in ("safetensors", "py"):
        run.save(folder / f"model.{suffix}")
    monkeypatch.chdir(folder)
    return run


def outputs(run: "steepest.Run", found: dict[str, Any]) -> Any:
    """What PyTorch's network says of the rows."""
    inputs = run.model.preprocessing.transform_records(X.tolist(), run.spec.precision)
    return found["network"](torch.from_numpy(inputs)).detach().numpy()


def test_the_snippet_has_five_lines() -> None:
    code = [line for line in LOAD.splitlines() if line and not line.startswith("from ")]
    assert len(code) == 5


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_sequential_predicts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    run = run_in(tmp_path, monkeypatch, precision=precision)
    found: dict[str, Any] = {}
    exec(LOAD, found)
    np.testing.assert_allclose(outputs(run, found), run.predict_proba(X), atol=1e-6)


def test_batch_normalization_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(tmp_path, monkeypatch, layers=[{"units": 64, "batch_norm": True}])
    with_norm = LOAD.replace("nn.ReLU()", "nn.BatchNorm1d(64), nn.ReLU()")
    assert with_norm != LOAD
    found: dict[str, Any] = {}
    exec(with_norm + NORMS, found)
    np.testing.assert_allclose(outputs(run, found), run.predict_proba(X), atol=1e-5)


def test_the_python_file_prepares_rows_for_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(tmp_path, monkeypatch)
    module = ModuleType("model")
    exec(Path("model.py").read_text("utf-8"), module.__dict__)
    monkeypatch.setitem(__import__("sys").modules, "model", module)
    found: dict[str, Any] = {"rows": X.tolist()}
    exec(LOAD + RUN, found)
    np.testing.assert_allclose(found["probabilities"].detach().numpy(), run.predict_proba(X), atol=1e-6)
