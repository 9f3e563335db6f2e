"""How an uploaded file is read: what its sender asked for, and what its first bytes told where nobody said."""

import codecs
import hashlib
import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Compression = Literal["gzip", "zstd"]

_DELIMITERS: Final = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_NO_DELIMITERS: Final = frozenset('"\r\n\0')
_NO_TEXTS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "undefined"})
"""Encodings of Python that no table is written in."""
_SIZE: Final = re.compile(r"(?P<width>[1-9][0-9]{0,3})x(?P<height>[1-9][0-9]{0,3})")


def _delimiter(value: str) -> str:
    character = _DELIMITERS.get(value.lower(), value)
    if len(character) != 1 or not character.isascii() or character.isalnum() or character in _NO_DELIMITERS:
        raise ValueError(f"must be one character that is neither letter, digit nor quote, or {', '.join(_DELIMITERS)}")
    return character


def _encoding(value: str) -> str:
    try:
        name = codecs.lookup(value).name
        is_text = name not in _NO_TEXTS and "a".encode(value).decode(value) == "a"
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise ValueError("is no known encoding; utf-8, utf-16, windows-1252 and latin-1 are some")
    return "utf-8" if name == "utf-8-sig" else name


def _image_size(value: str) -> str:
    if not _SIZE.fullmatch(value.lower()):
        raise ValueError('must be width and height in pixels, such as "28x28"')
    return value.lower()


Delimiter = Annotated[str, Field(min_length=1, max_length=9), AfterValidator(_delimiter)]
Encoding = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_encoding)]
ImageSize = Annotated[str, Field(max_length=9), AfterValidator(_image_size)]


class IngestOptions(BaseModel):
    """How a file is read. A field that says nothing of the file's format is null."""

    model_config = ConfigDict(frozen=True)

    delimiter: Delimiter | None = Field(default=None, description="What stands between the cells of a text table.")
    encoding: Encoding | None = Field(default=None, description="The encoding of a text, as Python calls it.")
    header: bool | None = Field(default=None, description="Whether a text table's first line names its columns.")
    image_size: ImageSize | None = Field(default=None, description="Width and height that pictures are resized to.")
    compression: Compression | None = Field(default=None, description="What the file is packed with.")
    parts: dict[str, int] | None = Field(
        default=None, description="The bytes of each file, where several were sent: they lie one behind the other."
    )

    @property
    def key(self) -> str:
        """Names these options: equal for equal ones, empty when nothing is said."""
        said = self.model_dump_json(exclude_none=True)
        return "" if said == "{}" else hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of pictures."""
        found = _SIZE.fullmatch(self.image_size or "")
        return (int(found["width"]), int(found["height"])) if found else None
