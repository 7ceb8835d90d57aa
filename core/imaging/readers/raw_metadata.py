"""The EXIF data of a RAW file, put on its preview: the preview's own tell less, or nothing."""

from PIL import Image

from core.imaging.readers.tiff_directories import plain_header

_EXIF_IFD, _GPS_IFD, _TIME, _TAKEN, _XMP = 0x8769, 0x8825, 0x0132, 0x9003, 700
_CANON_HEAD = 2**21  # bytes within which a CR3 has its metadata
_CANON_BOXES = ((b"CMT2", _EXIF_IFD), (b"CMT4", _GPS_IFD))


def set_metadata(preview: Image.Image, data: bytes, taken: str | None) -> None:
    """Set the EXIF data of the RAW; `taken` is LibRaw's "YYYY:MM:DD HH:MM:SS", for files whose EXIF tells no time."""
    exif = preview.getexif()
    header = plain_header(data)
    try:
        if header is not None:
            exif.load(data if data.startswith(header) else header + data[len(header) :])
        elif data.startswith(b"ftypcrx ", 4) and (first := _find_box(data, b"CMT1")):
            exif.load(first)
            for name, directory in _CANON_BOXES:
                other = Image.Exif()
                other.load(_find_box(data, name))
                exif.get_ifd(directory).update(dict(other))
        xmp = exif.get(_XMP)
        if isinstance(xmp, bytes):
            preview.info["xmp"] = xmp
        if taken and not exif.get_ifd(_EXIF_IFD).get(_TAKEN) and not exif.get(_TIME):
            exif.get_ifd(_EXIF_IFD)[_TAKEN] = taken
    except Exception:  # parsers of damaged metadata: the picture itself can be read
        return


def _find_box(data: bytes, name: bytes) -> bytes:
    """Find the content of a box of Canon's container; b"" where there is none."""
    place = data.find(name, 4, _CANON_HEAD)
    if place < 0:
        return b""
    length = int.from_bytes(data[place - 4 : place], "big")
    return data[place + 4 : place - 4 + length]
