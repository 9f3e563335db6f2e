"""Building blocks of the spec's models: strict bases, and fields that wait for a later release."""

from typing import Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

NOT_YET = "not_yet_supported"


class SpecModel(BaseModel):
    """A frozen piece of a spec: unknown fields, wrong types and non-finite numbers are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=False)


def supported(*values: Any) -> AfterValidator:
    """Accept only `values` of a field's contract; the others arrive with a later release."""

    def check(value: Any) -> Any:
        if not any(value == known and type(value) is type(known) for known in values):
            choices = " or ".join(_json(known) for known in values)
            raise PydanticCustomError(
                NOT_YET,
                "{given} is not supported by this release; use {choices}",
                {"given": _json(value), "choices": choices},
            )
        return value

    return AfterValidator(check)


def default_only(value: Any) -> AfterValidator:
    """A field that arrives with a later release: its default is accepted, anything else is refused."""
    return supported(value)


def _json(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return str(value)
