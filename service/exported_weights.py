"""Saved weights as files of other formats than the stored one."""

from service.context import service
from service.saved_weights import model
from steepest.export.formats import FORMATS
from steepest.spec.errors import FieldProblem, ValidationFailed
from steepest.spec.problems import raised
from store.models import BlobRow


def exported(blob: BlobRow, name: str) -> bytes:
    """Stored weights in the format `name`, written once and kept for a while.

    Raises:
        ValidationFailed: the network is too large for the format; the pointer is into the query.
    """
    form = FORMATS[name]
    size = round(blob.size * form.growth)
    try:
        return service().exports.get(f"{blob.sha256}.{name}", size, lambda: form.dump(model(blob)))
    except ValidationFailed as error:
        problems = [FieldProblem(pointer="/query" + each.pointer, detail=each.detail) for each in error.problems]
        raise raised(problems) from error
