"""What a file is that is none of the pictures that are read: named by its content, whatever its name says."""

import json
from contextlib import suppress

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
    (b"\0\5\x16\7", 0, "what macOS keeps beside a file (AppleDouble)"),
    (b"bplist00", 0, "a property list of macOS"),
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
_LONGEST_POINTER = 32 * 2**10  # bytes, as git-annex has it
_LONGEST_ANSWER = 64 * 2**10  # bytes
_TAGS = (b"<html", b"<head", b"<title", b"<body", b"<h1", b"<center")


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
    return _match(data, _OTHERS)


def tell_stand_in(data: bytes) -> str | None:
    """Tell what lies in the place of a picture, and how to get that; None where nothing is recognised."""
    if data.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a pointer of Git LFS, in place of the picture: get that with git lfs pull"
    if b"/annex/objects/" in data[:_LONGEST_POINTER] and len(data) <= _LONGEST_POINTER:
        return "a pointer of git-annex, in place of the picture: get that with git annex get"
    if len(data) > _HEAD and not data.strip(b"\0"):
        return "damaged: nothing but zeros, as an interrupted copy leaves it; copy or download the file again"
    if kind := _tell_answer(data):
        return f"{kind}, no picture: a server may have sent it in place of one; download the file again"
    return None


def _tell_answer(data: bytes) -> str | None:
    """Tell what kind of document it is, of those that servers send in place of a picture."""
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<!doctype html") or (head[:1] == b"<" and any(tag in head for tag in _TAGS)):
        return "an HTML page"
    if head.startswith(b"<?xml"):
        return "an XML document"
    if head.startswith(b"http/1."):
        return "a web server's answer"
    with suppress(ValueError):
        if head[:1] == b"{" and isinstance(json.loads(data[:_LONGEST_ANSWER].rstrip(b"\0")), dict):
            return "a JSON document"
    return None


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
