"""Data sets: upload, look, list, preview, fetch, rename, delete."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, Literal, cast

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
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
from steepest.data.formats.opening import Section
from steepest.data.formats.sniff import PAIRED, Recognised, format_of
from steepest.data.formats.types import MEDIA_TYPE_OF, MEDIA_TYPES, NAMES, Format
from steepest.spec.answers import Dataset, Page
from steepest.spec.columns import ColumnChange
from steepest.spec.errors import Conflict, FieldProblem, InvalidRequest
from steepest.spec.fields import ColumnName
from steepest.spec.ingest import Delimiter, Encoding, ImageSize, IngestOptions
from steepest.spec.job import Name
from steepest.spec.problems import raised
from steepest.spec.states import DatasetState
from store import blobs, datasets
from store.blob_reader import BlobReader
from store.models import DatasetRow

resource = Resource("datasets", __name__, tag="Data sets", url_prefix="/v1")

FORMAT: Final[TypeAdapter[Format]] = TypeAdapter(Format)
UNNAMED: Final = "untitled"
LONGEST_NAME: Final = 200
SENT_AS: Final = (*(media_type for media_type in MEDIA_TYPES if media_type), "multipart/form-data")
SUFFIXES: Final[Mapping[str, str]] = {"images": "zip", "gzip": ".gz", "zstd": ".zst"}
BYTES: Final = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
FORM: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "properties": {
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
            "features": {"type": "string", "contentMediaType": "application/octet-stream"},
            "labels": {"type": "string", "contentMediaType": "application/octet-stream"},
            "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        },
    }
}


class UploadQuery(Query):
    """How to call the data set, and how to read it where what is found out would be wrong."""

    name: Name | None = Field(default=None, description="A name; else the file's. Names need not be unique.")
    delimiter: Delimiter | None = Field(
        default=None, description="Between a text table's cells: a character, or tab, comma, semicolon, pipe, space."
    )
    encoding: Encoding | None = Field(default=None, description="Of a text, such as utf-8 or windows-1252.")
    header: bool | None = Field(default=None, description="Whether a text table's first line names its columns.")
    image_size: ImageSize | None = Field(default=None, description="Width and height to resize pictures to: 28x28.")

    @property
    def options(self) -> IngestOptions:
        """What is asked for."""
        return IngestOptions(
            delimiter=self.delimiter, encoding=self.encoding, header=self.header, image_size=self.image_size
        )


class ContentQuery(Query):
    """Which file."""

    part: Literal["features", "labels"] | None = Field(
        default=None, description="One of a pair of files; else both, one behind the other."
    )


class RowsQuery(PageQuery):
    """Which rows."""

    after: str | None = Field(
        default=None, max_length=40, description="The `next` of the page before, or a number of rows to pass over."
    )


class DatasetChange(BaseModel):
    """What may be changed of a data set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = Field(default=None, description="A new name.")
    columns: dict[ColumnName, ColumnChange] | None = Field(
        default=None, description="What columns are, by name; what is left out stays as it is."
    )


@resource.operation(
    "POST",
    "/datasets",
    "createDataset",
    scope="write",
    query=UploadQuery,
    raw_body={media_type: FORM if media_type.startswith("multipart") else BYTES for media_type in SENT_AS},
    answer=Dataset,
    status=201,
    headers={"Location": "Where the data set is."},
    request_headers=("Idempotency-Key",),
)
def create_dataset(query: UploadQuery) -> Response:
    """Upload a table, arrays or pictures, as the body or as the file of a form; packed with gzip or zstd or not.

    CSV and TSV, JSON lines, Parquet, Arrow IPC, npz with `X` and `y`, npy, a ZIP of folders of PNG or JPEG pictures, a
    folder for each class; or a pair of IDX or npy files, in the form's parts `features` and `labels`. The data set is
    then `validating` until a worker has read all of it: `ready`, or `failed` with the places that are wrong.
    """
    account_id = principal().account_id
    with idempotent(account_id) as create:
        upload = receive(service().settings.limits.upload_bytes)
        declared = _media_type(upload)
        if create.stored is not None:
            create.stored.check(_fingerprint(upload, declared, _sha256(upload)))
            return replay(create.stored)
        found = _recognised(upload, query.options)
        blob = blobs.write(service().database, account_id, create.alive(upload), service().settings.limits.upload_bytes)
        options = _options(upload, found, query.options)
        name = _name(query, upload)

        def save(session: Session) -> Response:
            row = datasets.create(session, account_id, blob.id, name, found.format, declared, options)
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
        found = read_rows(source, row, query.limit, query.after)
    more = found.next is not None
    return reply(Page[Row].model_construct(object="list", data=list(found.rows), has_more=more, next=found.next))


@resource.operation(
    "GET",
    "/datasets/<id:dataset_id>/content",
    "getDatasetContent",
    scope="read",
    query=ContentQuery,
    content=tuple(media_type for media_type in MEDIA_TYPES if media_type),
    statuses={206: "The bytes of the Range.", 304: "The content still has this ETag."},
    headers={"ETag": "The SHA-256 of the file.", "Accept-Ranges": "`bytes`."},
    request_headers=("Range", "If-Match", "If-None-Match"),
)
def get_content(dataset_id: str, query: ContentQuery) -> Response:
    """Download the bytes that were uploaded."""
    with service().database.read() as session:
        row = datasets.get(session, principal().account_id, dataset_id)
        blob = blobs.get(session, row.account_id, row.blob_id)
    source = _file(BlobReader(service().database, blob))
    if query.part is None:
        response = download(source, size=row.bytes, sha256=row.sha256, mimetype=_mimetype(row), filename=_filename(row))
        if (response.mimetype or "").startswith("text/") and row.options and row.options.encoding:
            response.mimetype_params["charset"] = row.options.encoding
        return response
    sizes = (row.options and row.options.parts) or {}
    if query.part not in sizes:
        raise raised([FieldProblem(pointer="/query/part", detail="the data set is one file; leave it out")])
    start = 0 if next(iter(sizes)) == query.part else row.bytes - sizes[query.part]
    return download(
        cast(BinaryIO, io.BufferedReader(Section(source, start, sizes[query.part]), 1 << 16)),
        size=sizes[query.part],
        sha256=f"{row.sha256}-{query.part}",
        mimetype="application/octet-stream",
        filename=f"{row.id}.{query.part}.{row.format}",
    )


@resource.operation(
    "PATCH", "/datasets/<id:dataset_id>", "updateDataset", scope="write", body=DatasetChange, answer=Dataset
)
def update_dataset(dataset_id: str, body: DatasetChange) -> Response:
    """Rename a data set, or say what its columns are.

    A `role` counts at once: columns that are `ignored`, an `identifier` or a `target` are no default features. Another
    `kind` has the file read again: the data set is `validating` until that is done, and `failed` with the lines that do
    not fit; a failed one is read again for the same kinds too. That is refused as long as a job that is not over needs
    the data set.
    """
    try:
        with service().database.write() as session:
            row = datasets.change(session, principal().account_id, dataset_id, body.name, body.columns)
    except datasets.UnknownColumns as error:
        raise error.problem() from None
    if row.status is DatasetState.VALIDATING and body.columns:
        service().queue.announce_dataset(row.id)
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
    return (upload.first.content_type or "").split(";")[0].strip().lower() or None


def _recognised(upload: Upload, asked: IngestOptions) -> Recognised:
    """What the file is, or the first one of a pair.

    Raises:
        UnsupportedMediaType: its declared type is unknown.
        InvalidRequest: it is nothing that can be read, or not alone.
    """
    found = format_of(upload.first.content_type, upload.first.filename, bytes(upload.first.head), asked)
    if upload.is_pair and found.format not in PAIRED:
        raise InvalidRequest(
            f'the part "{upload.first.name}" is {NAMES[found.format]}; only IDX and npy files come as a pair'
        )
    if found.format == "idx" and not upload.is_pair:
        raise InvalidRequest("an IDX file has no targets; send two in a form, in the parts features and labels")
    return found


def _options(upload: Upload, found: Recognised, asked: IngestOptions) -> IngestOptions:
    """How the upload is to be read, once all of it has come.

    Raises:
        InvalidRequest: the second file of a pair is not as the first.
    """
    if not upload.is_pair:
        return found.options
    second = upload.files[1]
    other = format_of(second.content_type, second.filename, bytes(second.head), asked)
    if other.format != found.format:
        raise InvalidRequest(
            f'the part "{upload.first.name}" is {NAMES[found.format]}, but the part "{second.name}"'
            f" is {NAMES[other.format]}"
        )
    # Each says itself what it is packed with.
    return found.options.model_copy(update={"compression": None, "parts": upload.parts})


def _mimetype(row: DatasetRow) -> str:
    """The media type of the stored bytes."""
    if row.options and row.options.compression:
        return f"application/{row.options.compression}"
    return MEDIA_TYPE_OF[FORMAT.validate_python(row.format)]


def _filename(row: DatasetRow) -> str:
    packed = SUFFIXES.get((row.options and row.options.compression) or "", "")
    return f"{row.id}.{SUFFIXES.get(row.format, row.format)}{packed}"


def _sha256(upload: Upload) -> str:
    digest = hashlib.sha256()
    for piece in upload:
        digest.update(piece)
    return digest.hexdigest()


def _fingerprint(upload: Upload, declared: str | None, sha256: str) -> str:
    parts = repr(upload.parts) if upload.is_pair else ""
    return fingerprint(declared or "", upload.first.filename or "", upload.fields.get("name", ""), sha256, parts)


def _name(query: UploadQuery, upload: Upload) -> str:
    """The name asked for, else the form's, else the file's."""
    name = query.name or upload.fields.get("name") or (upload.first.filename or "").rsplit("/", 1)[-1]
    if len(name) > LONGEST_NAME or "\0" in name:
        raise raised(
            [FieldProblem(pointer="/name", detail=f"must be 1 to {LONGEST_NAME} characters, none of them NUL")]
        )
    return name or UNNAMED
