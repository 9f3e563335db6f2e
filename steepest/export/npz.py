"""A model as one npz file: arrays by name, and one 0-d array `metadata` of text with everything else as JSON."""

import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from steepest.export.document import arrays_of, document_of, encode, model_of
from steepest.export.model import Model
from steepest.spec.errors import InvalidRequest

METADATA = "metadata"


def dump(model: Model) -> bytes:
    """The file's bytes; the same model gives the same bytes, since NumPy writes no time of day."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays_of(model), **{METADATA: np.array(encode(document_of(model)))})
    return file.getvalue()


def load(source: bytes | Path) -> Model:
    """The model in a file that `dump` wrote.

    Raises:
        InvalidRequest: it is no such file.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        document = json.loads(str(arrays.pop(METADATA)))
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, ValueError) as error:
        raise InvalidRequest(f"no npz file of a model: {error}") from error
    return model_of(arrays, document)
