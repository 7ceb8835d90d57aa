"""Kinds of RAW files, by their content."""

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.imaging.readers.tiff_layout import RAW_COLOURS

SUFFIXES = frozenset(
    """.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw
    .rw2 .rwl .sr2 .srf .srw .x3f""".split()
)
_SIGNATURES = (  # bytes, where they stand, kind
    (b"FUJIFILMCCD-RAW", 0, "a Fujifilm RAF"),
    (b"ftypcrx ", 4, "a Canon CR3"),
    (b"HEAPCCDR", 6, "a Canon CRW"),
    (b"IIRO", 0, "an Olympus ORF"),
    (b"IIRS", 0, "an Olympus ORF"),
    (b"MMOR", 0, "an Olympus ORF"),
    (b"IIU\0", 0, "a Panasonic RW2"),
    (b"FOVb", 0, "a Sigma X3F"),
    (b"\0MRM", 0, "a Minolta MRW"),
)
_TIFF_SIGNATURES = (
    (b"CR", 8, "a Canon CR2"),
    (b"IIIITwaR", 8, "a Phase One IIQ"),
    (b"MMMMRaw", 8, "a Phase One IIQ"),
)
_MAKERS = (
    *(("NIKON", "a Nikon NEF"), ("SONY", "a Sony ARW"), ("PENTAX", "a Pentax PEF"), ("RICOH", "a Pentax PEF")),
    *(("PHASE ONE", "a Phase One IIQ"), ("SAMSUNG", "a Samsung SRW"), ("HASSELBLAD", "a Hasselblad 3FR")),
)
_DNG_VERSION, _MAKE, _COMPRESSION, _COLOURS = 50706, 271, 259, 262
_COMPRESSIONS = (32767, 32769, 32770, 32867, 34316, 34713, 65000, 65535)  # that only cameras use


def tell_kind(data: bytes, directories: list[ImageFileDirectory_v2]) -> str | None:
    """Tell what kind of RAW a file is; None where it is none. `directories` are those of what is built like a TIFF."""
    for signature, place, kind in _SIGNATURES:
        if data.startswith(signature, place):
            return kind
    if not directories:
        return None
    for signature, place, kind in _TIFF_SIGNATURES:
        if data.startswith(signature, place):
            return kind
    if _DNG_VERSION in directories[0]:
        return "an Adobe DNG"
    for directory in directories:
        if directory.get(_COLOURS) in RAW_COLOURS or directory.get(_COMPRESSION) in _COMPRESSIONS:
            maker = str(directories[0].get(_MAKE, "")).upper()
            return next((kind for start, kind in _MAKERS if maker.startswith(start)), "a RAW file")
    return None
