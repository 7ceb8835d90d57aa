"""Where a broken JPEG breaks off, and what is there of it up to that place.

The rest of the picture is found by decoding twice, with different bytes behind the break: what differs is made of them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from core.imaging.decode_request import Size
from core.imaging.recovery.recovered import UNKNOWN, Recovered, differing_pixels, recover_part

_SOF, _DHT, _SOI, _EOI, _SOS, _DNL = (0xC0, 0xC1, 0xC2), 0xC4, 0xD8, 0xD9, 0xDA, 0xDC
_RESTARTS = range(0xD0, 0xD8)
_BETWEEN_SCANS = {_DHT, _SOS, _EOI, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # APP0 and APP14 say how colours are coded
_END = b"\xff\xd9"
_ZEROS = bytes(64)  # no encoder writes as many of them in a row
_NOISE = 2**16  # bytes behind the break: enough for a few rows of blocks
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")

OpenPicture = Callable[[bytes], Image.Image]
"""Opens a picture and checks it against the limits."""

DraftOf = Callable[[Size], Size]
"""The least size to decode a picture of some size at."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """One scan: which components it has, which coefficients of them, and down to which bit."""

    components: tuple[int, ...]
    first: int
    last: int
    low_bit: int


@dataclass(slots=True)
class _Structure:
    """The scans up to where the file breaks off, the last of which is the broken one; `end` None: it does not."""

    scans: list[_Scan] = field(default_factory=list)
    end: int | None = None


def is_padded(data: bytes, warning: str) -> bool:
    """Tell whether a decoder's warning is of zeros between picture and end marker, which some cameras write."""
    extraneous = _EXTRANEOUS.search(warning)
    end = data.rfind(_END)
    return extraneous is not None and end > 0 and not data[end - int(extraneous[1]) : end].strip(b"\0")


def strip_header(data: bytes) -> bytes | None:
    """Strip what libjpeg may warn of although no pixel depends on it: metadata, and bytes between the first segments.

    None where there is no scan.
    """
    kept, position = [data[:2]], 2
    while (found := _MARKER.search(data, position)) is not None:
        marker, start = data[found.start() + 1], found.start()
        if marker == _SOS:
            return b"".join((*kept, data[start:]))
        position = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if marker not in _METADATA:
            kept.append(data[start:position])
    return None


def recover_jpeg(data: bytes, open_picture: OpenPicture, draft_of: DraftOf) -> Recovered | None:
    """Read what is there of a JPEG that a decoder complains of; None where that is next to nothing."""
    structure = _find_break(data)
    if structure.end is None:
        file, image = _decode(data, open_picture, draft_of)
        return recover_part(file, image, _whole_size(file), (0, 0, *image.size), UNKNOWN)
    if not structure.scans:
        return None
    there = data[: structure.end].rstrip(b"\xff")  # or it would make a marker with what follows
    file, image = _decode(there + _END, open_picture, draft_of)
    noise = np.random.default_rng(0).integers(1, 255, _NOISE, dtype=np.uint8).tobytes()
    _, other = _decode(there + noise + _END, open_picture, draft_of)
    whole = _whole_size(file)
    row, column, height = _find_first_difference(file, image, other, whole)
    area = min(1.0, (row * image.width + column * height) / (image.width * image.height))
    if area == 1.0 and len(data) - structure.end > len(_END):  # the noise shows nowhere: it broke before
        return recover_part(file, image, whole, (0, 0, *image.size), UNKNOWN)
    seen = _compute_coverage(structure.scans[:-1], file)
    refined = _compute_coverage(structure.scans, file)
    if seen.has_luminance:  # the picture is there from top to bottom, without its last detail
        share = 0.5 + 0.5 * (seen.detail + area * (refined.detail - seen.detail))
        return recover_part(file, image, whole, (0, 0, *image.size), share)
    box = (0, 0, image.width, row) if row else (0, 0, column, min(height, image.height))
    return recover_part(file, image, whole, box, area * (0.5 + 0.5 * refined.detail))


def _decode(data: bytes, open_picture: OpenPicture, draft_of: DraftOf) -> tuple[JpegImageFile, Image.Image]:
    file = open_picture(data)
    assert isinstance(file, JpegImageFile)
    file.info["whole_size"] = file.size
    file.draft(None, draft_of(file.size))
    file.load()
    return file, file


def _whole_size(file: Image.Image) -> Size:
    size: Size = file.info["whole_size"]
    return size


def _find_first_difference(file: JpegImageFile, one: Image.Image, other: Image.Image, whole: Size) -> tuple[int, ...]:
    """Find the first block of noise: the row and the column where it begins, and its height, in pixels of `one`."""
    scale = whole[1] / one.height
    across, down = (max(layer[n] for layer in file.layer) * 8 for n in (1, 2))
    height, width = max(1, round(down / scale)), max(1, round(across / scale))
    differ = differing_pixels(one, other)
    rows = np.flatnonzero(differ.any(axis=1))
    if not rows.size:
        return one.height, 0, height
    row = int(rows[0]) // height * height
    columns = np.flatnonzero(differ[row : row + height].any(axis=0))
    return row, int(columns[0]) // width * width, height


@dataclass(frozen=True, slots=True)
class _Coverage:
    """What is known of the coefficients: the first of the luminance, and the share of all of them."""

    has_luminance: bool
    detail: float


def _compute_coverage(scans: list[_Scan], file: JpegImageFile) -> _Coverage:
    """Compute what whole scans tell. A coefficient of which n low bits are missing counts as 1 / (1 + n)."""
    known = {layer[0]: np.zeros(64) for layer in file.layer}
    for scan in scans:
        for component in scan.components:
            if component in known:
                known[component][scan.first : scan.last + 1] = 1 / (1 + scan.low_bit)
    luminance = known[file.layer[0][0]]
    return _Coverage(bool(luminance[0]), float(np.mean(list(known.values()))))


def _find_break(data: bytes) -> _Structure:
    """Walk the markers up to the end marker, or to the first place where the file is not a JPEG any more."""
    structure = _Structure()
    position, components = 2, 0
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            structure.end = len(data.rstrip(b"\0"))
            return structure
        marker, position = data[found.start() + 1], found.end()
        if marker == _EOI:
            return structure
        if marker in _RESTARTS or marker == _SOI:
            continue
        end = position + int.from_bytes(data[position : position + 2], "big")
        if end > len(data) or end < position + 2:
            structure.end = found.start()
            return structure
        if marker in _SOF:
            components = data[position + 7]
        if marker != _SOS:
            position = end
            continue
        count = data[position + 2]
        parameters = data[position + 3 : end]
        if len(parameters) != 2 * count + 3:
            structure.end = found.start()
            return structure
        first, last, bits = parameters[-3:]
        structure.scans.append(_Scan(tuple(parameters[: 2 * count : 2]), first, min(last, 63), bits & 15))
        position, structure.end = _find_scan_end(data, end, may_continue=count < components or last < 63)
        if structure.end is not None:
            return structure


def _find_scan_end(data: bytes, start: int, *, may_continue: bool) -> tuple[int, int | None]:
    """Find the marker behind a scan, and where the scan breaks off before it, None where it does not."""
    position, restart = start, _RESTARTS[0]
    while True:
        found = _MARKER.search(data, position)
        end = len(data) if found is None else found.start()
        zeros = data.find(_ZEROS, position, end)
        if zeros >= 0:
            return end, zeros
        if found is None:
            return end, len(data.rstrip(b"\0"))
        marker = data[found.start() + 1]
        if marker == restart:
            position, restart = found.end(), _RESTARTS[(restart + 1) % len(_RESTARTS)]
            continue
        allowed = _BETWEEN_SCANS if may_continue else {_EOI, _DNL}
        return end, None if marker in allowed else end
