"""About 250 small files of every kind that people have, each with what is to become of it.

The pictures show four colours in their corners. `size` and `corners` are those of the upright picture; `reason` is what
is told of a file that is refused.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw
from pillow_jxl import JpegXLImagePlugin

from tests.support import raw_files
from tests.support.tiff_files import DEFLATE, LONG, PACKBITS, SHORT, Entry, Order, TiffBuilder, write_tiff

Colour = tuple[int, int, int]

WIDTH, HEIGHT = 48, 32
CORNERS: tuple[Colour, ...] = ((220, 40, 30), (40, 180, 60), (30, 50, 200), (240, 230, 120))  # by rows
GREYS: tuple[Colour, ...] = ((20, 20, 20), (90, 90, 90), (160, 160, 160), (240, 240, 240))
INKS = ((10, 220, 200, 5), (200, 20, 220, 10), (220, 180, 10, 20), (5, 10, 120, 0))
_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A file, its name, and what it is to become: a picture of this size and these corners, or a reason."""

    name: str
    data: bytes
    size: tuple[int, int] = (WIDTH, HEIGHT)
    corners: tuple[Colour, ...] = CORNERS
    reason: str | None = None
    tolerance: int = 4


def list_cases() -> list[Case]:
    """Make all of them."""
    return [
        *_turned_tiffs(),
        *_tiff_layouts(),
        *_extra_samples(),
        *_odd_depths(),
        *_lab_tiffs(),
        *_other_tiffs(),
        *_refused_tiffs(),
        *_raw_files(),
        *_raw_files_without_preview(),
        *_pillow_formats(),
        *_jpegs(),
        *_foreign_files(),
    ]


def paint(corners: tuple[tuple[int, ...], ...] = CORNERS, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """Paint a picture with these corners, of mode L, RGB or CMYK by the length of a colour."""
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[len(corners[0])]
    image = Image.new(mode, size)
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(corners):
        left, top = (number % 2) * size[0] // 2, (number // 2) * size[1] // 2
        draw.rectangle((left, top, left + size[0], top + size[1]), colour if len(colour) > 1 else colour[0])
    return image


def _samples(kind: str, corners: tuple[tuple[int, ...], ...] = CORNERS) -> NDArray[Any]:
    """Make samples (H, W, N) of a number type, scaled from 8 bits to its full scale; floats are linear light."""
    levels = np.asarray(paint(corners)).astype(np.float64).reshape(HEIGHT, WIDTH, -1) / 255
    if kind[0] == "f":
        return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(kind)
    return (levels * np.iinfo(kind).max).round().astype(kind)


def _grey(kind: str) -> NDArray[Any]:
    return _samples(kind, tuple(colour[:1] for colour in GREYS))


def _show_inks() -> tuple[Colour, ...]:
    """Ask libvips what the inks look like."""
    shown = pyvips.Image.new_from_array(np.array([INKS], np.uint8)).copy(interpretation="cmyk").colourspace("srgb")
    return tuple(tuple(int(level) for level in colour) for colour in shown.numpy()[0])


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _turn(image: Image.Image, orientation: int) -> tuple[Image.Image, bytes]:
    """Return the picture as it is stored under an orientation, and EXIF data with it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return (image.transpose(_UNDO[orientation]) if orientation in _UNDO else image), exif.tobytes()


def _turned_tiffs() -> Iterator[Case]:
    for orientation in range(1, 9):
        for corners in (CORNERS, GREYS):
            stored, exif = _turn(paint(corners), orientation)
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
                if corners == CORNERS or compression in ("raw", "tiff_lzw"):
                    data = _encode(stored, "TIFF", exif=exif, compression=compression)
                    name = f"{compression}-{orientation}-{corners[0][0]}.tif"
                    yield Case(name, data, corners=corners, tolerance=12 if compression == "jpeg" else 4)
        stored, _ = _turn(paint(), orientation)
        tags: dict[int, Entry] = {274: (SHORT, orientation)}
        data = write_tiff(np.asarray(stored), 2, tile=16, compression=DEFLATE, tags=tags)
        yield Case(f"tiled-{orientation}.tif", data)
        data = write_tiff(np.asarray(stored), 2, planar=True, rows=8, tags=tags)
        yield Case(f"planes-{orientation}.tif", data)


def _tiff_layouts() -> Iterator[Case]:
    orders: tuple[Order, ...] = ("<", ">")
    for kind, planar, order in product(("u1", "u2", "u4", "f2", "f4", "f8", "i2"), (False, True), orders):
        data = write_tiff(_samples(kind), 2, planar=planar, order=order, rows=10)
        yield Case(f"rgb-{kind}-{planar}-{order}.tif", data)
    inks = _show_inks()
    for kind, planar, extra in product(("u1", "u2"), (False, True), ((), (0,), (0, 0), (2,))):
        samples = _samples(kind, INKS)
        whole = np.concatenate([samples, *[np.full_like(samples[:, :, :1], np.iinfo(kind).max)] * len(extra)], axis=2)
        data = write_tiff(whole, 5, planar=planar, extra=extra)
        yield Case(f"cmyk-{kind}-{planar}-{len(extra)}-{sum(extra)}.tif", data, corners=inks, tolerance=10)
    for kind, order in product(("u1", "u2", "u4", "i2", "f4", "f8"), orders):
        if kind in ("u1", "u2"):
            yield Case(f"grey-{kind}-{order}.tif", write_tiff(_grey(kind), 1, order=order), corners=GREYS)
            inverted = np.iinfo(kind).max - _grey(kind)
            yield Case(f"white-is-zero-{kind}-{order}.tif", write_tiff(inverted, 0, order=order), corners=GREYS)
        else:  # levels of 16 bits in numbers that hold more
            levels = (_grey("u2") // (2 if kind == "i2" else 1)).astype(kind)
            dim = tuple((c[0] // 2,) * 3 for c in GREYS) if kind == "i2" else GREYS
            yield Case(f"grey-{kind}-{order}.tif", write_tiff(levels, 1, order=order), corners=dim)


def _extra_samples() -> Iterator[Case]:
    """RGB and grey with alpha, or with samples that mean nothing, over white."""
    for kind, planar, extra in product(("u1", "u2"), (False, True), ((1,), (2,), (0,), (0, 0), (2, 0))):
        top = np.iinfo(kind).max
        for photometric, base, corners in ((2, _samples(kind), CORNERS), (1, _grey(kind), GREYS)):
            more = [np.full_like(base[:, :, :1], top // 2)] * len(extra)
            colours = base // 2 if extra[0] == 1 else base
            data = write_tiff(np.concatenate([colours, *more], axis=2), photometric, planar=planar, extra=extra)
            shown = corners
            if extra[0]:
                shown = tuple(tuple((level + 255) // 2 for level in colour) for colour in corners)
            name = f"extra-{kind}-{planar}-{photometric}-{'-'.join(map(str, extra))}.tif"
            yield Case(name, data, corners=shown, tolerance=6)


def _odd_depths() -> Iterator[Case]:
    for bits in (2, 4, 10, 12, 14):
        for photometric, base, corners in ((2, _samples("u2"), CORNERS), (1, _grey("u2"), GREYS)):
            top = 2**bits - 1
            packed = np.rint(base / 65535 * top).astype("u2")
            shown = corners if bits > 4 else _quantise(corners, top)
            yield Case(f"bits-{bits}-{photometric}.tif", write_tiff(packed, photometric, bits=bits), corners=shown)
    numbers = np.asarray(paint(((0,), (1,), (2,), (3,)))).reshape(HEIGHT, WIDTH, 1)
    for bits in (2, 4, 8, 16):
        levels = np.zeros((3, 2**bits), int)
        levels[:, :4] = np.array(CORNERS).T * 257
        tags: dict[int, Entry] = {320: (SHORT, levels.ravel().tolist())}
        data = write_tiff(numbers.astype("u2" if bits == 16 else "u1"), 3, bits=bits, tags=tags)
        yield Case(f"palette-{bits}.tif", data)
    black = np.asarray(paint(((0,), (1,), (1,), (0,)))).reshape(HEIGHT, WIDTH, 1)
    for photometric in (0, 1):
        ends: tuple[Colour, ...] = ((0, 0, 0), (255, 255, 255))
        corners = tuple(ends[value ^ (photometric == 0)] for value in (0, 1, 1, 0))
        yield Case(f"one-bit-{photometric}.tif", write_tiff(black, photometric, bits=1), corners=corners)


def _quantise(corners: tuple[Colour, ...], top: int) -> tuple[Colour, ...]:
    return tuple(tuple(round(level / 255 * top) * 255 // top for level in colour) for colour in corners)


def _lab_tiffs() -> Iterator[Case]:
    srgb, space = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(paint(), srgb, space, outputMode="LAB")
    assert lab is not None
    shown = np.asarray(lab).astype(int)  # a and b are signed bytes
    signed = np.where(shown > 127, shown - 256, shown)
    for photometric, wide, planar in product((8, 9), (False, True), (False, True)):
        scale, top = (256, (65280 if photometric == 9 else 65535)) if wide else (1, 255)
        shift = 128 if photometric == 9 else 0
        levels = np.stack(
            [shown[:, :, 0] * top // 255, (signed[:, :, 1] + shift) * scale, (signed[:, :, 2] + shift) * scale], axis=2
        )
        data = write_tiff(levels.astype("u2" if wide else "u1"), photometric, planar=planar)
        yield Case(f"lab-{photometric}-{wide}-{planar}.tif", data, tolerance=6)


def _other_tiffs() -> Iterator[Case]:
    yield Case("big.tif", write_tiff(_samples("u1"), 2, big=True))
    for compression in (DEFLATE, PACKBITS):
        yield Case(
            f"planes-method-{compression}.tif", write_tiff(_samples("u2"), 2, planar=True, compression=compression)
        )
    for kind, predictor in (("u1", 2), ("u2", 2), ("f4", 3), ("f2", 3)):
        for planar in (False, True):
            data = write_tiff(_samples(kind), 2, compression=DEFLATE, predictor=predictor, planar=planar)
            yield Case(f"predicted-{kind}-{planar}.tif", data)
    for tile in (16, 32):
        yield Case(f"tiles-{tile}.tif", write_tiff(_samples("u2"), 2, planar=True, tile=tile, compression=DEFLATE))
    yield Case("pages.tif", _encode(paint(), "TIFF", save_all=True, append_images=[paint(GREYS)]))
    for across, down in ((1, 1), (2, 2), (2, 1)):
        yield Case(f"ycbcr-{across}-{down}.tif", _subsampled(across, down), tolerance=8)
    strip = _encode(paint(), "WEBP", lossless=True)
    builder = TiffBuilder()
    tags: dict[int, Entry] = {256: (LONG, WIDTH), 257: (LONG, HEIGHT), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 50001)}
    tags |= {262: (SHORT, 2), 273: (LONG, builder.add(strip)), 277: (SHORT, 3), 279: (LONG, len(strip))}
    yield Case("webp.tif", builder.finish(builder.add_directory(tags)))


def _subsampled(across: int, down: int) -> bytes:
    """YCbCr without compression, where a block of pixels shares its colour."""
    pixels = np.asarray(paint().convert("YCbCr"))
    rows = []
    for top, left in product(range(0, HEIGHT, down), range(0, WIDTH, across)):
        block = pixels[top : top + down, left : left + across]
        rows.append(block[:, :, 0].tobytes() + block[0, 0, 1:].tobytes())
    data, builder = b"".join(rows), TiffBuilder()
    tags: dict[int, Entry] = {256: (LONG, WIDTH), 257: (LONG, HEIGHT), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 1)}
    tags |= {262: (SHORT, 6), 273: (LONG, builder.add(data)), 277: (SHORT, 3), 278: (LONG, HEIGHT)}
    tags |= {279: (LONG, len(data)), 284: (SHORT, 1), 530: (SHORT, [across, down])}
    return builder.finish(builder.add_directory(tags))


def _refused_tiffs() -> Iterator[Case]:
    rgb, one = _samples("u1"), np.zeros((HEIGHT, WIDTH, 1), "u1")
    for compression, reason in ((34712, "JPEG 2000"), (34934, "JPEG XR"), (34887, "LERC"), (50002, "JPEG XL")):
        data = write_tiff(rgb, 2, compression=compression)
        yield Case(
            f"{compression}.tif", data, reason=rf"an RGB TIFF: not supported \(.*compressed by {reason}\); convert"
        )
    for photometric, data, reason in (
        (10, rgb, "an ITU Lab TIFF: not supported"),
        (32845, rgb, "a LogLuv TIFF: not supported"),
        (4, one, "a mask TIFF: not supported"),
        (8, _samples("f4"), "a CIELab TIFF: not supported"),
        (5, _samples("i2", INKS), "a CMYK TIFF: not supported"),
        (77, rgb, "a colour space 77 TIFF: not supported"),
    ):
        yield Case(f"refused-{photometric}.tif", write_tiff(data, photometric), reason=f"{reason}.*; convert it")
    data = write_tiff(_samples("u1", INKS), 5, tags={332: (SHORT, 2)})
    yield Case("inks.tif", data, reason="a CMYK TIFF: not supported")
    data = write_tiff(rgb, 2, tags={258: (SHORT, [5, 6, 5])})
    yield Case("mixed.tif", data, reason="a TIFF whose samples differ")
    yield Case("big-endian.tif", write_tiff(rgb, 2, order=">", big=True), reason="a big-endian BigTIFF: not supported")


def _raw_files() -> Iterator[Case]:
    """RAW files whose previews are stored as the sensor saw."""
    width, height = raw_files.SIZE
    for orientation in range(1, 9):
        stored, _ = _turn(paint(size=(400, 300) if orientation < 5 else (300, 400)), orientation)
        size = (width, height) if orientation < 5 else (height, width)
        data = raw_files.make_tiff_raw([stored], orientation=orientation, dng=True)
        yield Case(f"{orientation}.dng", data, size)
        if orientation in (1, 3, 6, 8):
            own = stored.size if orientation < 5 else stored.size[::-1]
            yield Case(f"{orientation}.cr2", raw_files.make_cr2(stored, orientation=orientation), own)
            yield Case(f"{orientation}.cr3", raw_files.make_cr3(stored, orientation=orientation), own)
            yield Case(f"{orientation}.raf", raw_files.make_raf(stored, orientation=orientation), own)
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
        yield Case(name, raw_files.make_tiff_raw([smaller, shown], **options), (width, height))  # type: ignore[arg-type]
    upright = paint(size=(300, 400))  # though the RAW is stored lying
    yield Case("upright.dng", raw_files.make_tiff_raw([upright], orientation=6, dng=True), (height, width))


def _raw_files_without_preview() -> Iterator[Case]:
    small = [paint(size=(160, 120))]
    for name, data, reason in (
        ("strip.dng", raw_files.make_tiff_raw([], dng=True), "an Adobe DNG without preview"),
        ("bare.dng", raw_files.make_tiff_raw([], dng=True, strip=False), "an Adobe DNG without preview"),
        ("small.dng", raw_files.make_tiff_raw(small, dng=True), "an Adobe DNG without preview"),
        ("strip.nef", raw_files.make_tiff_raw([], maker="NIKON CORPORATION"), "a Nikon NEF: RAW without preview"),
        ("bare.arw", raw_files.make_tiff_raw([], maker="SONY", strip=False), "a Sony ARW: RAW without preview"),
        ("small.raf", raw_files.make_raf(small[0]), "a Fujifilm RAF: RAW without preview"),
        ("small.cr3", raw_files.make_cr3(small[0]), "a Canon CR3: RAW without preview"),
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
        yield Case(f"{image.mode}.{suffix}", _encode(image, kind), corners=shown, tolerance=12)
    yield Case("codestream.j2k", _encode(colours, "JPEG2000", no_jp2=True), tolerance=8)
    yield Case("run-lengths.tga", _encode(colours, "TGA", compression="tga_rle"))
    yield Case("old-style", _encode(colours, "TGA")[:-26], reason="not an image of a known format")
    yield Case("with-footer", _encode(colours, "TGA"))
    yield Case("icon.ico", _encode(colours.resize((32, 32), 0), "ICO", sizes=[(16, 16), (32, 32)]), (32, 32))
    yield Case("deep.pgm", b"P5 48 32 65535\n" + _grey("u2").astype(">u2").tobytes(), corners=GREYS)
    yield Case("text.ppm", _plain_ppm(colours))
    black = paint(((0,), (255,), (255,), (0,))).convert("1")
    ends = ((0, 0, 0), (255, 255, 255), (255, 255, 255), (0, 0, 0))
    for kind in ("PPM", "TGA", "PCX", "BMP"):
        yield Case(f"bits.{kind.lower()}", _encode(black, kind), corners=ends)
    yield Case("screen.gif", _narrow_screen(_encode(colours.quantize(8), "GIF")), tolerance=8)
    for mode, image in (("RGB", colours), ("L", greys), ("RGBA", translucent)):
        data = _encode_jxl(image, lossless=True)
        yield Case(f"{mode}.jxl", data, corners=GREYS if mode == "L" else CORNERS)
        boxed = _encode_jxl(image, lossless=True, use_container=True)
        yield Case(f"{mode}-container.jxl", boxed, corners=GREYS if mode == "L" else CORNERS)
    _, exif = _turn(colours, 6)
    yield Case("container-decides.jxl", _encode_jxl(colours, lossless=True, exif=exif))


def _encode_jxl(image: Image.Image, **options: object) -> bytes:
    assert JpegXLImagePlugin.JXLImageFile.format == "JXL"  # importing it registers the writer
    return _encode(image, "JXL", **options)


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
        stored, exif = _turn(paint(), orientation)
        yield Case(f"{orientation}.jpg", _encode(stored, "JPEG", exif=exif, quality=95), tolerance=12)
    inks = _show_inks()
    coded = _encode(paint(INKS), "JPEG", quality=100)
    yield Case("cmyk.jpg", coded, corners=inks, tolerance=14)
    yield Case("progressive.jpe", _encode(paint(), "JPEG", progressive=True, quality=95), tolerance=12)
    yield Case("grey.jfif", _encode(paint(tuple(c[:1] for c in GREYS)), "JPEG", quality=95), corners=GREYS)
    usual = _encode(paint(), "JPEG")
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
