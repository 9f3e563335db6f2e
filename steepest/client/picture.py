"""A picture that a notebook shows and a program saves."""

import os
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body {{ margin: 2rem auto; max-width: 760px }} svg {{ width: 100%; height: auto }}</style>
{svg}
</html>
"""


@dataclass(frozen=True)
class Picture:
    """An SVG document. The last line of a notebook's cell shows it; it follows the reader's light or dark scheme."""

    title: str
    svg: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file ending in `.svg`, or as a page to one ending in `.html`.

        Raises:
            ValueError: the name ends otherwise.
        """
        target = Path(path)
        content = {".svg": self.svg, ".html": PAGE.format(title=escape(self.title), svg=self.svg)}
        if target.suffix.lower() not in content:
            raise ValueError(f"{target.name} names no kind of picture; end it in .svg or .html")
        target.write_text(content[target.suffix.lower()], "utf-8")
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="max-width: 760px">{self.svg}</div>'
