"""Which rows a job trains on, validates and tests with."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal, cast

from flask import Response, request
from pydantic import Field

from service.context import service
from service.http.auth import principal
from service.http.conditional import unless_failed
from service.http.downloads import download
from service.http.json_body import JSON
from service.http.query import Query
from service.http.resource import Resource
from steepest.data import split_file
from steepest.spec.answers import SplitNumbers
from steepest.spec.errors import Conflict
from steepest.spec.states import MEANING, TERMINAL
from store import blobs, jobs, splits
from store.blob_reader import BlobReader
from store.models import JobRow

resource = Resource("splits", __name__, tag="Jobs", url_prefix="/v1")

NPZ: Final = "application/x-npz"


class SplitQuery(Query):
    """In which form."""

    format: Literal["json", "npz"] = Field(
        default="json", description="`json`, or `npz` with the arrays `training`, `validation` and `test` of int64."
    )


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/split",
    "getSplit",
    scope="read",
    query=SplitQuery,
    answer=SplitNumbers,
    content=(NPZ,),
    statuses={206: "The bytes of the Range, of npz.", 304: "The content still has this ETag."},
    headers={"ETag": "Differs with the rows and the form.", "Accept-Ranges": "`bytes`, of npz."},
    request_headers=("Range", "If-Match", "If-None-Match"),
)
def get_split(job_id: str, query: SplitQuery) -> Response:
    """Download the row numbers of the training, validation and test rows. They are there once the job has started."""
    account_id = principal().account_id
    with service().database.read() as session:
        job = jobs.get(session, account_id, job_id)
        row = splits.find(session, account_id, job_id)
        if row is None:
            raise Conflict(_none_yet(job), state=job.status.value)
        blob = blobs.get(session, account_id, row.blob_id)
        sha256 = row.sha256
    source = cast(BinaryIO, io.BufferedReader(BlobReader(service().database, blob), 1 << 16))
    if query.format == "npz":
        return download(source, size=blob.size, sha256=blob.sha256 or "", mimetype=NPZ, filename=f"{job_id}.split.npz")
    response = Response(_json(source, sha256), mimetype=JSON)
    response.call_on_close(source.close)
    response.set_etag(sha256)
    response.make_conditional(request)
    return unless_failed(response)


def _json(source: BinaryIO, sha256: str) -> Iterator[str]:
    """A `SplitNumbers`, in pieces: there may be many rows."""
    yield f'{{"object":"split","sha256":"{sha256}"'
    for name, pieces in split_file.read(source):
        yield f',"{name}":['
        for number, rows in enumerate(pieces):
            yield ("," if number else "") + ",".join(map(str, rows.tolist()))
        yield "]"
    yield "}"


def _none_yet(job: JobRow) -> str:
    meaning = f"the job is {job.status.value} ({MEANING[job.status]}) and its rows have not been divided"
    return meaning if job.status in TERMINAL else f"{meaning} yet; they are when it has started"
