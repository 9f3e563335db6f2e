"""A model as one safetensors file: arrays by name; spec and preprocessing as JSON in the metadata's strings."""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as tensors

from steepest.export.document import arrays_of, document_of, encode, model_of
from steepest.export.model import Model
from steepest.spec.errors import InvalidRequest

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8


def dump(model: Model) -> bytes:
    """The file's bytes; the same model gives the same bytes."""
    return b"".join(pieces(model))


def pieces(model: Model) -> Iterator[bytes | memoryview]:
    """The bytes of `dump`, one array after the other, of which none is copied."""
    metadata = {name: encode(value) for name, value in document_of(model).items()}
    return written(arrays_of(model), metadata)


def written(
    arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> Iterator[bytes | memoryview]:
    """A safetensors file of named arrays, piece by piece.

    The library has no writer that does without copies of everything, and it writes metadata in the order of a hash
    map, which changes from process to process. The format: https://huggingface.co/docs/safetensors (the length of a
    JSON header, the header, the arrays). As in the library, wide numbers stand first, so that all are aligned.
    """
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    start = 0
    for name, array in ordered:
        header[name] = {"dtype": _type(array), "shape": array.shape, "data_offsets": (start, start + array.nbytes)}
        start += array.nbytes
    text = encode(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    yield _LENGTH.pack(len(text)) + text
    for _, array in ordered:
        if array.size:
            yield np.ascontiguousarray(array).data.cast("B")


def _type(array: NDArray[Any]) -> str:
    """The format's name for a type."""
    kind = array.dtype.kind
    return "BOOL" if kind == "b" else f"{kind.upper()}{8 * array.itemsize}"


def load(source: bytes | Path) -> Model:
    """The model in a file that `dump` wrote.

    Raises:
        InvalidRequest: it is no such file.
    """
    content = source if isinstance(source, bytes) else source.read_bytes()
    try:
        arrays = tensors.load(content)  # checks the header too
        (length,) = _LENGTH.unpack(content[: _LENGTH.size])
        metadata = json.loads(content[_LENGTH.size : _LENGTH.size + length]).get("__metadata__", {})
        document = {name: json.loads(text) for name, text in metadata.items()}
    except (SafetensorError, ValueError) as error:
        raise InvalidRequest(f"no safetensors file of a model: {error}") from error
    return model_of(arrays, document)
