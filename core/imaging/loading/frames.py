"""Which frame of an animation stands for it: the first that is not blank."""

import time

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

_MOST_FRAMES = 50  # that are looked at
_SECONDS = 3.0  # for looking at them
_BLANK = 8  # of 255: a frame whose values differ by no more shows nothing


def is_blank_animation(file: Image.Image) -> bool:
    """Tell whether a loaded file has more frames, and the one that is loaded shows nothing. Pages are no frames."""
    return not isinstance(file, TiffImageFile) and bool(getattr(file, "is_animated", False)) and _is_blank(file)


def find_first_picture(file: Image.Image) -> Image.Image | None:
    """Find the first frame that is not blank and has the size of the first one.

    `file` is the file, opened anew. Only the first frames are looked at, and for a limited time. None where all of
    these are blank, or cannot be read.
    """
    size, deadline = file.size, time.monotonic() + _SECONDS
    for number in range(1, min(_MOST_FRAMES, getattr(file, "n_frames", 1))):
        if time.monotonic() > deadline:
            return None
        try:
            file.seek(number)
            file.load()
        except Exception:  # a broken frame costs only the frames; codecs raise what they like
            return None
        if file.size == size and not _is_blank(file):
            return file.copy()
    return None


def _is_blank(frame: Image.Image) -> bool:
    """Tell whether all of a picture is of one colour, and equally transparent."""
    bands = frame.convert("RGBA").convert("RGBa").split()
    spans = [band.getextrema() for band in bands]
    return all(high - low <= _BLANK for low, high in spans)  # type: ignore[operator]  # of one band: two numbers
