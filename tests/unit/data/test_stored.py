"""Prepared arrays in files are those in memory, named by what they follow from, and made in bounded memory."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steepest.data import rooms
from steepest.data.facts import target_facts
from steepest.data.ingest import Summary
from steepest.data.prepare import Prepared, prepare
from steepest.data.schema import describe
from steepest.data.stored import key_of, open_prepared, store
from steepest.data.table import DateTimeColumn, Table
from steepest.paging import pages_of
from steepest.spec.errors import DataUnusable
from steepest.spec.resolve import resolve
from steepest.spec.training import TrainSpec

Read = Callable[..., tuple[Summary, Table]]
ROOT = Path(__file__).parents[3]


def both(table: Table, folder: Path, targets: tuple[str, ...], weight: str | None, **fields: Any) -> list[Prepared]:
    """What is prepared in memory, and in files."""
    resolution = resolve(
        TrainSpec.model_validate(fields), target_facts([describe(table, name) for name in targets], targets)
    )
    features = [name for name in table.names if name not in (*targets, weight)]
    asked = table, resolution.spec, targets, features, resolution.classes
    store(folder, *asked, weight)
    return [prepare(*asked, weight=weight), open_prepared(folder)]


def assert_equal(here: Prepared, there: Prepared) -> None:
    assert (here.preprocessing, here.target, here.outputs) == (there.preprocessing, there.target, there.outputs)
    assert (here.left_out_rows, here.warnings) == (there.left_out_rows, there.warnings)
    for name in ("training", "validation", "test"):
        one, other = getattr(here, name), getattr(there, name)
        np.testing.assert_array_equal(getattr(here.parts, name), getattr(there.parts, name))
        assert (one is None) is (other is None)
        for mine, theirs in zip(one or (), other or (), strict=True):
            if mine is None:
                assert theirs is None
                continue
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
            assert len(pages_of([theirs])) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_arrays_in_files_are_those_in_memory(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "LEAST_ROWS", data.draw(st.integers(1, 40)))
    monkeypatch.setattr(rooms, "BLOCK_BYTES", 1)
    rows, seed = data.draw(st.integers(12, 200)), data.draw(st.integers(0, 9))
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    X[random.random(X.shape) < 0.1] = np.nan
    y = data.draw(
        st.sampled_from(
            [
                np.arange(rows) % 3,
                np.where(np.arange(rows) % 7 == 0, np.nan, random.normal(size=rows)),
                random.integers(0, 2, (rows, 2)),
                random.normal(size=(rows, 2)),
            ]
        )
    )
    weights = data.draw(st.sampled_from([None, random.random(rows) + 0.5]))
    table = Table.from_arrays(X, y, weights)
    here, there = both(
        table,
        tmp_path_factory.mktemp("stored") / "arrays",
        table.targets,
        None if weights is None else "sample_weight",
        precision=data.draw(st.sampled_from(["float32", "float64"])),
        split={"validation": data.draw(st.sampled_from([0.0, 0.2])), "test": data.draw(st.sampled_from([0.0, 0.2]))},
        loss={"class_weight": data.draw(st.sampled_from([None, "balanced"]))}
        if y.dtype.kind == "i" and y.ndim == 1
        else {},
    )
    assert_equal(here, there)


def test_columns_of_a_file_are_prepared_alike(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LEAST_ROWS", 7)
    monkeypatch.setattr(rooms, "BLOCK_BYTES", 1)
    lines = [f"{row * 0.37},{'rgb'[row % 3]},{'' if row % 5 else row},{'ab'[row % 2]}" for row in range(100)]
    _, table = read("\n".join(["x,colour,z,y", *lines]).encode())
    watched: list[int] = []
    spec = resolve(TrainSpec(), target_facts([describe(table, "y")], ("y",)))
    asked = table, spec.spec, ("y",), ("x", "colour", "z"), spec.classes
    store(tmp_path / "arrays", *asked, watch=lambda: watched.append(1))
    assert_equal(prepare(*asked), open_prepared(tmp_path / "arrays"))
    assert len(watched) > 20


@pytest.mark.parametrize(
    "preprocess",
    [
        {"numeric": "robust", "missing": "median", "missing_indicator": True},
        {"categorical": "ordinal", "missing": "most_frequent", "numeric": "none"},
        {"categorical": "hashing", "max_categories": 5, "missing_indicator": True, "missing": "constant"},
    ],
)
@pytest.mark.parametrize(
    "split", [{"method": "group", "column": "who"}, {"method": "time", "column": "day"}, {"method": "random"}]
)
def test_every_way_to_prepare_and_to_split_is_alike_in_files(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preprocess: Any, split: Any
) -> None:
    monkeypatch.setattr(rooms, "LEAST_ROWS", 7)
    monkeypatch.setattr(rooms, "BLOCK_BYTES", 1)
    lines = [
        f"{'' if row % 4 == 1 else row * 0.37},{'rgb'[row % 3] if row % 5 else ''},"
        f"2026-01-{1 + row % 28:02}T0{row % 9}:00,"
        f"{row % 11},{'2026-02-01' if row % 6 else ''},{'ab'[row % 2]}"
        for row in range(100)
    ]
    _, table = read("\n".join(["x,colour,day,who,due,y", *lines]).encode())
    assert isinstance(table["due"], DateTimeColumn)
    spec = TrainSpec.model_validate({"preprocess": preprocess, "split": split})
    resolution = resolve(spec, target_facts([describe(table, "y")], ("y",)))
    features = tuple(name for name in ("x", "colour", "day", "due") if name != spec.split.column)
    asked = table, resolution.spec, ("y",), features, resolution.classes
    store(tmp_path / "arrays", *asked)
    assert_equal(prepare(*asked), open_prepared(tmp_path / "arrays"))


def test_whoever_watches_can_end_it(read: Read, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop() -> None:
        raise Enough

    _, table = read(("x,y\n" + "\n".join(f"{row},{row % 2}" for row in range(50))).encode())
    spec = resolve(TrainSpec(), target_facts([describe(table, "y")], ("y",)))
    with pytest.raises(Enough):
        store(tmp_path / "arrays", table, spec.spec, ("y",), ("x",), spec.classes, watch=stop)


def test_what_cannot_be_prepared_is_refused_as_in_memory(tmp_path: Path) -> None:
    X = np.ones((40, 1))
    X[7] = 1e300
    table = Table.from_arrays(X, np.arange(40.0))
    with pytest.raises(DataUnusable, match="beyond the range of float32"):
        both(table, tmp_path / "arrays", ("y",), None, preprocess={"numeric": "none"})


def test_a_key_tells_all_that_arrays_follow_from() -> None:
    def key(*, targets: Any = ("y",), features: Any = ("a", "b"), weight: str | None = None, **fields: Any) -> str:
        facts = target_facts([describe(Table.from_arrays(np.ones((60, 1)), np.arange(60) % 2), "y")], ("y",))
        spec = resolve(TrainSpec.model_validate(fields), facts)
        return key_of(spec.spec, targets, features, spec.classes, weight)

    same = [
        key(),
        key(seed=3),
        key(epochs=7, layers=[], optimizer={"name": "momentum"}),
        key(shuffle={"method": "blocks"}),
        key(split={"method": "auto"}, precision="float32"),
    ]
    different = [
        key(split={"seed": 1}),
        key(split={"validation": 0.2}),
        key(preprocess={"numeric": "minmax"}),
        key(precision="float64"),
        key(features=("b",)),
        key(targets=("z",)),
        key(weight="w"),
        key(loss={"class_weight": "balanced"}),
        key(loss={"class_weight": {"0": 2.0}}),
        key(task="multilabel"),
    ]
    assert set(same) == {key()}
    assert len({key(), *different}) == 1 + len(different)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's own memory, maps of files left out")
def test_data_several_times_larger_than_memory_are_prepared_and_trained(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.unit.data.larger", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert ran.returncode == 0, ran.stderr
    own, resident, inputs, columns = map(int, ran.stdout.split())
    assert inputs > 2 * own
    assert columns > 4 * own
    assert resident < inputs + columns  # maps of files included, which the system takes away when it has to
