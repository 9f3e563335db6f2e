"""Building blocks of the spec's models: strict bases, and unions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

UNKNOWN_NAME: Final = "unknown_name"

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class SpecModel(BaseModel):
    """A frozen piece of a spec: unknown fields, wrong types and non-finite numbers are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=False)


class Named(SpecModel):
    """A piece that is told from its like by a `name`, which is as good as given when the class was."""

    def model_post_init(self, context: Any, /) -> None:
        """Else a spec sent without its unset fields would come to mean another piece."""
        self.model_fields_set.add("name")


@dataclass(frozen=True)
class OneOf:
    """Annotates a union whose member is chosen before it is looked into, so that problems are that member's alone."""

    which: Callable[[Any], int | None]
    """The number of the member that a value is meant for; None if it is for none."""
    message: str
    """What a value must be."""

    def __get_pydantic_core_schema__(self, union: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _tagged(union, handler, self.which, "one_of", self.message)


@dataclass(frozen=True)
class ByName:
    """Annotates a union of models that differ by their `name`; without one, `default` is meant.

    The union alone says which names there are: another model in it is another name.
    """

    default: str

    def __get_pydantic_core_schema__(self, union: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        numbers = {_name_of(member): number for number, member in enumerate(get_args(union))}

        def which(value: Any) -> int | None:
            name = value.get("name", self.default) if isinstance(value, Mapping) else getattr(value, "name", None)
            return numbers.get(name) if isinstance(name, str) else None

        context: dict[str, str | int | float] = {"names": ", ".join(numbers), "default": self.default}
        return _tagged(union, handler, which, UNKNOWN_NAME, "must have one of the names {names}", context)


def _tagged(
    union: Any,
    handler: GetCoreSchemaHandler,
    which: Callable[[Any], int | None],
    error_type: str,
    message: str,
    context: dict[str, str | int | float] | None = None,
) -> CoreSchema:
    """Pydantic puts a member's tag into the places of its problems: a negative number, which no place in JSON is."""

    def tag(value: Any) -> int | None:
        number = which(value)
        return None if number is None else ~number

    return core_schema.tagged_union_schema(
        {~number: handler.generate_schema(member) for number, member in enumerate(get_args(union))},
        tag,
        custom_error_type=error_type,
        custom_error_message=message,
        custom_error_context=context,
    )


def names_of(annotated: Any) -> tuple[str, ...]:
    """The names that a union annotated with `ByName` knows."""
    union, *_ = get_args(annotated)
    return tuple(_name_of(member) for member in get_args(union))


def _name_of(member: type[BaseModel]) -> str:
    return str(member.model_fields["name"].default)
