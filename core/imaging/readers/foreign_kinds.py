"""What a file is that is none of the pictures that are read: named by its content, whatever its name says."""

_PICTURES = (  # signature, where it stands, kind
    (b"8BPS", 0, "a Photoshop file"),
    (b"gimp xcf", 0, "a GIMP file"),
    (b"DDS ", 0, "a DDS texture"),
    (b"qoif", 0, "a QOI picture"),
    (b"\x01\xda", 0, "an SGI picture"),
    (b"\x76\x2f\x31\x01", 0, "an OpenEXR picture"),
    (b"#?RADIANCE", 0, "a Radiance HDR picture"),
    (b"#?RGBE", 0, "a Radiance HDR picture"),
    (b"SIMPLE  =", 0, "a FITS picture"),
    (b"icns", 0, "an Apple icon"),
    (b"II\xbc\x01", 0, "a JPEG XR picture"),
    (b"\x8bMNG", 0, "an MNG animation"),
    (b"\x8bJNG", 0, "a JNG picture"),
    (b"BPG\xfb", 0, "a BPG picture"),
    (b"FLIF", 0, "a FLIF picture"),
    (b"DICM", 128, "a DICOM picture"),
    (b"/* XPM */", 0, "an XPM picture"),
    (b"\x59\xa6\x6a\x95", 0, "a Sun raster"),
    (b"BLP1", 0, "a BLP texture"),
    (b"BLP2", 0, "a BLP texture"),
    (b"P7\n", 0, "a PAM picture"),
    (b"PF\n", 0, "a PFM picture in colour"),
    (b"AT&TFORM", 0, "a DjVu document"),
    (b"%!PS", 0, "a PostScript drawing"),
    (b"\xc5\xd0\xd3\xc6", 0, "a PostScript drawing"),
    (b"\xd7\xcd\xc6\x9a", 0, "a Windows metafile"),
    (b" EMF", 40, "a Windows metafile"),
)
_OTHERS = (
    (b"Rar!", 0, "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive"),
    (b"\x1f\x8b", 0, "a gzip archive"),
    (b"BZh", 0, "a bzip2 archive"),
    (b"\xfd7zXZ\0", 0, "an xz archive"),
    (b"\x28\xb5\x2f\xfd", 0, "a zstd archive"),
    (b"ustar", 257, "a tar archive"),
    (b"\xd0\xcf\x11\xe0", 0, "an Office document"),
    (b"\x1a\x45\xdf\xa3", 0, "a video (Matroska or WebM)"),
    (b"\0\0\1\xba", 0, "a video (MPEG)"),
    (b"\0\0\1\xb3", 0, "a video (MPEG)"),
    (b"FLV\1", 0, "a video (Flash)"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, "a video (Windows Media)"),
    (b"OggS", 0, "a sound or video (Ogg)"),
    (b"fLaC", 0, "a sound (FLAC)"),
    (b"ID3", 0, "a sound (MP3)"),
    (b"SQLite format 3\0", 0, "a database (SQLite)"),
    (b"\x7fELF", 0, "a program"),
    (b"MZ", 0, "a program"),
)
_CURSOR = b"\0\0\2\0"
_QUICKTIME = (b"moov", b"mdat", b"wide", b"pnot")
_SOUNDS = (b"M4A ", b"M4B ", b"M4P ")
_BOXED_PICTURES = (b"mif1", b"msf1", b"miaf", b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "a sound (WAV)", b"ACON": "a Windows cursor"}
_TRANSPORT_PACKET = 188  # bytes
_HEAD = 1024  # bytes within which a document tells what it is


def tell_foreign_picture(data: bytes) -> str | None:
    """Tell what kind of picture or drawing it is that is not read; None where no kind is recognised."""
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in data[: 4 * _HEAD].lower():
        return "an SVG drawing"
    if data.startswith(_CURSOR) and data[4:6] != b"\0\0":  # a TGA may start alike, and has zeros there
        return "a Windows cursor"
    return _match(data, _PICTURES)


def tell_other(data: bytes) -> str | None:
    """Tell what a file is that is no picture at all; None where no kind is recognised."""
    if b"%PDF-" in data[:_HEAD]:
        return "a PDF document"
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    if data[4:8] == b"ftyp":
        return _tell_boxed(data[8:12])
    if data[4:8] in _QUICKTIME:
        return "a video (QuickTime)"
    if data[:1] == b"G" and data[_TRANSPORT_PACKET : 2 * _TRANSPORT_PACKET + 1 : _TRANSPORT_PACKET] == b"GG":
        return "a video (MPEG)"
    if data.startswith(b"PK\3\4"):
        return "an Office document" if b"[Content_Types].xml" in data[: 4 * _HEAD] else "a ZIP archive"
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (head[:1] == b"<" and b"<html" in head):
        return "an HTML page"
    if head.startswith(b"<?xml"):
        return "an XML document"
    return _match(data, _OTHERS)


def _tell_boxed(brand: bytes) -> str | None:
    if brand in _BOXED_PICTURES:
        return None
    if brand in _SOUNDS:
        return "a sound (MP4)"
    if brand == b"qt  ":
        return "a video (QuickTime)"
    return "a video (3GP)" if brand.startswith((b"3gp", b"3g2")) else "a video (MP4)"


def _match(data: bytes, signatures: tuple[tuple[bytes, int, str], ...]) -> str | None:
    return next((kind for signature, place, kind in signatures if data.startswith(signature, place)), None)
