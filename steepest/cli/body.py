"""The body of a job from what the command line said."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

Body = dict[str, Any]


def read_spec(file: Path) -> Body:
    """The job that a JSON file describes.

    Raises:
        click.BadParameter: the file holds no JSON object.
    """
    try:
        body = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise click.BadParameter(f"{file} is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise click.BadParameter(f"{file} should hold a JSON object with the fields of a job")
    return body


def layers(units: str, activation: str | None) -> list[Body]:
    """Hidden layers from `64,32`; none at all from `none`.

    Raises:
        click.BadParameter: something between the commas is no number.
    """
    if units.strip().lower() == "none":
        return []
    try:
        counts = [int(count) for count in units.split(",")]
    except ValueError:
        raise click.BadParameter(f"--layers {units}: should be numbers of units, as 64,32, or none") from None
    return [{"units": count} | ({"activation": activation} if activation else {}) for count in counts]


def extended(value: Any, **fields: Any) -> Any:
    """An object, or each object of a list, with more fields; anything else as it is, for the service to name."""
    if isinstance(value, list):
        return [extended(item, **fields) for item in value]
    return {**value, **fields} if isinstance(value, dict) else value


def assign(body: Body, setting: str) -> None:
    """Put `path=value` into the body: `split.test=0.2`, `layers.0.units=128`, `early_stopping=null`.

    The value is JSON, or else the text itself.

    Raises:
        click.BadParameter: there is no `=`, or the path leads through something that has no fields.
    """
    path, equals, text = setting.partition("=")
    if not (path and equals):
        raise click.BadParameter(f"--set {setting}: should be PATH=VALUE, as split.test=0.2")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    steps = path.split(".")
    here: Any = body
    for name, following in pairwise(steps):
        # A place that is not there yet becomes what the next step of the path asks for.
        here = _enter(here, name, [] if following.isdecimal() else {}, setting)
    _enter(here, steps[-1], value, setting, replace=True)


def _enter(here: Any, name: str, value: Any, setting: str, *, replace: bool = False) -> Any:
    """What lies under `name`, after putting `value` there if nothing does, or in any case."""
    if isinstance(here, dict):
        if replace or name not in here:
            here[name] = value
        return here[name]
    if not isinstance(here, list):
        raise click.BadParameter(f"--set {setting}: {json.dumps(here)} has no field {name}")
    if not name.isdecimal() or int(name) > len(here):
        raise click.BadParameter(f"--set {setting}: {name} is no place in a list of {len(here)}, counted from 0")
    if int(name) == len(here):
        here.append(value)
    elif replace:
        here[int(name)] = value
    return here[int(name)]
