"""Let a trained network predict raw rows."""

from flask import Response

from service.context import service
from service.http.resource import Resource, reply
from service.saved_weights import model, saved
from steepest.spec.answers import Page, Prediction, PredictionRequest
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised

resource = Resource("predictions", __name__, tag="Jobs", url_prefix="/v1")


class Predictions(Page[Prediction]):
    """A prediction for each row, in order."""


@resource.operation(
    "POST",
    "/jobs/<id:job_id>/predictions",
    "createPredictions",
    scope="read",
    body=PredictionRequest,
    answer=Predictions,
)
def create_predictions(job_id: str, body: PredictionRequest) -> Response:
    """Predict rows as they are in the data set: named values, or values in the order of `resolved_spec.features`."""
    most = service().settings.limits.prediction_rows
    if len(body.rows) > most:
        detail = f"{len(body.rows):,} rows are over the limit of {most:,} (prediction_rows)"
        raise raised([FieldProblem(pointer="/rows", detail=detail)])
    with service().database.read() as session:
        _, blob = saved(session, job_id, None)
    found = model(blob).predict_records(body.rows)
    return reply(Predictions.model_construct(object="list", data=list(found), has_more=False, next=None))
