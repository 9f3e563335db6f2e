"""A card as Markdown: CommonMark with GitHub's tables. Pictures are data, at the end, where they bury no text."""

import base64
import re
from collections.abc import Iterator, Sequence

from service.card.page import Block, Card, Cells, Code, Drawing, Facts, Mono, Pictures, Points, Prose, Table

SPECIAL = re.compile(r"[\\`*{}\[\]<>|~&$@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What may mean something wherever it stands: marks, tags, entities, and what becomes a link unasked."""

OPENING = re.compile(r"^(?:[-+](?=[\s-]|$)|[=#]|\d+(?=[.)](?:\s|$)))")
"""What means something at the beginning of a line: lists, titles, and the line under a title."""


def markdown(card: Card) -> str:
    """The document."""
    pictures: list[Drawing] = []
    figures = [f"{plain(name)} **{plain(value)}**" for name, value in card.figures]
    blocks = [f"# {plain(card.title)}", plain(card.summary), " · ".join(figures)]
    for section in card.sections:
        blocks.append(f"## {plain(section.title)}")
        for block in section.blocks:
            blocks += _written(block, pictures)
    blocks += [f"[picture-{number}]: {_data(picture)}" for number, picture in enumerate(pictures, 1)]
    return "\n\n".join(blocks) + "\n"


def plain(words: str) -> str:
    """Words that mean nothing but themselves, on one line."""
    one_line = SPECIAL.sub(r"\\\g<0>", re.sub(r"\s+", " ", words).strip())
    return OPENING.sub(lambda found: rf"\{found[0]}" if not found[0].isdecimal() else f"{found[0]}\\", one_line)


def code(words: str) -> str:
    """A code span, within ticks that the words do not have. A table has to be told that its bars are none."""
    words = re.sub(r"\s+", " ", words).replace("|", r"\|")
    ticks = "`" * (_longest(words) + 1)
    room = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{ticks}{room}{words}{room}{ticks}" if words.strip() else plain(words)


def _written(block: Block, pictures: list[Drawing]) -> Iterator[str]:
    if isinstance(block, Prose):
        yield plain(block.text)
    elif isinstance(block, Facts):
        yield _table(("", ""), [(name, value) for name, value in block.rows], ())
    elif isinstance(block, Table):
        yield _table(block.headers, block.rows, block.right)
        if block.caption:
            yield f"*{plain(block.caption)}*"
    elif isinstance(block, Points):
        yield "\n".join(f"- {plain(line)}" for line in block.lines)
    elif isinstance(block, Pictures):
        for picture in block.shown:
            pictures.append(picture)
            yield f"![{plain(picture.words)}][picture-{len(pictures)}]"
    else:
        yield from _listing(block)


def _listing(block: Code) -> Iterator[str]:
    fence = "`" * max(3, _longest(block.text) + 1)
    if block.summary:
        yield plain(f"{block.summary}:")
    yield f"{fence}{block.language}\n{block.text}\n{fence}"


def _table(headers: Cells, rows: Sequence[Cells], right: Cells) -> str:
    lines = [headers, *rows]
    marks = ["---:" if header in right else "---" for header in headers]
    written = [f"| {' | '.join(_cell(each) for each in line)} |" for line in lines]
    return "\n".join([written[0], f"| {' | '.join(marks)} |", *written[1:]])


def _cell(words: str) -> str:
    return code(words) if isinstance(words, Mono) else plain(words)


def _longest(words: str) -> int:
    """The longest run of ticks."""
    return max((len(run) for run in re.findall("`+", words)), default=0)


def _data(picture: Drawing) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.svg.encode()).decode()}"
