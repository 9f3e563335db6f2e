"""Stored bytes as an answer: streamed in constant memory, with ranges, and an ETag that is their SHA-256."""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, cast

from flask import Response, request, send_file
from werkzeug.wsgi import ClosingIterator

from service.http.conditional import unless_failed


def download(source: BinaryIO, *, size: int, sha256: str, mimetype: str, filename: str) -> Response:
    """`source` as an answer to GET or HEAD: 200, or 206, 304, 412 and 416 as the request's headers call for.

    Args:
        source: A seekable file; closed with the response.
        size: Its bytes.
        sha256: Their hash, which becomes the ETag.
        mimetype: The Content-Type.
        filename: What a browser saves it as.

    Raises:
        BlobDamaged: the first bytes are not those that were stored. Where later ones are not, the connection breaks.
    """
    response = send_file(
        source, mimetype=mimetype, as_attachment=True, download_name=filename, conditional=False, etag=sha256
    )
    response.content_length = size
    for name in ("Cache-Control", "Expires"):  # every answer's own rule: asked again each time, by the ETag
        response.headers.pop(name, None)
    # Several ranges at once, other units, or a header that is none: answered by the whole (RFC 9110, section 14.2).
    asked = request.range
    one_range = asked is not None and asked.units == "bytes" and len(asked.ranges) == 1
    response.make_conditional(request, accept_ranges=True, complete_length=size if one_range else None)
    return _begun(unless_failed(response), source)


def _begun(response: Response, source: BinaryIO) -> Response:
    """`response` with its first bytes at hand: while none has gone out, an error can still be told."""
    if request.method == "GET" and response.status_code in (200, 206):
        pieces = cast(Iterator[bytes], iter(response.response))
        try:
            first = next(pieces, b"")
        except BaseException:
            source.close()
            raise
        response.response = ClosingIterator(chain([first], pieces), source.close)
    return response
