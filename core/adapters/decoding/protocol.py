"""The protocol between decode workers and their parent.

A frame is 8 bytes of lengths, a JSON header, and a body of raw bytes. It is never pickle, since a codec that a hostile
file has taken over may write into this pipe.
"""

import json
import re
import struct
from dataclasses import asdict
from math import prod
from typing import Any

import numpy as np

from core.domain import metadata
from core.errors import ImageError, ImageTooLarge, ImageUnreadable
from core.imaging.decode_request import Decoded, DecodeRequest, PixelSpec, Sidecar
from core.imaging.tiling import MAX_TILES, tile_count

LENGTHS = struct.Struct("<II")  # of header and body
MAX_HEADER = 2**18

_MAX_SIDE = 2**31
_SHA256 = re.compile("[0-9a-f]{64}")
_KINDS: dict[str, type[ImageError]] = {kind.__name__: kind for kind in (ImageUnreadable, ImageTooLarge)}


def pack_frame(header: dict[str, Any], *body: bytes | memoryview) -> list[bytes | memoryview]:
    """Return the buffers of one frame, in order; the body is not copied."""
    text = json.dumps(header).encode()
    return [LENGTHS.pack(len(text), sum(len(part) for part in body)) + text, *body]


def pack_request(request: DecodeRequest, data: bytes) -> list[bytes | memoryview]:
    """Return the frame of a request: its body is the image, and behind it the sidecars."""
    spec = request.pixels
    header = {
        "pixels": spec and asdict(spec),
        "thumbnail": request.thumbnail,
        "tiles": request.tiles,
        "name": request.name,
        "sidecars": [[sidecar.name, len(sidecar.data)] for sidecar in request.sidecars],
        "text_look": request.text_look,
        "picture": request.picture,
        "content_hash": request.content_hash,
    }
    return pack_frame(header, data, *(sidecar.data for sidecar in request.sidecars))


def read_request(header: dict[str, Any], body: bytes) -> tuple[DecodeRequest, bytes]:
    """Read a request and its image from a frame."""
    end = len(body) - sum(length for _, length in header["sidecars"])
    data, sidecars = body[:end], []
    for name, length in header["sidecars"]:
        sidecars.append(Sidecar(name, body[end : end + length]))
        end += length
    spec = header["pixels"]
    pixels = spec and PixelSpec(**{**spec, "fill": tuple(spec["fill"])})
    request = DecodeRequest(
        pixels,
        header["thumbnail"],
        header["tiles"],
        header["name"],
        tuple(sidecars),
        header["text_look"],
        header["picture"],
        header["content_hash"],
    )
    return request, data


def pack_decoded(decoded: Decoded, *, retiring: bool) -> list[bytes | memoryview]:
    """Return the frame of a decoded image; `retiring` says that the worker ends after it."""
    pixels = b"" if decoded.pixels is None else np.ascontiguousarray(decoded.pixels).tobytes()
    picture = b"" if decoded.picture is None else np.ascontiguousarray(decoded.picture).tobytes()
    header = {
        "width": decoded.width,
        "height": decoded.height,
        "content_hash": decoded.content_hash,
        "metadata": metadata.to_json(decoded.metadata),
        "incomplete": decoded.incomplete,
        "pixels": len(pixels),
        "picture": None if decoded.picture is None else decoded.picture.shape[:2],
        "may_hold_text": decoded.may_hold_text,
        "thumbnail": decoded.thumbnail is not None,
        "retiring": retiring,
    }
    return pack_frame(header, pixels, picture, decoded.thumbnail or b"")


def pack_error(error: ImageError, *, retiring: bool) -> list[bytes | memoryview]:
    """Return the frame of an image's error; `retiring` says that the worker ends after it."""
    return pack_frame({"error": type(error).__name__, "reason": str(error), "retiring": retiring})


def read_decoded(header: dict[str, Any], body: memoryview, request: DecodeRequest) -> Decoded:
    """Read the answer to `request`; its pixels are uint8 of the requested shape, its picture is no larger than asked.

    Raises the ImageError that the answer holds, and any Exception for a malformed answer.
    """
    if "error" in header:
        raise _KINDS[header["error"]](_to_unicode(header["reason"]))
    width, height = int(header["width"]), int(header["height"])
    incomplete = None if header["incomplete"] is None else float(header["incomplete"])
    if not (0 < width < _MAX_SIDE and 0 < height < _MAX_SIDE and (incomplete is None or 0 < incomplete < 1)):
        raise ValueError("a decode worker answered what no picture has")
    shape = _expect_shape(request, width, height)
    split = 0 if shape is None else prod(shape)
    if header["pixels"] != split or header["thumbnail"] != (request.thumbnail is not None):
        raise ValueError("a decode worker answered something else than it was asked")
    looked = header.get("may_hold_text")
    if not (isinstance(looked, bool) if request.text_look else looked is None):
        raise ValueError("a decode worker answered something else than it was asked")
    sides = _expect_sides(request, header.get("picture"))
    end = split + (3 * prod(sides) if sides else 0)
    if not _SHA256.fullmatch(header["content_hash"]) or request.content_hash not in (None, header["content_hash"]):
        raise ValueError("a decode worker answered with another SHA-256")
    return Decoded(
        width=width,
        height=height,
        content_hash=header["content_hash"],
        metadata=metadata.from_json(header["metadata"]),
        incomplete=incomplete,
        pixels=None if shape is None else np.frombuffer(body[:split], np.uint8).reshape(shape),
        thumbnail=None if request.thumbnail is None else bytes(body[end:]),
        picture=None if sides is None else np.frombuffer(body[split:end], np.uint8).reshape(*sides, 3),
        may_hold_text=looked,
    )


def _expect_shape(request: DecodeRequest, width: int, height: int) -> tuple[int, ...] | None:
    """Return the shape of the pixels requested of a picture of this size, (S, S, 3) or with tiles (T, S, S, 3)."""
    if request.pixels is None:
        return None
    side = request.pixels.size
    return (tile_count(width, height), side, side, 3) if request.tiles else (side, side, 3)


def _expect_sides(request: DecodeRequest, told: Any) -> tuple[int, int] | None:
    """Return height and width of the picture that was asked for. Raises ValueError where they are not as asked."""
    if request.picture is None and told is None:
        return None
    height, width = map(int, told)
    if request.picture is None or not (0 < height <= request.picture and 0 < width <= request.picture):
        raise ValueError("a decode worker answered a picture that it was not asked for")
    return height, width


def _to_unicode(text: object) -> str:
    """Return a text without lone surrogates, which JSON allows and the index does not."""
    return str(text).encode("utf-8", "replace").decode()


def max_body_bytes(request: DecodeRequest) -> int:
    """Return the most bytes that the body of a valid answer can have."""
    pixels = 0 if request.pixels is None else request.pixels.size**2 * 3 * (MAX_TILES if request.tiles else 1)
    thumbnail = 0 if request.thumbnail is None else request.thumbnail**2 * 3 + 65536
    picture = 0 if request.picture is None else request.picture**2 * 3
    return pixels + thumbnail + picture
