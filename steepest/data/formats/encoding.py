"""The encoding of a text, told from its first bytes."""

import codecs
from typing import Final

UTF_8: Final = "utf-8"

_MARKS: Final = (
    (b"\xef\xbb\xbf", UTF_8),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_WESTERN: Final = "cp1252"
_USUAL: Final = [
    *(_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "euc_kr"),
]
"""What tables are written in. The ancient ones that read the same bytes as other letters are left out."""
_FEW: Final = 16
"""Bytes beyond ASCII with which no statistics can be made."""
_LOOKED_AT: Final = 16 << 10
_HALF_WIDTH: Final = range(0xFF61, 0xFFA0)
"""Letters as which a Japanese encoding reads the signs of a western one."""


def encoding_of(head: bytes, *, whole: bool) -> str | None:
    """By a byte order mark, by being UTF-8, or by what the bytes most probably mean; None when that is nothing.

    Args:
        head: The first bytes.
        whole: Whether they are all there are; else a character may be cut in two at their end.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if reads_as(head, UTF_8, whole=whole):
        return UTF_8
    western = reads_as(head, _WESTERN, whole=whole)
    strange = b"\n".join(line for line in head.split(b"\n") if not line.isascii())[:_LOOKED_AT]
    if western and sum(byte > 127 for byte in strange) < _FEW:
        return _WESTERN
    return _likeliest(strange, head, whole=whole) or (_WESTERN if western else None)


def reads_as(head: bytes, encoding: str, *, whole: bool) -> bool:
    """Whether the bytes are text in this encoding."""
    try:
        text_of(head, encoding, whole=whole)
    except UnicodeError:
        return False
    return True


def text_of(head: bytes, encoding: str, *, whole: bool) -> str:
    """The text of the head, without a byte order mark.

    Raises:
        UnicodeError: it is no text in this encoding.
    """
    return codecs.getincrementaldecoder(encoding)().decode(head, final=whole).removeprefix("\ufeff")


def _likeliest(strange: bytes, head: bytes, *, whole: bool) -> str | None:
    """What charset-normalizer makes of the lines beyond ASCII. Western Windows wins where others are no better."""
    from charset_normalizer import from_bytes

    found = [
        (match.chaos, -match.coherence, match.encoding != _WESTERN, match.encoding)
        for match in from_bytes(strange, threshold=0.3, cp_isolation=_USUAL)
        if not any(ord(character) in _HALF_WIDTH for character in str(match))
    ]
    for *_, encoding in sorted(found):
        if reads_as(strange, _WESTERN, whole=True) and strange.decode(encoding, "replace") == strange.decode(_WESTERN):
            return _WESTERN
        if reads_as(head, encoding, whole=whole):
            return codecs.lookup(encoding).name
    return None
