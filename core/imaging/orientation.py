"""Which way up a picture is, by its EXIF data."""

from PIL import Image

ORIENTATION = 0x0112
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_orientation(file: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8; 1 where there is none, or where the EXIF data is damaged."""
    try:
        orientation = file.getexif().get(ORIENTATION, 1)
    except Exception:  # a parser of hostile bytes; the picture itself has been read
        return 1
    return orientation if orientation in TRANSPOSITIONS else 1
