"""A model as one safetensors file: arrays by name; spec and preprocessing as JSON in the metadata's strings."""

import json
import struct
from pathlib import Path

from safetensors import SafetensorError
from safetensors import numpy as tensors

from steepest.export.document import arrays_of, document_of, encode, model_of
from steepest.export.model import Model
from steepest.spec.errors import InvalidRequest

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8


def dump(model: Model) -> bytes:
    """The file's bytes; the same model gives the same bytes.

    The library writes metadata in the order of a hash map, which changes from process to process, so the metadata is
    put into the header here. Offsets count from the header's end and stay as they are.
    """
    written = memoryview(tensors.save(arrays_of(model)))
    header, data = _split(written)
    metadata = {name: encode(value) for name, value in document_of(model).items()}
    text = encode({"__metadata__": metadata, **json.loads(bytes(header))}).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join((_LENGTH.pack(len(text)), text, data))


def load(source: bytes | Path) -> Model:
    """The model in a file that `dump` wrote.

    Raises:
        InvalidRequest: it is no such file.
    """
    content = source if isinstance(source, bytes) else source.read_bytes()
    try:
        arrays = tensors.load(content)  # checks the header too
        metadata = json.loads(bytes(_split(memoryview(content))[0])).get("__metadata__", {})
        document = {name: json.loads(text) for name, text in metadata.items()}
    except (SafetensorError, ValueError) as error:
        raise InvalidRequest(f"no safetensors file of a model: {error}") from error
    return model_of(arrays, document)


def _split(content: memoryview) -> tuple[memoryview, memoryview]:
    (length,) = _LENGTH.unpack(content[: _LENGTH.size])
    end = _LENGTH.size + length
    return content[_LENGTH.size : end], content[end:]
