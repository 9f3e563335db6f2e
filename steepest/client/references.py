"""A thing, or its id: methods take either."""

from steepest.spec.answers import Dataset, Job


def id_of(thing: Job | Dataset | str) -> str:
    """The id to put into a path.

    Raises:
        ValueError: this cannot be an id; as part of a path it would name something else.
    """
    name = thing if isinstance(thing, str) else thing.id
    if not name or not all(letter.isalnum() or letter in "_-" for letter in name):
        raise ValueError(f"{name!r} is no id; ids look like job_... or ds_...")
    return name
