"""A prepared data set in a folder: written once, then mapped by every training on the same rows in the same way."""

from collections.abc import Sequence
from dataclasses import fields
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from steepest.data.prepare import Part, Prepared, prepare
from steepest.data.preprocessing import Preprocessing
from steepest.data.rooms import Files, Passed, Watch, mapped
from steepest.data.split import Parts
from steepest.data.table import Table
from steepest.data.target import Target
from steepest.spec.resolved import ResolvedTrainSpec

MANIFEST: Final = "prepared.json"
_PARTS: Final = ("training", "validation", "test")


class Manifest(BaseModel):
    """What a folder of prepared arrays holds beside them."""

    version: int = 1
    parts: list[str]
    """Those that have rows: `<part>.inputs.npy`, `.targets.npy`, and `.weights.npy` where rows count differently."""
    preprocessing: Any
    target: Any
    left_out_rows: int
    warnings: list[str]


def key_of(
    spec: ResolvedTrainSpec,
    targets: Sequence[str],
    features: Sequence[str],
    classes: Sequence[str],
    weight: str | None = None,
) -> str:
    """A name for all that the arrays follow from, beside the table."""
    asked = spec.model_dump(mode="json", include={"task", "split", "preprocess", "precision"})
    asked |= {"targets": list(targets), "features": list(features), "classes": list(classes), "weight": weight}
    asked |= {"class_weight": spec.loss.class_weight}
    return sha256(dumps(asked, sort_keys=True).encode()).hexdigest()


def store(
    folder: Path,
    table: Table,
    spec: ResolvedTrainSpec,
    targets: Sequence[str],
    features: Sequence[str],
    classes: Sequence[str],
    weight: str | None = None,
    *,
    watch: Watch = lambda: None,
) -> None:
    """Prepare `table` in bounded memory, but for its rows' numbers, into `folder`, which is made.

    Raises:
        DataUnusable: as `prepare`.
    """
    folder.mkdir()
    room = Files(folder, watch)
    data = prepare(Passed.of(table, watch), spec, targets, features, classes, weight=weight, room=room)
    for name in _PARTS:
        room.keep(f"{name}.rows", getattr(data.parts, name))
    manifest = Manifest(
        parts=[name for name in _PARTS if getattr(data, name) is not None],
        preprocessing=data.preprocessing.to_json(),
        target=data.target.to_json(),
        left_out_rows=data.left_out_rows,
        warnings=list(data.warnings),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(), "utf-8")


def open_prepared(folder: Path) -> Prepared:
    """Map what `store` wrote."""
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    parts = {name: _part(folder, name) for name in manifest.parts}
    target = Target.from_json(manifest.target)
    return Prepared(
        training=parts["training"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        preprocessing=Preprocessing.from_json(manifest.preprocessing),
        target=target,
        outputs=target.outputs,
        parts=Parts(*(mapped(folder / f"{item.name}.rows.npy") for item in fields(Parts))),
        left_out_rows=manifest.left_out_rows,
        warnings=tuple(manifest.warnings),
    )


def _part(folder: Path, name: str) -> Part:
    weights = folder / f"{name}.weights.npy"
    inputs, targets = (mapped(folder / f"{name}.{what}.npy") for what in ("inputs", "targets"))
    return Part(inputs, targets, mapped(weights) if weights.exists() else None)
