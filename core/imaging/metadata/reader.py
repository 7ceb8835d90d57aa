"""A picture's file, its name and the files beside it -> metadata."""

from collections.abc import Callable
from contextlib import suppress

from PIL import Image

from core.domain.metadata import NO_METADATA, PictureMetadata
from core.imaging.decode_request import Sidecar
from core.imaging.metadata.blocks import Blocks, find_blocks
from core.imaging.metadata.exif import read_exif
from core.imaging.metadata.file_names import parse_name
from core.imaging.metadata.iptc import read_iptc
from core.imaging.metadata.precedence import Statement, merge
from core.imaging.metadata.takeout import read_takeout
from core.imaging.metadata.xmp import read_xmp

_MOST_BLOCKS = 4  # of one kind


def read_metadata(file: Image.Image, data: bytes, name: str, sidecars: tuple[Sidecar, ...]) -> PictureMetadata:
    """Read what a picture says of itself. Damaged metadata counts as none: it never fails a picture.

    `file` is the opened picture, `data` the bytes of its file, `name` the file's name without its folder ("": unknown).
    What people wrote beside a picture counts for more than what is in it; its name counts least.
    """
    with suppress(Exception):  # parsers of hostile bytes; the picture itself can be read
        told: list[Statement] = []
        takeouts: list[Statement] = []
        names = [name]
        for sidecar in sidecars[:_MOST_BLOCKS]:
            with suppress(Exception):
                if _is_json(sidecar.data):
                    said, title = read_takeout(sidecar.data)
                    takeouts.append(said)
                    names.append(title)
                else:
                    told.append(read_xmp(sidecar.data, "XMP sidecar"))
        told += _read_blocks(find_blocks(file, data))
        return merge([*told, *takeouts, *map(_read_name, names)], name)
    return NO_METADATA


def _is_json(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def _read_blocks(blocks: Blocks) -> list[Statement]:
    """Read all blocks, each by itself and once."""
    readers: list[tuple[Callable[[bytes], Statement], list[bytes]]] = [
        (read_exif, blocks.exif),
        (lambda data: read_exif(data, only_gps=True), blocks.gps),
        (lambda data: read_xmp(data, "XMP"), blocks.xmp),
        (read_iptc, blocks.iptc),
    ]
    statements = []
    for read, found in readers:
        for data in list(dict.fromkeys(found))[:_MOST_BLOCKS]:
            with suppress(Exception):
                statements.append(read(data))
    return [*statements, blocks.own]


def _read_name(name: str) -> Statement:
    time = parse_name(name)
    return Statement(times=[] if time is None else [time])
