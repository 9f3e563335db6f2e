"""What all answers have in common."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A piece of an answer. A client meets fields of later releases without failing."""

    model_config = ConfigDict(ser_json_inf_nan="strings", protected_namespaces=())
