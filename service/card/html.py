"""A card as one HTML page that needs nothing else: no script, no request."""

from typing import Final

from flask import render_template
from markupsafe import Markup

from service.card.page import Card, Drawing, Mono

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox"
)
"""What a browser may do with the page: show it. Its styles are inline, as it has to stand alone when it is saved."""


def html(card: Card) -> str:
    """The page. Jinja escapes all that is not ours; the pictures escape the names in them themselves."""
    return render_template("card.html", card=card, svg=_svg, is_mono=_is_mono)


def _svg(picture: Drawing) -> Markup:
    return Markup(picture.svg)  # noqa: S704  made by steepest.inspect, which escapes every word


def _is_mono(cell: str) -> bool:
    return isinstance(cell, Mono)
