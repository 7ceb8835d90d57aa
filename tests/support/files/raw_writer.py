"""Small RAW files of cameras, made byte by byte as far as LibRaw and other readers look."""

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tests.support.files.tiff_writer import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    SIGNED_RATIONAL,
    Entry,
    Order,
    TiffBuilder,
)

SIZE = (320, 240)  # of the RAW pictures, as stored
TAKEN = "2019:07:14 10:11:12"
_TAKEN = {36867: (ASCII, TAKEN)}


def encode_jpeg(image: Image.Image, **options: object) -> bytes:
    """Encode a preview, without loss that a test would see."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def make_tiff_raw(
    previews: Sequence[Image.Image],
    *,
    maker: str = "Testmake",
    model: str = "Testmodel",
    orientation: int = 1,
    strip: bool = True,
    dng: bool = False,
    order: Order = "<",
    magic: bytes | None = None,
) -> bytes:
    """Make a DNG, NEF, ARW, PEF, ORF, RW2 or IIQ: a sensor's data, JPEG previews, a strip of 160 green pixels."""
    builder = TiffBuilder(order, magic)
    width, height = SIZE
    sensor = (np.indices((height, width)).sum(axis=0) % 1000 + 2000).astype(order + "u2").tobytes()
    plain: dict[int, Entry] = {
        **{254: (LONG, 0), 256: (LONG, width), 257: (LONG, height), 258: (SHORT, 16), 259: (SHORT, 1)},
        **{262: (SHORT, 32803), 273: (LONG, builder.add(sensor)), 277: (SHORT, 1), 278: (LONG, height)},
        **{279: (LONG, len(sensor)), 284: (SHORT, 1), 33421: (SHORT, [2, 2]), 33422: (BYTE, [0, 1, 1, 2])},
    }
    below = [builder.add_directory(plain)]
    for preview in previews:
        jpeg = encode_jpeg(preview, exif=preview.info.get("exif", b""))
        below.append(
            builder.add_directory(
                {
                    **{254: (LONG, 1), 256: (LONG, preview.width), 257: (LONG, preview.height)},
                    **{258: (SHORT, [8, 8, 8]), 259: (SHORT, 7), 262: (SHORT, 6), 273: (LONG, builder.add(jpeg))},
                    **{277: (SHORT, 3), 278: (LONG, preview.height), 279: (LONG, len(jpeg)), 284: (SHORT, 1)},
                }
            )
        )
    first: dict[int, Entry] = {
        **{271: (ASCII, maker), 272: (ASCII, model), 274: (SHORT, orientation), 306: (ASCII, TAKEN)},
        **{330: (LONG, below), 34665: (LONG, builder.add_directory(_TAKEN))},
    }
    if strip:
        pixels = Image.new("RGB", (160, 120), (10, 200, 10)).tobytes()
        first |= {254: (LONG, 1), 256: (LONG, 160), 257: (LONG, 120), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 1)}
        first |= {262: (SHORT, 2), 273: (LONG, builder.add(pixels)), 277: (SHORT, 3), 278: (LONG, 120)}
        first |= {279: (LONG, len(pixels)), 284: (SHORT, 1)}
    if dng:
        first |= {50706: (BYTE, [1, 4, 0, 0]), 50708: (ASCII, f"{maker} {model}"), 50778: (SHORT, 21)}
        first |= {50721: (SIGNED_RATIONAL, [1, 0, 0, 0, 1, 0, 0, 0, 1]), 50728: (RATIONAL, [0.5, 1, 0.6])}
    return builder.finish(builder.add_directory(first))


def make_cr2(preview: Image.Image, *, orientation: int = 1) -> bytes:
    """Make a CR2 whose sensor's data are none: a large preview, a thumbnail, a small picture without compression."""
    builder = TiffBuilder(magic=b"II*\0")
    builder.add(b"CR\2\0" + bytes(4))
    jpeg, thumbnail = encode_jpeg(preview), encode_jpeg(Image.new("RGB", (160, 120), "lime"))
    small = Image.new("RGB", (60, 40), "lime").tobytes()
    sensor = builder.add_directory({259: (SHORT, 6), 273: (LONG, builder.add(bytes(900))), 279: (LONG, 900)})
    picture: dict[int, Entry] = {
        **{256: (SHORT, 60), 257: (SHORT, 40), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 1), 262: (SHORT, 2)},
        **{273: (LONG, builder.add(small)), 277: (SHORT, 3), 278: (SHORT, 40), 279: (LONG, len(small))},
    }
    third = builder.add_directory(picture, sensor)
    second = builder.add_directory({513: (LONG, builder.add(thumbnail)), 514: (LONG, len(thumbnail))}, third)
    first: dict[int, Entry] = {
        **{256: (SHORT, preview.width), 257: (SHORT, preview.height), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 6)},
        **{271: (ASCII, "Canon"), 272: (ASCII, "Canon EOS Test"), 273: (LONG, builder.add(jpeg))},
        **{274: (SHORT, orientation), 279: (LONG, len(jpeg)), 34665: (LONG, builder.add_directory(_TAKEN))},
    }
    return builder.finish(builder.add_directory(first, second))


def make_cr3(preview: Image.Image, *, orientation: int = 1) -> bytes:
    """Make a CR3 of Canon's boxes: metadata, a thumbnail and a preview, and no sensor's data."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    def tiff(tags: dict[int, Entry]) -> bytes:
        builder = TiffBuilder()
        return builder.finish(builder.add_directory(tags))

    first = tiff({271: (ASCII, "Canon"), 272: (ASCII, "Canon EOS Test"), 274: (SHORT, orientation)})
    jpeg, thumbnail = encode_jpeg(preview), encode_jpeg(Image.new("RGB", (160, 120), "lime"))
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + box(b"CMT1", first) + box(b"CMT2", tiff(dict(_TAKEN)))
    canon += box(b"THMB", struct.pack(">IHHIHH", 0, 160, 120, len(thumbnail), 1, 0) + thumbnail)
    shown = struct.pack(">IHHHHI", 0, 1, preview.width, preview.height, 1, len(jpeg)) + jpeg
    uuid = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16") + bytes(8) + box(b"PRVW", shown)
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", canon)) + box(b"uuid", uuid)


def make_raf(preview: Image.Image, *, orientation: int = 1) -> bytes:
    """Make a RAF: a fixed header, and a preview that has the EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[36867] = TAKEN
    jpeg = encode_jpeg(preview, exif=exif)
    header = b"FUJIFILMCCD-RAW 0201FF389501".ljust(84, b"\0") + struct.pack(">6I", 148, len(jpeg), 0, 0, 0, 0)
    return header.ljust(148, b"\0") + jpeg
