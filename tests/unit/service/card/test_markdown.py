"""What people called things stays what they called it."""

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from service.card.markdown import code, markdown, plain
from service.card.page import Block, Card, Code, Drawing, Facts, Mono, Pictures, Points, Prose, Section, Table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SPACE = re.compile(r"\s+")
WORDS = st.text(st.sampled_from("ab1 _*`~[]()<>{}#+-=.!|\\&;$@:/'\"\n\t\u00e9\u2028")) | st.text()


def one_line(words: str) -> str:
    return SPACE.sub(" ", words).strip()


def rendered(source: str) -> str:
    return str(READER.render(source)).strip()


def sayable(words: str) -> bool:
    """CommonMark replaces NUL; and surrogates are no text."""
    return bool(one_line(words)) and "\x00" not in words and words.isprintable()


def words_of(html: str) -> str:
    return unescape(re.sub(r"</?(p|code|td|tr|li|ul|em)>", "", html)).strip()


@given(WORDS)
@example("__0__")
@example("a_b_c *d* [e](f) <g> `h` 1. i")
@example("- j")
def test_words_mean_nothing_but_themselves(words: str) -> None:
    if sayable(words):
        html = rendered(plain(words))
        assert re.fullmatch(r"<p>[^<]*</p>", html), html
        assert words_of(html) == one_line(words)


@given(WORDS, WORDS)
def test_cells_stay_cells(first: str, second: str) -> None:
    if sayable(first) and sayable(second):
        card = Card("t", "s", [], [Section("S", [Table(("a", "b"), [(first, Mono(second))])])])
        html = rendered(markdown(card))
        row = html.split("<tbody>")[1]
        cells = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)
        assert [words_of(cell) for cell in cells] == [one_line(first), one_line(second)]


@given(WORDS)
def test_code_is_code(words: str) -> None:
    if sayable(words) and "|" not in words:
        assert words_of(rendered(code(words))) == one_line(words)


@given(st.text("`\nab~") | st.text())
def test_a_listing_ends_where_it_ends(listing: str) -> None:
    if listing.strip() and all(part.isprintable() for part in listing.split("\n")):
        html = rendered(markdown(Card("t", "s", [], [Section("S", [Code("sh", listing), Prose("behind")])])))
        assert html.endswith("<p>behind</p>")
        found = re.search(r'<pre><code class="language-sh">(.*)</code></pre>', html, re.DOTALL)
        assert found
        assert unescape(found[1]) == f"{listing}\n"


def test_the_parts_of_a_card() -> None:
    picture = Drawing("Loss", "<svg xmlns='http://www.w3.org/2000/svg'/>", "The loss")
    blocks: list[Block] = [
        Facts([("Name", "x"), ("Hash", Mono("ab"))]),
        Points(["one", "- two"]),
        Pictures([picture, picture]),
    ]
    source = markdown(Card("A _b_", "c", [("accuracy", "90 %")], [Section("S", blocks)]))
    html = rendered(source)
    assert html.startswith("<h1>A _b_</h1>\n<p>c</p>\n<p>accuracy <strong>90 %</strong></p>\n<h2>S</h2>")
    assert "<td><code>ab</code></td>" in html
    assert "<li>one</li>\n<li>- two</li>" in html
    assert source.count("data:image/svg+xml;base64,") == 2
    assert source.index("[picture-2]: data:") > source.index("![The loss][picture-2]")


@pytest.mark.parametrize("address", ["http://evil.example", "www.evil.example", "me@evil.example"])
def test_an_address_becomes_no_link_unasked(address: str) -> None:
    assert "\\" in plain(address)
    assert words_of(rendered(plain(address))) == address


def test_numbers_stay_readable_in_the_source() -> None:
    for words in ("-0.05", "1.2340", "mean_squared_error", "held-out", "2026-11-26", "70 %"):
        assert plain(words) == words
