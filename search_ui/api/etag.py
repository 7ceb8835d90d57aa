"""Answers that browsers and programs keep, and ask for again only whether they have changed."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

_RECHECK = "private, no-cache"


def respond_with_etag(data: bytes, kind: str, request: Request) -> Response:
    """Answer with an ETag of the bytes, or with 304 to a client that has them; `kind` is their media type."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _RECHECK, "Content-Disposition": "inline"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers, media_type=kind)
