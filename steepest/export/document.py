"""What a file carries beside the arrays: the spec and what was learned from the data, as JSON."""

import json
from collections.abc import Mapping
from typing import Any, Final

from numpy.typing import NDArray
from pydantic import ValidationError

from steepest.data.preprocessing import Preprocessing
from steepest.data.target import Target
from steepest.export.model import Model
from steepest.spec.errors import InvalidRequest
from steepest.spec.resolved import ResolvedJobSpec, ResolvedTrainSpec
from steepest.trainer.network import Network

VERSION: Final = 2


def arrays_of(model: Model) -> dict[str, NDArray[Any]]:
    """The weights by name: `layers.0.weight` (in, out), `layers.0.bias` (out,), and so on."""
    return model.network.arrays(model.theta)


def document_of(model: Model) -> dict[str, Any]:
    """Everything but the weights, as plain JSON values in a fixed order."""
    return {
        "version": VERSION,
        "spec": model.spec.model_dump(mode="json"),
        "preprocessing": model.preprocessing.to_json(),
        "target": model.target.to_json(),
    }


def model_of(arrays: Mapping[str, NDArray[Any]], document: Any) -> Model:
    """The model that `arrays_of` and `document_of` describe.

    Raises:
        InvalidRequest: they do not fit together, or a later version wrote them.
    """
    version = document.get("version") if isinstance(document, Mapping) else None
    if version != VERSION:
        raise InvalidRequest(f"the file has the version {version}; this release reads {VERSION}")
    try:
        kind = ResolvedJobSpec if "dataset" in document["spec"] else ResolvedTrainSpec
        spec = kind.model_validate_json(json.dumps(document["spec"]))
        preprocessing = Preprocessing.from_json(document["preprocessing"])
        target = Target.from_json(document["target"])
        network = Network.of(spec, inputs=preprocessing.width, outputs=target.outputs)
        theta = network.theta(arrays).astype(spec.precision, casting="equiv", copy=False)
    except (ValidationError, LookupError, TypeError, ValueError) as error:
        raise InvalidRequest(f"the file holds no model of this release: {error}") from error
    return Model(network, theta, spec, preprocessing, target)


def encode(document: Any) -> str:
    """Compact JSON; floats keep every bit."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
