"""Download a trained network."""

import hashlib
import io
from typing import BinaryIO, Literal, cast

from flask import Response
from pydantic import Field

from service.context import service
from service.exported_weights import exported
from service.http.downloads import download
from service.http.query import Query
from service.http.resource import Resource
from service.saved_weights import saved
from steepest.export.formats import FORMATS
from steepest.spec.job import CheckpointName
from store.blob_reader import BlobReader

resource = Resource("weights", __name__, tag="Jobs", url_prefix="/v1")


class WeightsQuery(Query):
    """Which weights, in which format."""

    format: Literal["safetensors", "npz", "onnx", "json", "py"] = Field(
        default="safetensors",
        description="The file format. `onnx` holds the preprocessing too and runs under any ONNX runtime; `py` is one "
        "Python file that needs NumPy alone.",
    )
    checkpoint: CheckpointName | None = Field(
        default=None,
        description="`best`, `last`, `initial` or an epoch's number; else the weights that predictions use.",
    )


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/weights",
    "getWeights",
    scope="read",
    query=WeightsQuery,
    content=tuple(dict.fromkeys(form.mimetype for form in FORMATS.values())),
    statuses={206: "The bytes of the Range.", 304: "The content still has this ETag."},
    headers={"ETag": "The SHA-256 of the file.", "Accept-Ranges": "`bytes`."},
    request_headers=("Range", "If-Match", "If-None-Match"),
)
def get_weights(job_id: str, query: WeightsQuery) -> Response:
    """Download the weights, with the spec and all that was learned from the training rows inside."""
    with service().database.read() as session:
        _, blob = saved(session, job_id, query.checkpoint)
    if query.format == "safetensors":
        source: BinaryIO = cast(BinaryIO, io.BufferedReader(BlobReader(service().database, blob), 1 << 16))
        size, sha256 = blob.size, blob.sha256 or ""
    else:
        content = exported(blob, query.format)
        source, size, sha256 = io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest()
    return download(
        source,
        size=size,
        sha256=sha256,
        mimetype=FORMATS[query.format].mimetype,
        filename=f"{job_id}.{query.format}",
    )
