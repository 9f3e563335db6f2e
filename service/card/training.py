"""The section about the network and how it was trained."""

import json

from service.card.page import Code, Drawing, Facts, Pictures, Section
from service.card.subject import Subject
from steepest.inspect.curve import loss_curve
from steepest.inspect.words import duration, number
from steepest.spec.resolved import ResolvedJobSpec

STOPPED_BY = {
    "epochs": "all epochs were trained",
    "early_stopping": "early stopping: the monitored figure got no better",
    "max_seconds": "max_seconds: the time was over",
}


def training(about: Subject) -> Section:
    """What was trained, how, and how the loss went."""
    job, spec, result = about.job, about.job.resolved_spec, about.result
    took = (job.finished_at - job.started_at).total_seconds() if job.started_at and job.finished_at else None
    facts = [
        ("Task", spec.task),
        ("Network", network(spec)),
        ("Parameters", number(result.parameters)),
        ("Loss", spec.loss.name),
        ("Optimizer", f"{spec.optimizer.name}, learning rate {spec.optimizer.learning_rate:g}"),
        ("Schedule", spec.schedule.name),
        ("Batches", "all rows at once" if spec.batch_size == "full" else f"{spec.batch_size} rows"),
        ("Numbers", _numbers(spec)),
        ("Labels", spec.preprocess.categorical),
        ("Missing values", spec.preprocess.missing),
        ("Epochs", f"{result.epochs} of {spec.epochs} at most" + (f" in {duration(took)}" if took is not None else "")),
        ("Stopped by", STOPPED_BY.get(job.stopped_by or "", str(job.stopped_by))),
    ]
    if result.best_epoch is not None:
        kept = spec.early_stopping is not None and spec.early_stopping.restore_best
        facts.append(("Weights", f"of epoch {result.best_epoch}, the best" if kept else "of the last epoch"))
    curve = loss_curve(
        [epoch.training_loss for epoch in about.epochs],
        [epoch.validation_loss for epoch in about.epochs],
        epochs=[epoch.epoch for epoch in about.epochs],
        best_epoch=result.best_epoch,
    )
    whole = json.dumps(spec.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return Section(
        "Training",
        [
            Facts(facts),
            Pictures([Drawing("Loss by epoch", curve, "The training and validation loss, epoch by epoch", wide=True)]),
            Code("json", whole, summary="The resolved spec, with every default"),
        ],
    )


def network(spec: ResolvedJobSpec) -> str:
    """The layers in one line."""
    layers = [f"{layer.units} {layer.activation}" + _extras(layer.dropout, layer.batch_norm) for layer in spec.layers]
    return " → ".join([f"{len(spec.features)} features", *layers, f"{spec.output_activation} output"])


def _extras(dropout: float, batch_norm: bool) -> str:
    extras = [*(["batch norm"] if batch_norm else []), *([f"dropout {dropout:g}"] if dropout else [])]
    return f" ({', '.join(extras)})" if extras else ""


def _numbers(spec: ResolvedJobSpec) -> str:
    scaled = "" if spec.preprocess.target == "none" else f"; the target {spec.preprocess.target}"
    return f"{spec.preprocess.numeric}{scaled}; computed in {spec.precision}"
