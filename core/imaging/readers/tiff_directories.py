"""The directories of a TIFF and of the RAW formats that are built like one."""

import io
import struct

from PIL.TiffImagePlugin import ImageFileDirectory_v2

SUB_DIRECTORIES = 330
CUT = (
    "it is cut off: the directory that tells where its picture lies is missing, or not whole;"
    " copy or download the file again"
)

_MOST = 24  # directories that are read; those of a RAW's pictures come early
_BIG = (b"+\0", b"\0+")
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its type."""
_TAGS_OF_PIXELS = (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347)
_FAILURES = (SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OSError, OverflowError)


def read_directories(data: bytes) -> list[ImageFileDirectory_v2]:
    """Read the directories and their sub-directories, in order; damaged ones end the list.

    Makers' own magic numbers, as in ORF and RW2, are taken for TIFF's.
    """
    header = plain_header(data)
    if header is None:
        return []
    file, found = io.BytesIO(data), list[ImageFileDirectory_v2]()
    try:
        waiting, seen = [ImageFileDirectory_v2(header).next], set[int]()
        while waiting and len(found) < _MOST:
            offset = waiting.pop(0)
            if offset in seen or not 0 < offset < len(data):
                continue
            seen.add(offset)
            file.seek(offset)
            directory = ImageFileDirectory_v2(header)
            directory.load(file)
            found.append(directory)
            below = directory.get(SUB_DIRECTORIES, ())
            waiting += [place for place in (below if isinstance(below, tuple) else (below,)) if isinstance(place, int)]
            waiting.append(directory.next)
    except _FAILURES:
        pass
    return found


def is_directory_cut(data: bytes, *, values: bool = True) -> bool:
    """Tell whether the file ends before its first directory does; `values`: or before a value that tells of pixels."""
    header = plain_header(data)
    if header is None:
        return False
    order = "<" if header.startswith(b"II") else ">"
    big = data[2:4] in _BIG
    counts, entry, inline = ("Q", "HHQQ", 8) if big else ("H", "HHII", 4)
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + counts, data, start)
        start += struct.calcsize(order + counts)
        length = struct.calcsize(order + entry)
        if start + count * length > len(data):
            return True
        for number in range(count if values else 0):
            tag, kind, amount, place = struct.unpack_from(order + entry, data, start + number * length)
            size = amount * _WIDTHS.get(kind, 0)
            if tag in _TAGS_OF_PIXELS and size > inline and place + size > len(data):
                return True
    except struct.error:
        return True
    return False


def plain_header(data: bytes) -> bytes | None:
    """Return the header of a file that is built like a TIFF, with TIFF's own magic number; None where it is not."""
    order = data[:2]
    if len(data) < 8 or order not in (b"II", b"MM"):
        return None
    return order + (b"*\0" if order == b"II" else b"\0*") + data[4:8]
