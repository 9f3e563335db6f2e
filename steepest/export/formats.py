"""The file formats of a model, by name: a name is also the suffix of its files."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from steepest.export.model import Model


@dataclass(frozen=True)
class Format:
    """How a model becomes a file, and how a file becomes a model again."""

    name: str
    """Of its module here, imported when it is needed: who trains does not pay for files that nobody writes."""
    mimetype: str
    growth: float = 1.0
    """About how many bytes the file has for each byte of weights."""

    @property
    def dump(self) -> Callable[[Model], bytes]:
        """A model's file; the same model gives the same bytes."""
        dump: Callable[[Model], bytes] = self._module.dump
        return dump

    @property
    def load(self) -> Callable[[bytes | Path], Model] | None:
        """The model in a file; None for a format that other programs read."""
        return getattr(self._module, "load", None)

    @property
    def _module(self) -> ModuleType:
        return import_module(f"steepest.export.{self.name}")


FORMATS: Final[dict[str, Format]] = {
    "safetensors": Format("safetensors", "application/octet-stream"),
    "npz": Format("npz", "application/x-npz"),
    "onnx": Format("onnx", "application/octet-stream"),
    "json": Format("json", "application/json", growth=3.5),
    "py": Format("python", "text/x-python", growth=1.4),
}


def format_of(path: str | Path) -> Format:
    """The format that a file's name asks for.

    Raises:
        ValueError: it asks for none.
    """
    suffix = Path(path).suffix.lower()
    if suffix[1:] not in FORMATS:
        raise ValueError(f'the file name ends in "{suffix}"; it must end in .{", .".join(FORMATS)}')
    return FORMATS[suffix[1:]]
