"""The directories of a TIFF and of the RAW formats that are built like one."""

import io

from PIL.TiffImagePlugin import ImageFileDirectory_v2

SUB_DIRECTORIES = 330
_MOST = 24  # directories that are read; those of a RAW's pictures come early
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


def plain_header(data: bytes) -> bytes | None:
    """Return the header of a file that is built like a TIFF, with TIFF's own magic number; None where it is not."""
    order = data[:2]
    if len(data) < 8 or order not in (b"II", b"MM"):
        return None
    return order + (b"*\0" if order == b"II" else b"\0*") + data[4:8]
