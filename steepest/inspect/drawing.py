"""What all pictures share: their colours by day and by night, words, and the document around them."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

COLOURS = 8
"""Lines that are told apart by colour; further ones begin anew."""

STYLE = """
.picture { --paper: #ffffff; --ink: #1b2430; --faint: #66717f; --rule: #e6e9ee; --edge: #dfe3e9;
  --training: #3b6fd8; --validation: #d9480f; --c0: #3b6fd8; --c1: #d9480f; --c2: #2b8a3e; --c3: #9c36b5;
  --c4: #0c8599; --c5: #b7791f; --c6: #c2255c; --c7: #5f6b7a;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 12px;
  font-variant-numeric: tabular-nums }
@media (prefers-color-scheme: dark) { .picture { --paper: #11161d; --ink: #e8ecf1; --faint: #98a3b1;
  --rule: #232b36; --edge: #2a333f; --training: #7ea6ff; --validation: #ff9d66; --c0: #7ea6ff; --c1: #ff9d66;
  --c2: #69db7c; --c3: #da9cf0; --c4: #66d9e8; --c5: #ffd43b; --c6: #faa2c1; --c7: #adb5bd } }
.picture .paper { fill: var(--paper); stroke: var(--edge) }
.picture text { fill: var(--faint) }
.picture .title { fill: var(--ink); font-size: 16px; font-weight: 600 }
.picture .rule { stroke: var(--rule) }
.picture .axis { fill: none; stroke: var(--faint); stroke-opacity: .6 }
.picture .guide { stroke: var(--faint); stroke-dasharray: 2 4; fill: none }
.picture .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.picture .name { font-weight: 600 }
"""


def text(x: float, y: float, words: str, anchor: str, kind: str = "", style: str = "") -> str:
    """Words at a place. `anchor` is `start`, `middle` or `end`."""
    attributes = "".join(f' {name}="{value}"' for name, value in (("class", kind), ("style", style)) if value)
    return f'<text{attributes} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def short(words: str, most: int) -> str:
    """Words cut to `most` characters."""
    return words if len(words) <= most else f"{words[: most - 1]}…"


def colour(number: int) -> str:
    """The style property that is the colour of line `number`."""
    return f"var(--c{number % COLOURS})"


def document(
    name: str,
    title: str,
    description: str,
    body: Sequence[str],
    *,
    width: int,
    height: int,
    note: str | None = None,
    style: str = "",
) -> str:
    """The SVG document around a picture.

    Args:
        name: Its class, and the beginning of the ids in it: several pictures stand on one page.
        title: What stands above.
        description: The picture in words, for those who do not see it.
        body: Its elements.
        width: In pixels; it scales to any width.
        height: In pixels.
        note: What stands above on the right.
        style: Further rules, each of which begins with the picture's class.
    """
    head = [text(24, 36, title, "start", "title"), *([text(width - 24, 36, note, "end")] if note else [])]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture {name}" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-labelledby="{name}-title {name}-words">',
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-words">{escape(description)}</desc>',
            f"<style>{STYLE}{style}</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>',
            *head,
            *body,
            "</svg>",
            "",
        ]
    )
