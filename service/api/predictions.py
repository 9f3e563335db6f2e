"""Let a trained network predict raw rows at once, or a whole data set as a long computation."""

import io
from typing import Any, BinaryIO, Final, cast

from flask import Response, request
from pydantic import BaseModel

from service import answers, asked, raw_rows
from service.context import service
from service.http.auth import authorize, principal
from service.http.downloads import download
from service.http.json_body import JSON, read_json
from service.http.query import PageQuery
from service.http.resource import Resource, reply
from service.saved_weights import for_predictions
from steepest.data.preprocessing import Inputs
from steepest.export import predictions
from steepest.export.model import Model
from steepest.spec.answers import DatasetPrediction, Page, PredictionRequest
from steepest.spec.errors import Conflict, FieldProblem, NotFound, ValidationFailed
from steepest.spec.predictions import Prediction
from steepest.spec.problems import parse, pointer_to, raised
from store import blobs, computations, datasets, jobs
from store.blob_reader import BlobReader
from store.models import ComputationKind

resource = Resource("predictions", __name__, tag="Jobs", url_prefix="/v1")

KIND: Final = ComputationKind.PREDICTION
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
BYTES: Final = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
READERS: Final = {CSV: raw_rows.from_csv, ARROW: raw_rows.from_arrow}
WRITERS: Final = {CSV: predictions.to_csv, ARROW: predictions.to_arrow}


class Predictions(Page[Prediction]):
    """A prediction for each row, in order."""


@resource.operation(
    "POST",
    "/jobs/<id:job_id>/predictions",
    "createPredictions",
    scope="read",
    body=PredictionRequest,
    parsed=False,
    raw_body={CSV: BYTES, ARROW: BYTES},
    answer=Predictions,
    content=(CSV, ARROW),
    headers={"Location": "Where predictions of a data set are."},
    also={201: DatasetPrediction},
    request_headers=("Idempotency-Key",),
)
def create_predictions(job_id: str) -> Response:
    """Predict rows as they are in the data set: named values, or values in the order of `resolved_spec.features`.

    Rows come as JSON, as CSV with a header, or as an Arrow IPC stream, by Content-Type; predictions go out in whichever
    of these Accept asks for. A table may have the target and further columns of the job's data set. With `dataset` all
    rows of a data set are predicted in a long computation, which needs the scope `write`.
    """
    limits = service().settings.limits
    if request.mimetype in READERS:
        request.max_content_length = limits.json_bytes
        columns = READERS[request.mimetype](request.get_data(), limits.prediction_rows)
        network = for_predictions(job_id)
        return _answer(network, _of_columns(job_id, network, columns, limits.prediction_rows))
    wanted = parse(PredictionRequest, read_json(limits.json_bytes))
    if wanted.rows is None:
        authorize("write")
        parameters = wanted.model_dump(mode="json", include={"dataset"})
        return asked.create(job_id, KIND, wanted.dataset, parameters, answers.dataset_prediction, with_targets=False)
    if len(wanted.rows) > limits.prediction_rows:
        raise raw_rows.too_many(len(wanted.rows), limits.prediction_rows)
    network = for_predictions(job_id)
    return _answer(network, _outputs(network, wanted.rows))


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/predictions",
    "listPredictions",
    scope="read",
    query=PageQuery,
    answer=Page[DatasetPrediction],
)
def list_predictions(job_id: str, query: PageQuery) -> Response:
    """List a job's predictions of data sets, newest first."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        page = computations.page(session, account_id, job_id, KIND, query.limit, query.after)
    data = [answers.dataset_prediction(row) for row in page.rows]
    return reply(
        Page[DatasetPrediction].model_construct(object="list", data=data, has_more=page.has_more, next=page.next)
    )


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/predictions/<id:prediction_id>",
    "getPrediction",
    scope="read",
    answer=DatasetPrediction,
    statuses={304: "The computation is still as the ETag says."},
    headers=asked.HEADERS,
    request_headers=("If-Match", "If-None-Match"),
)
def get_prediction(job_id: str, prediction_id: str) -> Response:
    """Look at the predictions of a data set; once they have succeeded, `/content` is the file."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        row = computations.get(session, account_id, job_id, KIND, prediction_id)
    return asked.look(answers.dataset_prediction(row), is_terminal=row.status.is_terminal)


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/predictions/<id:prediction_id>/content",
    "getPredictionContent",
    scope="read",
    content=(PARQUET,),
    statuses={206: "The bytes of the Range.", 304: "The content still has this ETag."},
    headers={"ETag": "The SHA-256 of the file.", "Accept-Ranges": "`bytes`."},
    request_headers=("Range", "If-Match", "If-None-Match"),
)
def get_prediction_content(job_id: str, prediction_id: str) -> Response:
    """Download the predictions of a data set as Parquet, a row for each of its rows, in order."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        row = computations.get(session, account_id, job_id, KIND, prediction_id)
        if row.blob_id is None:
            raise Conflict(f"the computation is {row.status.value} and has no file", state=row.status.value)
        blob = blobs.get(session, account_id, row.blob_id)
    source = cast(BinaryIO, io.BufferedReader(BlobReader(service().database, blob), 1 << 16))
    return download(
        source, size=blob.size, sha256=blob.sha256 or "", mimetype=PARQUET, filename=f"{prediction_id}.parquet"
    )


@resource.operation(
    "DELETE", "/jobs/<id:job_id>/predictions/<id:prediction_id>", "deletePrediction", scope="write", status=204
)
def delete_prediction(job_id: str, prediction_id: str) -> Response:
    """Delete the predictions of a data set, with their file."""
    return asked.delete(job_id, KIND, prediction_id)


def _outputs(network: Model, records: list[Any]) -> Inputs:
    return network.outputs_of(network.preprocessing.transform_records(records, network.spec.precision))


def _of_columns(job_id: str, network: Model, columns: raw_rows.Columns, most: int) -> Inputs:
    """The outputs for a table's rows, whose problems are told by the columns' names."""
    names = network.preprocessing.names

    def ignored() -> frozenset[str]:
        return frozenset(network.target.names) | _columns_of(job_id)

    try:
        return _outputs(network, raw_rows.in_order(columns, names, ignored, most))
    except ValidationFailed as error:
        raise raised([_named(problem, names) for problem in error.problems]) from None


def _named(problem: FieldProblem, names: tuple[str, ...]) -> FieldProblem:
    parts = problem.pointer.split("/")
    if len(parts) != 4 or parts[1] != "rows":
        return problem
    return FieldProblem(pointer=pointer_to(["rows", parts[2], names[int(parts[3])]]), detail=problem.detail)


def _columns_of(job_id: str) -> frozenset[str]:
    """The columns of the data set that a job was trained on; none when it has been deleted."""
    account_id = principal().account_id
    with service().database.read() as session:
        job = jobs.get(session, account_id, job_id)
        try:
            columns = datasets.get(session, account_id, job.dataset_id).columns or []
        except NotFound:
            return frozenset()
    return frozenset(column.name for column in columns)


def _answer(network: Model, outputs: Inputs) -> Response:
    """Predictions in the form that the request accepts, JSON if it does not say."""
    wanted = request.accept_mimetypes.best_match((JSON, *WRITERS), JSON)
    if wanted in WRITERS:
        return Response(WRITERS[wanted](predictions.batch(network, outputs)), mimetype=wanted)
    told: BaseModel = Predictions.model_construct(object="list", data=network.told(outputs), has_more=False, next=None)
    return reply(told)
