"""The palette of a PCX, which lies at its end: without it, Pillow takes colours for levels of grey."""

_PALETTE = 1 + 3 * 256  # bytes, of which the first is a mark
_MARK = 12
_VERSION, _BITS, _PLANES, _KIND = 1, 3, 65, 68  # places in the header
_WITH_PALETTE, _GREY = 5, 2


def find_fault(data: bytes) -> str | None:
    """Find out whether a PCX of 256 colours lacks its palette."""
    if data[_VERSION] != _WITH_PALETTE or (data[_BITS], data[_PLANES]) != (8, 1) or data[_KIND] == _GREY:
        return None
    return None if data[-_PALETTE] == _MARK else "its palette is missing"
