"""A broken file -> the part of its picture that is there."""

from core.imaging.recovery import jp2
from core.imaging.recovery.canvas import recover_rows
from core.imaging.recovery.container import is_boxed, is_webp, recover_contained
from core.imaging.recovery.jpeg import DraftOf, OpenPicture, recover_jpeg
from core.imaging.recovery.recovered import Recovered

_JPEG = b"\xff\xd8\xff"


def recover(data: bytes, open_picture: OpenPicture, draft_of: DraftOf) -> Recovered | None:
    """Read what is there of a file that its decoder refuses, or that has a fault; None where that is next to nothing.

    `draft_of` computes the least size that a JPEG is decoded at.
    Raises what decoders raise. The caller holds the lock on Pillow's global settings.
    """
    if is_webp(data) or is_boxed(data):
        return recover_contained(data, open_picture)
    if data.startswith(_JPEG):
        return recover_jpeg(data, open_picture, draft_of)
    if jp2.is_jpeg_2000(data):
        found = jp2.recover_jp2(data, open_picture)
        if found is not None or jp2.ends_in_zeros(data):
            return found
    return recover_rows(data, open_picture)
