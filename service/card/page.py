"""A card as content, whatever it is written in: sections of facts, tables, pictures, lists and commands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Cells = Sequence[str]


class Mono(str):
    """Text for machines: a hash, an id, a name as it is in the data."""

    __slots__ = ()


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str
    kind: str = field(default="prose", init=False)


@dataclass(frozen=True)
class Facts:
    """Names and values. One without a value is left out by whoever makes them."""

    rows: Sequence[tuple[str, str]]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Table:
    """Rows under headers."""

    headers: Cells
    rows: Sequence[Cells]
    right: Cells = ()
    """Headers of columns of numbers."""
    caption: str | None = None
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Pictures:
    """SVG documents, side by side where there is room, each with its name and what it says in words."""

    shown: Sequence["Drawing"]
    kind: str = field(default="pictures", init=False)


@dataclass(frozen=True)
class Drawing:
    """A picture."""

    name: str
    svg: str
    words: str
    wide: bool = False


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    lines: Sequence[str]
    kind: str = field(default="points", init=False)


@dataclass(frozen=True)
class Code:
    """Lines for a program. With a summary, they open when asked for."""

    language: str
    text: str
    summary: str | None = None
    kind: str = field(default="code", init=False)


Block = Prose | Facts | Table | Pictures | Points | Code


@dataclass(frozen=True)
class Section:
    """A part of a card under its title."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Card:
    """A whole card."""

    title: str
    summary: str
    figures: Sequence[tuple[str, str]]
    """The few numbers that one looks at first."""
    sections: Sequence[Section]
