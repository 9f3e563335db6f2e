"""Data sets: upload, look, list, preview, fetch, rename, delete."""

import hashlib
import io
from typing import Any, BinaryIO, Final, cast

from flask import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from service import answers
from service.context import service
from service.http.auth import principal
from service.http.conditional import conditional
from service.http.downloads import download
from service.http.idempotency import fingerprint, idempotent, replay
from service.http.query import PageQuery, Query
from service.http.resource import Resource, no_content, reply
from service.http.uploads import Upload, receive
from service.preview import Row, read_rows
from steepest.data.formats import format_of
from steepest.spec.answers import Dataset, Page
from steepest.spec.errors import Conflict, FieldProblem
from steepest.spec.job import Name
from steepest.spec.problems import raised
from steepest.spec.states import DatasetState
from store import blobs, datasets
from store.blob_reader import BlobReader

resource = Resource("datasets", __name__, tag="Data sets", url_prefix="/v1")

UNNAMED: Final = "untitled"
LONGEST_NAME: Final = 200
MIMETYPES: Final = {"csv": "text/csv", "npz": "application/x-npz"}
BYTES: Final = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
FORM: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
            "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        },
    }
}


class UploadQuery(Query):
    """How to call the data set."""

    name: Name | None = Field(default=None, description="A name; else the file's. Names need not be unique.")


class RowsQuery(PageQuery):
    """Which rows."""

    after: str | None = Field(
        default=None, max_length=40, description="The `next` of the page before, or a number of rows to pass over."
    )


class DatasetChange(BaseModel):
    """What may be changed of a data set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name


@resource.operation(
    "POST",
    "/datasets",
    "createDataset",
    scope="write",
    query=UploadQuery,
    raw_body={
        "text/csv": BYTES,
        "application/x-npz": BYTES,
        "application/octet-stream": BYTES,
        "multipart/form-data": FORM,
    },
    answer=Dataset,
    status=201,
    headers={"Location": "Where the data set is."},
    request_headers=("Idempotency-Key",),
)
def create_dataset(query: UploadQuery) -> Response:
    """Upload a CSV file, or an npz archive with `X` and `y`, as the body or as one file of a form.

    It is then `validating` until a worker has read all of it: `ready`, or `failed` with the lines that are wrong.
    """
    account_id = principal().account_id
    with idempotent(account_id) as create:
        upload = receive(service().settings.limits.upload_bytes)
        declared = _media_type(upload)
        if create.stored is not None:
            create.stored.check(_fingerprint(upload, declared, _sha256(upload)))
            return replay(create.stored)
        kind = format_of(declared, upload.filename, upload.head)
        blob = blobs.write(service().database, account_id, create.alive(upload), service().settings.limits.upload_bytes)
        name = _name(query, upload)

        def save(session: Session) -> Response:
            row = datasets.create(session, account_id, blob.id, name, kind, declared)
            return reply(answers.dataset(row), 201, headers={"Location": f"/v1/datasets/{row.id}"})

        response = create.run(_fingerprint(upload, declared, blob.sha256 or ""), save)
    service().queue.announce_dataset(response.headers["Location"].rsplit("/", 1)[1])
    return response


@resource.operation("GET", "/datasets", "listDatasets", scope="read", query=PageQuery, answer=Page[Dataset])
def list_datasets(query: PageQuery) -> Response:
    """List data sets, newest first."""
    with service().database.read() as session:
        page = datasets.page(session, principal().account_id, query.limit, query.after)
    data = [answers.dataset(row) for row in page.rows]
    return reply(Page[Dataset].model_construct(object="list", data=data, has_more=page.has_more, next=page.next))


@resource.operation(
    "GET",
    "/datasets/<id:dataset_id>",
    "getDataset",
    scope="read",
    answer=Dataset,
    statuses={304: "The data set is still as the ETag says."},
    headers={"ETag": "Differs whenever the data set does."},
    request_headers=("If-Match", "If-None-Match"),
)
def get_dataset(dataset_id: str) -> Response:
    """Look at a data set: its state and, once it is ready, its columns with their statistics."""
    with service().database.read() as session:
        row = datasets.get(session, principal().account_id, dataset_id)
    return conditional(reply(answers.dataset(row)))


@resource.operation(
    "GET", "/datasets/<id:dataset_id>/rows", "listRows", scope="read", query=RowsQuery, answer=Page[Row]
)
def list_rows(dataset_id: str, query: RowsQuery) -> Response:
    """Read rows of a data set that is ready, in the file's order."""
    with service().database.read() as session:
        row = datasets.get(session, principal().account_id, dataset_id)
        if row.status is not DatasetState.READY:
            raise Conflict(f"the data set is {row.status.value}; its rows can be read once it is ready")
        blob = blobs.get(session, row.account_id, row.blob_id)
    with _file(BlobReader(service().database, blob)) as source:
        found = read_rows(source, row.format, row.columns or [], query.limit, query.after)
    more = found.next is not None
    return reply(Page[Row].model_construct(object="list", data=list(found.rows), has_more=more, next=found.next))


@resource.operation(
    "GET",
    "/datasets/<id:dataset_id>/content",
    "getDatasetContent",
    scope="read",
    content=("text/csv", "application/x-npz"),
    statuses={206: "The bytes of the Range.", 304: "The content still has this ETag."},
    headers={"ETag": "The SHA-256 of the file.", "Accept-Ranges": "`bytes`."},
    request_headers=("Range", "If-Match", "If-None-Match"),
)
def get_content(dataset_id: str) -> Response:
    """Download the bytes that were uploaded."""
    with service().database.read() as session:
        row = datasets.get(session, principal().account_id, dataset_id)
        blob = blobs.get(session, row.account_id, row.blob_id)
    return download(
        _file(BlobReader(service().database, blob)),
        size=row.bytes,
        sha256=row.sha256,
        mimetype=MIMETYPES[row.format],
        filename=f"{row.id}.{row.format}",
    )


@resource.operation(
    "PATCH", "/datasets/<id:dataset_id>", "updateDataset", scope="write", body=DatasetChange, answer=Dataset
)
def update_dataset(dataset_id: str, body: DatasetChange) -> Response:
    """Rename a data set."""
    with service().database.write() as session:
        row = datasets.rename(session, principal().account_id, dataset_id, body.name)
    return reply(answers.dataset(row))


@resource.operation("DELETE", "/datasets/<id:dataset_id>", "deleteDataset", scope="write", status=204)
def delete_dataset(dataset_id: str) -> Response:
    """Delete a data set that no unfinished job needs. Finished jobs keep what they made of it."""
    with service().database.write() as session:
        datasets.delete(session, principal().account_id, dataset_id)
    return no_content()


def _file(reader: BlobReader) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(reader, 1 << 16))


def _media_type(upload: Upload) -> str | None:
    """What the upload was declared as: one media type, without its parameters."""
    return (upload.content_type or "").split(";")[0].strip().lower() or None


def _sha256(upload: Upload) -> str:
    digest = hashlib.sha256()
    for piece in upload:
        digest.update(piece)
    return digest.hexdigest()


def _fingerprint(upload: Upload, declared: str | None, sha256: str) -> str:
    return fingerprint(declared or "", upload.filename or "", upload.fields.get("name", ""), sha256)


def _name(query: UploadQuery, upload: Upload) -> str:
    """The name asked for, else the form's, else the file's."""
    name = query.name or upload.fields.get("name") or (upload.filename or "").rsplit("/", 1)[-1]
    if len(name) > LONGEST_NAME or "\0" in name:
        raise raised(
            [FieldProblem(pointer="/name", detail=f"must be 1 to {LONGEST_NAME} characters, none of them NUL")]
        )
    return name or UNNAMED
