"""Kinds of JPEG that are valid and that no common viewer reads."""

_KINDS = {  # by the marker that starts a frame
    **{0xC3: "a lossless JPEG", 0xC5: "a hierarchical JPEG", 0xC6: "a hierarchical JPEG", 0xC7: "a hierarchical JPEG"},
    **{0xCB: "a lossless JPEG", 0xCD: "a hierarchical JPEG", 0xCE: "a hierarchical JPEG", 0xCF: "a hierarchical JPEG"},
    0xF7: "a JPEG-LS picture",
}
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))


def tell_unsupported_jpeg(data: bytes) -> str | None:
    """Tell the kind of a JPEG that is not supported by the header of its first frame; None where it is a usual one."""
    place = 2
    while place + 10 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in _KINDS:
            return _KINDS[marker]
        if marker in _FRAMES:
            bits, components = data[place + 4], data[place + 9]
            if bits != 8:
                return f"a JPEG of {bits} bits"
            return f"a JPEG of {components} components" if components not in (1, 3, 4) else None
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
