"""TIFF of every kind: orders, planes, depths, number types, colours, compressions and orientations."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from PIL import ImageCms

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
    make_samples,
    paint,
    show_inks,
    turn,
)
from tests.support.files.tiff_writer import DEFLATE, LONG, PACKBITS, SHORT, Entry, Order, TiffBuilder, write_tiff


def list_tiff_cases() -> list[Case]:
    """Make all of them."""
    return [
        *_turned_tiffs(),
        *_tiff_layouts(),
        *_extra_samples(),
        *_odd_depths(),
        *_lab_tiffs(),
        *_other_tiffs(),
        *_refused_tiffs(),
    ]


def _turned_tiffs() -> Iterator[Case]:
    for orientation in range(1, 9):
        for corners in (CORNERS, GREYS):
            stored, exif = turn(paint(corners), orientation)
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
                if corners == CORNERS or compression in ("raw", "tiff_lzw"):
                    data = encode(stored, "TIFF", exif=exif, compression=compression)
                    name = f"{compression}-{orientation}-{corners[0][0]}.tif"
                    yield Case(name, data, corners=corners, tolerance=12 if compression == "jpeg" else 4)
        stored, _ = turn(paint(), orientation)
        tags: dict[int, Entry] = {274: (SHORT, orientation)}
        data = write_tiff(np.asarray(stored), 2, tile=16, compression=DEFLATE, tags=tags)
        yield Case(f"tiled-{orientation}.tif", data)
        data = write_tiff(np.asarray(stored), 2, planar=True, rows=8, tags=tags)
        yield Case(f"planes-{orientation}.tif", data)


def _tiff_layouts() -> Iterator[Case]:
    orders: tuple[Order, ...] = ("<", ">")
    for kind, planar, order in product(("u1", "u2", "u4", "f2", "f4", "f8", "i2"), (False, True), orders):
        data = write_tiff(make_samples(kind), 2, planar=planar, order=order, rows=10)
        yield Case(f"rgb-{kind}-{planar}-{order}.tif", data)
    inks = show_inks()
    for kind, planar, extra in product(("u1", "u2"), (False, True), ((), (0,), (0, 0), (2,))):
        samples = make_samples(kind, INKS)
        whole = np.concatenate([samples, *[np.full_like(samples[:, :, :1], np.iinfo(kind).max)] * len(extra)], axis=2)
        data = write_tiff(whole, 5, planar=planar, extra=extra)
        yield Case(f"cmyk-{kind}-{planar}-{len(extra)}-{sum(extra)}.tif", data, corners=inks, tolerance=10)
    for kind, order in product(("u1", "u2", "u4", "i2", "f4", "f8"), orders):
        if kind in ("u1", "u2"):
            yield Case(f"grey-{kind}-{order}.tif", write_tiff(make_grey(kind), 1, order=order), corners=GREYS)
            inverted = np.iinfo(kind).max - make_grey(kind)
            yield Case(f"white-is-zero-{kind}-{order}.tif", write_tiff(inverted, 0, order=order), corners=GREYS)
        else:  # levels of 16 bits in numbers that hold more
            levels = (make_grey("u2") // (2 if kind == "i2" else 1)).astype(kind)
            dim = tuple((c[0] // 2,) * 3 for c in GREYS) if kind == "i2" else GREYS
            yield Case(f"grey-{kind}-{order}.tif", write_tiff(levels, 1, order=order), corners=dim)


def _extra_samples() -> Iterator[Case]:
    """RGB and grey with alpha, or with samples that mean nothing, over white."""
    for kind, planar, extra in product(("u1", "u2"), (False, True), ((1,), (2,), (0,), (0, 0), (2, 0))):
        top = np.iinfo(kind).max
        for photometric, base, corners in ((2, make_samples(kind), CORNERS), (1, make_grey(kind), GREYS)):
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
        for photometric, base, corners in ((2, make_samples("u2"), CORNERS), (1, make_grey("u2"), GREYS)):
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
    yield Case("big.tif", write_tiff(make_samples("u1"), 2, big=True))
    for compression in (DEFLATE, PACKBITS):
        yield Case(
            f"planes-method-{compression}.tif", write_tiff(make_samples("u2"), 2, planar=True, compression=compression)
        )
    for kind, predictor in (("u1", 2), ("u2", 2), ("f4", 3), ("f2", 3)):
        for planar in (False, True):
            data = write_tiff(make_samples(kind), 2, compression=DEFLATE, predictor=predictor, planar=planar)
            yield Case(f"predicted-{kind}-{planar}.tif", data)
    for tile in (16, 32):
        yield Case(f"tiles-{tile}.tif", write_tiff(make_samples("u2"), 2, planar=True, tile=tile, compression=DEFLATE))
    yield Case("pages.tif", encode(paint(), "TIFF", save_all=True, append_images=[paint(GREYS)]))
    for across, down in ((1, 1), (2, 2), (2, 1)):
        yield Case(f"ycbcr-{across}-{down}.tif", _subsampled(across, down), tolerance=8)
    strip = encode(paint(), "WEBP", lossless=True)
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
    rgb, one = make_samples("u1"), np.zeros((HEIGHT, WIDTH, 1), "u1")
    for compression, reason in ((34712, "JPEG 2000"), (34934, "JPEG XR"), (34887, "LERC"), (50002, "JPEG XL")):
        data = write_tiff(rgb, 2, compression=compression)
        yield Case(
            f"{compression}.tif", data, reason=rf"an RGB TIFF: not supported \(.*compressed by {reason}\); convert"
        )
    for photometric, data, reason in (
        (10, rgb, "an ITU Lab TIFF: not supported"),
        (32845, rgb, "a LogLuv TIFF: not supported"),
        (4, one, "a mask TIFF: not supported"),
        (8, make_samples("f4"), "a CIELab TIFF: not supported"),
        (5, make_samples("i2", INKS), "a CMYK TIFF: not supported"),
        (77, rgb, "a colour space 77 TIFF: not supported"),
    ):
        yield Case(f"refused-{photometric}.tif", write_tiff(data, photometric), reason=f"{reason}.*; convert it")
    data = write_tiff(make_samples("u1", INKS), 5, tags={332: (SHORT, 2)})
    yield Case("inks.tif", data, reason="a CMYK TIFF: not supported")
    data = write_tiff(rgb, 2, tags={258: (SHORT, [5, 6, 5])})
    yield Case("mixed.tif", data, reason="a TIFF whose samples differ")
    yield Case("big-endian.tif", write_tiff(rgb, 2, order=">", big=True), reason="a big-endian BigTIFF: not supported")
