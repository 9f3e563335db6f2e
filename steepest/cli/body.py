"""The body of a job from what the command line said."""

import json
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
    *parents, last = path.split(".")
    here: Any = body
    for name in parents:
        here = _inside(here, name, setting)
    if isinstance(here, list):
        here[_index(here, last, setting)] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise click.BadParameter(f"--set {setting}: {'.'.join(parents)} is {json.dumps(here)} and has no fields")


def _inside(here: Any, name: str, setting: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, name, setting)]
    if isinstance(here, dict):
        return here.setdefault(name, {})
    raise click.BadParameter(f"--set {setting}: {json.dumps(here)} has no field {name}")


def _index(here: list[Any], name: str, setting: str) -> int:
    if name.isdecimal() and int(name) < len(here):
        return int(name)
    raise click.BadParameter(f"--set {setting}: {name} is no place in a list of {len(here)}, counted from 0")
