"""Runs that between them use every piece of the trainer."""

from typing import Any, Final

import numpy as np

from steepest.spec import optimizers
from steepest.spec.names import LOSSES_BY_TASK
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.engines.choice import PLAN, Engine
from steepest.trainer.rows import Rows

ROWS: Final = 90
INPUTS: Final = 5

ON_GPU: Final = Engine("cupy", 1)

CLASSES = {"binary": 2, "multiclass": 4}
TARGETS = {"multilabel": 3, "regression": 1}

OPTIMIZERS: Final = tuple(optimizers.SUPPORTED)
LOSSES: Final = tuple((task, loss) for task, losses in LOSSES_BY_TASK.items() for loss in losses if loss != "log_loss")

LAYERS = [{"units": 7}, {"units": 6, "activation": "tanh"}]
ALL_IN_ONE: Final[dict[str, Any]] = {
    "layers": [
        {"units": 7, "activation": "gelu", "batch_norm": True, "dropout": 0.3},
        {"units": 6, "activation": "selu", "dropout": 0.2},
    ],
    "regularization": {"l1": 0.001, "l2": 0.01, "max_norm": 1.5},
    "gradient_clip": {"by": "global_norm", "limit": 0.5},
    "schedule": {"name": "cosine", "warmup_epochs": 1},
    "early_stopping": {"monitor": "validation_loss", "patience": 2},
    "loss": {"label_smoothing": 0.1},
}

CASES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{name: ("multiclass", {"layers": [{"units": 7, "activation": name}]}) for name in ACTIVATIONS},
    **{f"{loss} {task}": (task, {"loss": {"name": loss}}) for task, loss in LOSSES},
    **{
        f"weighted {loss} {task}": (task, {"loss": {"name": loss}, "weighted": True, "precision": "float64"})
        for task, loss in LOSSES
    },
    **{
        name: ("binary", {"optimizer": {"name": name}, **({"batch_size": "full"} if name == "lbfgs" else {})})
        for name in OPTIMIZERS
    },
    "clip by value": ("regression", {"gradient_clip": {"by": "value", "limit": 0.01}}),
    "clip by norm": ("regression", {"gradient_clip": {"by": "norm", "limit": 0.01}}),
    "elu of its own": ("binary", {"layers": [{"units": 7, "activation": "elu", "alpha": 0.5}]}),
    "no hidden layer": ("multiclass", {"layers": []}),
    "full batch": ("binary", {"batch_size": "full"}),
    "row by row": ("binary", {"batch_size": 1, "epochs": 2}),
    "all in one": ("multiclass", ALL_IN_ONE),
    "all in one, double": ("multiclass", ALL_IN_ONE | {"precision": "float64", "weighted": True}),
}


def spec_of(name: str, **changes: Any) -> ResolvedTrainSpec:
    """The resolved spec of a case."""
    task, fields = CASES[name]
    fields = {"layers": LAYERS, "batch_size": 16, "epochs": 4, "early_stopping": None} | fields | changes
    fields.pop("weighted", None)
    spec = TrainSpec.model_validate({"task": task, **fields})
    labels = [str(code) for code in range(CLASSES.get(task, 2))]
    whole = task != "regression"
    facts = [
        TargetFacts(
            name=f"y{number}",
            rows=ROWS,
            distinct=len(labels) if whole else ROWS,
            numeric=True,
            whole=whole,
            classes=tuple(labels) if whole else None,
            counts=tuple(ROWS // len(labels) for _ in labels) if whole else None,
            least=0.0,
        )
        for number in range(TARGETS.get(task, 1))
    ]
    return resolve(spec, facts, 30).spec


def engine_of(spec: ResolvedTrainSpec) -> Engine:
    """A GPU's where the spec asks for one, else the plan."""
    return ON_GPU if spec.device == "gpu" else PLAN


def outputs_of(name: str) -> int:
    """Units of the last layer."""
    task = CASES[name][0]
    return TARGETS.get(task, CLASSES.get(task, 1)) if task != "binary" else 1


def rows_of(name: str, rows: int = ROWS, seed: int = 0) -> Rows:
    """Rows that can be learned."""
    task, fields = CASES[name]
    random = np.random.default_rng(seed)
    dtype = fields.get("precision", "float32")
    X = random.standard_normal((rows, INPUTS))
    signal = np.sin(X @ np.linspace(-1, 2, INPUTS))
    if task == "regression":
        y = np.abs(signal)[:, None].astype(dtype)
    elif task == "multilabel":
        y = (signal[:, None] > np.array([-0.5, 0.0, 0.5])).astype(dtype)
    else:
        y = np.digitize(signal, [0.0] if task == "binary" else [-0.5, 0.0, 0.5]).astype(np.intp)
    weights = random.integers(0, 4, rows).astype(dtype) if fields.get("weighted") else None
    return Rows(X.astype(dtype), y, weights)
