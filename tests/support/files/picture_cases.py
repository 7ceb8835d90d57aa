"""Some 350 small files of every kind that people have, each with what is to become of it."""

import struct
from collections.abc import Iterator

from PIL import Image
from pillow_jxl import JpegXLImagePlugin

from tests.support.files import raw_writer
from tests.support.files.case import (
    CORNERS,
    GREYS,
    HEIGHT,
    INKS,
    WIDTH,
    Case,
    Colour,
    encode,
    make_grey,
    paint,
    show_inks,
    turn,
)
from tests.support.files.tiff_cases import list_tiff_cases


def list_cases() -> list[Case]:
    """Make all of them."""
    return [
        *list_tiff_cases(),
        *_raw_files(),
        *_raw_files_without_preview(),
        *_pillow_formats(),
        *_jpegs(),
        *_foreign_files(),
    ]


def _raw_files() -> Iterator[Case]:
    """RAW files whose previews are stored as the sensor saw."""
    width, height = raw_writer.SIZE
    for orientation in range(1, 9):
        stored, _ = turn(paint(size=(400, 300) if orientation < 5 else (300, 400)), orientation)
        size = (width, height) if orientation < 5 else (height, width)
        data = raw_writer.make_tiff_raw([stored], orientation=orientation, dng=True)
        yield Case(f"{orientation}.dng", data, size)
        if orientation in (1, 3, 6, 8):
            own = stored.size if orientation < 5 else stored.size[::-1]
            yield Case(f"{orientation}.cr2", raw_writer.make_cr2(stored, orientation=orientation), own)
            yield Case(f"{orientation}.cr3", raw_writer.make_cr3(stored, orientation=orientation), own)
            yield Case(f"{orientation}.raf", raw_writer.make_raf(stored, orientation=orientation), own)
    shown = paint(size=(400, 300))
    for name, options in (
        ("a.nef", {"maker": "NIKON CORPORATION", "model": "NIKON TEST"}),
        ("a.arw", {"maker": "SONY", "model": "ILCE-TEST"}),
        ("a.pef", {"maker": "PENTAX", "model": "PENTAX TEST", "order": ">"}),
        ("a.orf", {"maker": "OLYMPUS CORPORATION", "model": "E-TEST", "magic": b"IIRO"}),
        ("a.rw2", {"maker": "Panasonic", "model": "DC-TEST", "magic": b"IIU\0"}),
        ("a.iiq", {"maker": "Phase One", "model": "IQ TEST"}),
        ("a.srw", {"maker": "SAMSUNG", "model": "NX TEST"}),
        ("no-suffix", {"maker": "NIKON CORPORATION", "model": "NIKON TEST"}),
        ("renamed.jpg", {"dng": True}),
    ):
        smaller = paint(GREYS, (200, 150))
        yield Case(name, raw_writer.make_tiff_raw([smaller, shown], **options), (width, height))  # type: ignore[arg-type]
    upright = paint(size=(300, 400))  # though the RAW is stored lying
    yield Case("upright.dng", raw_writer.make_tiff_raw([upright], orientation=6, dng=True), (height, width))


def _raw_files_without_preview() -> Iterator[Case]:
    small = [paint(size=(160, 120))]
    for name, data, reason in (
        ("strip.dng", raw_writer.make_tiff_raw([], dng=True), "an Adobe DNG without preview"),
        ("bare.dng", raw_writer.make_tiff_raw([], dng=True, strip=False), "an Adobe DNG without preview"),
        ("small.dng", raw_writer.make_tiff_raw(small, dng=True), "an Adobe DNG without preview"),
        ("strip.nef", raw_writer.make_tiff_raw([], maker="NIKON CORPORATION"), "a Nikon NEF: RAW without preview"),
        ("bare.arw", raw_writer.make_tiff_raw([], maker="SONY", strip=False), "a Sony ARW: RAW without preview"),
        ("small.raf", raw_writer.make_raf(small[0]), "a Fujifilm RAF: RAW without preview"),
        ("small.cr3", raw_writer.make_cr3(small[0]), "a Canon CR3: RAW without preview"),
    ):
        yield Case(name, data, reason=f"{reason}.*export a JPEG")


def _pillow_formats() -> Iterator[Case]:
    colours, greys = paint(), paint(tuple(colour[:1] for colour in GREYS))
    palette, translucent = colours.quantize(8, dither=Image.Dither.NONE), colours.copy()
    translucent.putalpha(255)
    for kind, suffix, image, corners in (
        *(("JPEG2000", "jp2", image, c) for image, c in ((colours, CORNERS), (greys, GREYS), (translucent, CORNERS))),
        *(("PPM", "ppm", image, c) for image, c in ((colours, CORNERS), (greys, GREYS), (greys.convert("F"), GREYS))),
        *(("TGA", "tga", image, c) for image, c in ((colours, CORNERS), (greys, GREYS), (translucent, CORNERS))),
        *(("PCX", "pcx", image, c) for image, c in ((colours, CORNERS), (greys, GREYS))),
        *((kind, kind.lower(), palette, None) for kind in ("TGA", "PCX", "GIF", "BMP", "PNG", "TIFF")),
        *((kind, kind.lower(), colours, CORNERS) for kind in ("PNG", "BMP", "TIFF", "MPO")),
    ):
        shown = _look(image) if corners is None else corners
        yield Case(f"{image.mode}.{suffix}", encode(image, kind), corners=shown, tolerance=12)
    yield Case("codestream.j2k", encode(colours, "JPEG2000", no_jp2=True), tolerance=8)
    yield Case("run-lengths.tga", encode(colours, "TGA", compression="tga_rle"))
    yield Case("old-style", encode(colours, "TGA")[:-26], reason="not an image of a known format")
    yield Case("with-footer", encode(colours, "TGA"))
    yield Case("icon.ico", encode(colours.resize((32, 32), 0), "ICO", sizes=[(16, 16), (32, 32)]), (32, 32))
    yield Case("deep.pgm", b"P5 48 32 65535\n" + make_grey("u2").astype(">u2").tobytes(), corners=GREYS)
    yield Case("text.ppm", _plain_ppm(colours))
    black = paint(((0,), (255,), (255,), (0,))).convert("1")
    ends = ((0, 0, 0), (255, 255, 255), (255, 255, 255), (0, 0, 0))
    for kind in ("PPM", "TGA", "PCX", "BMP"):
        yield Case(f"bits.{kind.lower()}", encode(black, kind), corners=ends)
    yield Case("screen.gif", _narrow_screen(encode(colours.quantize(8), "GIF")), tolerance=8)
    for mode, image in (("RGB", colours), ("L", greys), ("RGBA", translucent)):
        data = _encode_jxl(image, lossless=True)
        yield Case(f"{mode}.jxl", data, corners=GREYS if mode == "L" else CORNERS)
        boxed = _encode_jxl(image, lossless=True, use_container=True)
        yield Case(f"{mode}-container.jxl", boxed, corners=GREYS if mode == "L" else CORNERS)
    _, exif = turn(colours, 6)
    yield Case("container-decides.jxl", _encode_jxl(colours, lossless=True, exif=exif))


def _encode_jxl(image: Image.Image, **options: object) -> bytes:
    assert JpegXLImagePlugin.JXLImageFile.format == "JXL"  # importing it registers the writer
    return encode(image, "JXL", **options)


def _look(image: Image.Image) -> tuple[Colour, ...]:
    shown = image.convert("RGB")
    points = ((2, 2), (WIDTH - 3, 2), (2, HEIGHT - 3), (WIDTH - 3, HEIGHT - 3))
    return tuple(shown.getpixel(point) for point in points)  # type: ignore[misc]


def _plain_ppm(image: Image.Image) -> bytes:
    return f"P3 {WIDTH} {HEIGHT} 255\n{' '.join(map(str, image.tobytes()))}\n".encode()


def _narrow_screen(data: bytes) -> bytes:
    """Let a GIF say that its screen is smaller than its frame."""
    return data[:6] + struct.pack("<2H", WIDTH // 2, 1) + data[10:]


def _jpegs() -> Iterator[Case]:
    for orientation in range(1, 9):
        stored, exif = turn(paint(), orientation)
        yield Case(f"{orientation}.jpg", encode(stored, "JPEG", exif=exif, quality=95), tolerance=12)
    inks = show_inks()
    coded = encode(paint(INKS), "JPEG", quality=100)
    yield Case("cmyk.jpg", coded, corners=inks, tolerance=14)
    yield Case("progressive.jpe", encode(paint(), "JPEG", progressive=True, quality=95), tolerance=12)
    yield Case("grey.jfif", encode(paint(tuple(c[:1] for c in GREYS)), "JPEG", quality=95), corners=GREYS)
    usual = encode(paint(), "JPEG")
    frame = usual.index(b"\xff\xc0")
    for marker, bits, components, reason in (
        (0xC0, 12, 3, "a JPEG of 12 bits"),
        (0xC3, 16, 3, "a lossless JPEG"),
        (0xF7, 8, 3, "a JPEG-LS picture"),
        (0xC0, 8, 2, "a JPEG of 2 components"),
    ):
        data = bytearray(usual)
        data[frame + 1], data[frame + 4], data[frame + 9] = marker, bits, components
        yield Case(f"{marker}-{bits}.jpg", bytes(data), reason=f"{reason}: not supported; convert")


def _foreign_files() -> Iterator[Case]:
    for name, start, reason in (
        ("a.jpg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing: not supported"),
        ("b.jpg", b"<svg/>", "an SVG drawing: not supported"),
        ("c.jpg", b"%PDF-1.7\n", "a PDF document, no picture"),
        ("d.jpg", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", r"a video \(MP4\), no picture"),
        ("e.jpg", b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", r"a video \(QuickTime\), no picture"),
        ("f.jpg", b"\0\0\0\x20ftyp3gp4", r"a video \(3GP\)"),
        ("g.jpg", b"\0\0\0\x20ftypM4A ", r"a sound \(MP4\)"),
        ("h.jpg", b"\x1a\x45\xdf\xa3\x01webm", r"a video \(Matroska or WebM\)"),
        ("i.jpg", b"RIFF\x24\0\0\0AVI LIST", r"a video \(AVI\)"),
        ("j.jpg", b"RIFF\x24\0\0\0WAVEfmt ", r"a sound \(WAV\)"),
        ("k.jpg", b"\0\0\1\xba\x44", r"a video \(MPEG\)"),
        ("l.jpg", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", r"a video \(Windows Media\)"),
        ("m.jpg", b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page, no picture"),
        ("n.jpg", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
        (
            "lfs.jpg",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
            "a pointer of Git LFS.*git lfs pull",
        ),
        ("annex.jpg", b"/annex/objects/SHA256E-s123--4d7a.jpg\n", "a pointer of git-annex.*git annex get"),
        ("zeros.jpg", bytes(5000), "damaged: nothing but zeros.*again"),
        ("json.jpg", b'{"error": {"code": 404}}', "a JSON document.*download the file again"),
        ("fragment.png", b"<h1>502 Bad Gateway</h1>", "an HTML page.*download the file again"),
        ("answer.png", b"HTTP/1.1 404 Not Found\r\n\r\n", "a web server's answer"),
        ("beside.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X        ", "what macOS keeps beside a file"),
        ("as_text.png", b"\x89PNG\n\x1a\n\0\0\0\rIHDR", "damaged: starts like PNG"),
        ("o.jpg", b"PK\3\4\x14\0", "a ZIP archive"),
        ("p.jpg", b"Rar!\x1a\7", "a RAR archive"),
        ("q.jpg", b"\x1f\x8b\x08", "a gzip archive"),
        ("r.jpg", b"8BPS\0\1", "a Photoshop file: not supported; convert it to JPEG or PNG"),
        ("s.jpg", b"gimp xcf v011", "a GIMP file: not supported"),
        ("t.jpg", b"qoif\0\0", "a QOI picture: not supported"),
        ("u.jpg", b"\x01\xda\x01\x01", "an SGI picture: not supported"),
        ("v.jpg", b"\x76\x2f\x31\x01", "an OpenEXR picture: not supported"),
        ("w.jpg", b"#?RADIANCE\n", "a Radiance HDR picture: not supported"),
        ("x.jpg", b"II\xbc\x01", "a JPEG XR picture: not supported"),
        ("y.jpg", bytes(128) + b"DICM", "a DICOM picture: not supported"),
        ("z.jpg", b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript drawing: not supported"),
        ("a.tga", b"hello, this is a text and no picture at all", "not an image of a known format|damaged"),
        ("b.png", b"hello", "not an image of a known format"),
        ("c.png", b"", "the file is empty"),
    ):
        yield Case(name, start + bytes(400) if start and name != "b.png" else start, reason=reason)
