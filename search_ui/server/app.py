"""The ASGI app: the page, the HTTP API, the pictures and a health check, in one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import BucketLensError, ImageNotIndexed, LibraryBusy, LibraryMissing, LibraryUnreachable
from search_ui.api.app import Api
from search_ui.api.etag import respond_with_etag
from search_ui.library import current_library
from search_ui.library.live_library import LiveLibrary
from search_ui.library.served_library import ServedLibrary
from search_ui.server.security_headers import SecurityHeaders, write_content_policy

PAGE_SCRIPT = Path(__file__).parent.parent / "page" / "script.py"

_FRESH = {"Cache-Control": "no-store"}
_NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><rect width="4" height="3" fill="#8884"/></svg>'


def make_app(live: LiveLibrary, allowed_hosts: list[str]) -> st.App:
    """Make the app. It answers under the names in `allowed_hosts`; ["*"] allows any."""
    api = Api(live)
    routes = [
        *api.routes(),
        Route("/thumbnails/{image_id:uuid}.jpg", partial(_serve_thumbnail, live)),
        Route("/originals/{image_id:uuid}", partial(_serve_original, live)),
        Route("/healthz", partial(_serve_health, live)),
    ]
    middleware = [
        Middleware(SecurityHeaders, policy=write_content_policy(), hosts=frozenset(allowed_hosts)),
    ]
    return st.App(PAGE_SCRIPT, lifespan=partial(_lifespan, live, api), routes=routes, middleware=middleware)


@asynccontextmanager
async def _lifespan(live: LiveLibrary, api: Api, app: Any) -> AsyncIterator[None]:
    current_library.set_library(live)
    live.current().load_model()
    try:
        yield
    finally:
        api.close()
        current_library.set_library(None)


def _serve_thumbnail(live: LiveLibrary, request: Request) -> Response:
    return _send_thumbnail(live.current(), str(request.path_params["image_id"]), request)


def _send_thumbnail(library: ServedLibrary, image_id: str, request: Request) -> Response:
    jpeg = library.thumbnail(image_id)
    if jpeg is None:
        return Response(_NOTHING, 404, _FRESH, media_type="image/svg+xml")
    return respond_with_etag(jpeg, "image/jpeg", request)


def _serve_original(live: LiveLibrary, request: Request) -> Response:
    """Serve the picture itself where a browser can show it, else its thumbnail. Only the id comes from the request.

    `?whole` never serves the thumbnail. It answers 404 where the picture cannot be had, and 415 where browsers cannot
    show it.
    """
    library = live.current()
    image_id = str(request.path_params["image_id"])
    whole = "whole" in request.query_params
    try:
        data = library.original(image_id)
    except (ImageNotIndexed, LibraryMissing):
        return Response(_NOTHING, 404, _FRESH, media_type="image/svg+xml")
    except (LibraryBusy, LibraryUnreachable):
        return Response(status_code=503, headers={"Retry-After": "2"})
    except BucketLensError:
        return Response(status_code=404, headers=_FRESH) if whole else _send_thumbnail(library, image_id, request)
    media_type = detect_browser_type(data)
    if media_type is None:
        return Response(status_code=415, headers=_FRESH) if whole else _send_thumbnail(library, image_id, request)
    return respond_with_etag(data, media_type, request)


def _serve_health(live: LiveLibrary, request: Request) -> Response:
    return JSONResponse({"status": "ok", "model": live.current().model}, headers=_FRESH)


def detect_browser_type(data: bytes) -> str | None:
    """Detect the media type by the first bytes, or return None.

    Only types count that every browser shows and that cannot hold scripts.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if data[4:12] in (b"ftypavif", b"ftypavis") else None
