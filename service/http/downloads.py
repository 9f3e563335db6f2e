"""Stored bytes as an answer: streamed in constant memory, with ranges, and an ETag that is their SHA-256."""

from typing import BinaryIO

from flask import Response, request, send_file

from service.http.conditional import unless_failed


def download(source: BinaryIO, *, size: int, sha256: str, mimetype: str, filename: str) -> Response:
    """`source` as an answer to GET or HEAD: 200, or 206, 304, 412 and 416 as the request's headers call for.

    Args:
        source: A seekable file; closed with the response.
        size: Its bytes.
        sha256: Their hash, which becomes the ETag.
        mimetype: The Content-Type.
        filename: What a browser saves it as.
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
    return unless_failed(response)
