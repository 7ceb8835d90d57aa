"""The pictures that the server sends: thumbnails, originals as a browser can show them, and downloads."""

from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import BucketLensError, ImageError, ImageNotIndexed, LibraryBusy, LibraryMissing, LibraryUnreachable
from core.text.sanitize import plain
from search_ui.api.etag import respond_with_etag
from search_ui.library.live_library import LiveLibrary
from search_ui.library.served_library import ServedLibrary

FRESH = {"Cache-Control": "no-store"}
_NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><rect width="4" height="3" fill="#8884"/></svg>'
_WHOLE_ONLY = ("image/webp", "image/avif")  # of a file of these that is cut off, browsers show nothing
_HEAVY = 32 * 2**20  # bytes of a file over which a browser gets a rendering, whatever it is able to show


def picture_routes(live: LiveLibrary) -> list[Route]:
    """Return the routes of pictures. Only an image's id comes from the request."""
    return [
        Route("/thumbnails/{image_id:uuid}.jpg", partial(_serve_thumbnail, live)),
        Route("/originals/{image_id:uuid}", partial(_serve_original, live)),
        Route("/downloads/{image_id:uuid}", partial(_serve_download, live)),
    ]


def _serve_thumbnail(live: LiveLibrary, request: Request) -> Response:
    return _send_thumbnail(live.current(), _read_id(request), request)


def _serve_original(live: LiveLibrary, request: Request) -> Response:
    """Serve the picture itself where a browser can show it, else a rendering, else its thumbnail.

    `?whole` never serves the thumbnail. It answers 404 where the picture cannot be had, and 415 where it cannot be
    shown.
    """
    library, image_id = live.current(), _read_id(request)
    whole = "whole" in request.query_params
    try:
        data, media_type = _view(library, image_id)
    except (ImageNotIndexed, LibraryMissing):
        return Response(_NOTHING, 404, FRESH, media_type="image/svg+xml")
    except (LibraryBusy, LibraryUnreachable):
        return Response(status_code=503, headers={"Retry-After": "2"})
    except ImageError:
        return Response(status_code=415, headers=FRESH) if whole else _send_thumbnail(library, image_id, request)
    except BucketLensError:
        return Response(status_code=404, headers=FRESH) if whole else _send_thumbnail(library, image_id, request)
    return respond_with_etag(data, media_type, request)


def _view(library: ServedLibrary, image_id: str) -> tuple[bytes, str]:
    """Return what a browser shows of a picture, and its media type."""
    record = library.service.image(image_id)
    rendering = library.renderings.find(record.content_hash)
    if rendering is None:
        data = library.read_original(record)
        media_type = detect_browser_type(data)
        cut = record.incomplete is not None and media_type in _WHOLE_ONLY
        if media_type is not None and len(data) <= _HEAVY and not cut:
            return data, media_type
        rendering = library.renderings.make(data, record.name)
    return rendering, "image/jpeg"


def _serve_download(live: LiveLibrary, request: Request) -> Response:
    """Serve the file as it is, to be saved under its own name."""
    library = live.current()
    try:
        record = library.service.image(_read_id(request))
        data = library.read_original(record)
    except (LibraryBusy, LibraryUnreachable):
        return Response(status_code=503, headers={"Retry-After": "2"})
    except BucketLensError as error:
        return Response(f"{error}\n", 404, FRESH, media_type="text/plain")
    name = plain(record.name).replace("/", "_").replace("\\", "_")
    disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    headers = FRESH | {"Content-Disposition": disposition}
    return Response(data, headers=headers, media_type="application/octet-stream")


def _send_thumbnail(library: ServedLibrary, image_id: str, request: Request) -> Response:
    jpeg = library.thumbnail(image_id)
    if jpeg is None:
        return Response(_NOTHING, 404, FRESH, media_type="image/svg+xml")
    return respond_with_etag(jpeg, "image/jpeg", request)


def _read_id(request: Request) -> str:
    return str(request.path_params["image_id"])


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
