"""A picture's file, its name and the files beside it -> metadata."""

from dataclasses import dataclass

from PIL import Image

from core.domain.metadata import NO_METADATA, PictureMetadata
from core.imaging.metadata.exif import read_taken


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file that lies beside a picture and tells of it, such as IMG_1.jpg.xmp; `name` is without its folder."""

    name: str
    data: bytes


def read_metadata(file: Image.Image, data: bytes, name: str, sidecars: tuple[Sidecar, ...]) -> PictureMetadata:
    """Read what a picture says of itself. Damaged metadata counts as none: it never fails a picture.

    `file` is the opened picture, `data` the bytes of its file, `name` the file's name without its folder ("": unknown).
    """
    try:
        return PictureMetadata(taken=read_taken(file))
    except Exception:  # parsers of hostile bytes; the picture itself can be read
        return NO_METADATA
