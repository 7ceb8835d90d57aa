"""Where files keep their metadata: EXIF, XMP and IPTC blocks, comments and times of each format."""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import brotli
from PIL import Image

from core.domain.metadata import FileText, TakenTime
from core.imaging import png
from core.imaging.metadata.dates import parse_date
from core.imaging.metadata.ifd import EXIF, ExifBlock, is_exif_block
from core.imaging.metadata.iptc import find_iptc
from core.imaging.metadata.precedence import Statement, read_each
from core.imaging.metadata.texts import decode_text

_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG, _TAKEN = 0x02BC, 0x83BB, 0x8649, 0x9003
_XMP_NAME, _LONG_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP_NAME = b"Photoshop 3.0\0"
_XMP_START = re.compile(rb"<\?xpacket|<[a-z]{1,9}:xmpmeta|<rdf:RDF")
_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"
_GIF_TRAILER = b"\x01\xff\xfe\xfd"
_MOST_TEXT = 64 * 2**10
_MOST_XMP = 4 * 2**20

_COMMENTED = {"MPO": "JPEG", "JPEG2000": "JPEG 2000"}
_PNG_TEXTS = ("Description", "Title", "Caption", "Comment")
_PNG_TIMES = ("creation time", "creationtime", "create-date")
_PROFILES = tuple(f"raw profile type {name}" for name in ("exif", "app1", "xmp", "iptc"))

# Boxes of ISO files (JPEG XL, JPEG 2000, CR3): what is in them, and those that hold others.
_UUIDS = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"): "boxes",  # Canon's, in CR3
}
_BOXES = {b"xml ": "xmp", b"Exif": "exif", b"CMT1": "exif", b"CMT2": "exif", b"CMT4": "gps"}
_BOX_STARTS = (b"ftyp", b"JXL ", b"jP  ")
_MOST_BOXES = 1000


@dataclass(slots=True)
class Blocks:
    """The blocks of metadata in a file, as bytes, and what the format itself says in words and times."""

    exif: list[bytes] = field(default_factory=list)
    gps: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    iptc: list[bytes] = field(default_factory=list)
    own: Statement = field(default_factory=Statement)

    def add_exif(self, data: object) -> None:
        """Add EXIF data, without what comes before its header."""
        if not isinstance(data, bytes):
            return
        starts = [at for mark in (b"II*\0", b"MM\0*") if (at := data.find(mark, 0, 32)) >= 0]
        if starts:
            self.exif.append(data[min(starts) :])


def find_blocks(file: Image.Image, data: bytes) -> Blocks:
    """Find the blocks of an opened picture. `data` is its file; what is damaged is left out."""
    blocks = Blocks()
    read_each(
        lambda: _read_info(file.info, blocks),
        lambda: _read_comment(file, blocks),
        lambda: _read_jpeg(getattr(file, "applist", []), blocks),
        lambda: _read_tiff(data, blocks),
        lambda: _read_png(data, blocks),
        lambda: _read_gif(data, blocks),
        lambda: _read_boxes(data, blocks),
        lambda: _read_pillow(file, blocks),
    )
    return blocks


def _read_pillow(file: Image.Image, blocks: Blocks) -> None:
    """Read EXIF data that only the file's reader knows, such as the time that LibRaw finds in a RAW file."""
    exif = file.getexif()
    if not blocks.exif and len(exif):
        blocks.add_exif(exif.tobytes())
    time = parse_date(str(exif.get_ifd(EXIF).get(_TAKEN, "")), "EXIF DateTimeOriginal")
    if time is not None:
        blocks.own.times.append(time)


def _read_info(info: dict[Any, Any], blocks: Blocks) -> None:
    """Read what Pillow's readers and their plugins put into `info`."""
    blocks.add_exif(info.get("exif"))
    xmp = info.get("xmp")
    if isinstance(xmp, str | bytes) and xmp:
        blocks.xmp.append(xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp)
    photoshop = info.get("photoshop")
    if isinstance(photoshop, dict) and isinstance(photoshop.get(0x0404), bytes):
        blocks.iptc.append(photoshop[0x0404])


def _read_comment(file: Image.Image, blocks: Blocks) -> None:
    comment, form = file.info.get("comment"), str(file.format)
    if isinstance(comment, bytes):
        text = decode_text(comment[:_MOST_TEXT]).split("\0", 1)[0]
        blocks.own.texts.append(FileText(text, f"{_COMMENTED.get(form, form)} comment"))


def _read_jpeg(segments: list[tuple[str, bytes]], blocks: Blocks) -> None:
    """Read what Pillow leaves in a JPEG's segments: long XMP, XMP under another name, resources of several segments."""
    parts: dict[bytes, list[tuple[int, bytes]]] = {}
    resources = b""
    for name, segment in segments:
        if name == "APP1" and segment.startswith(_LONG_XMP_NAME):
            start = len(_LONG_XMP_NAME)
            digest, (_, at) = segment[start : start + 32], struct.unpack_from(">II", segment, start + 32)
            parts.setdefault(digest, []).append((at, segment[start + 40 :]))
        elif name == "APP1" and not segment.startswith((_XMP_NAME, b"Exif\0")):
            blocks.xmp.extend([segment] if _XMP_START.search(segment, 0, 256) else [])
        elif name == "APP13" and segment.startswith(_PHOTOSHOP_NAME):
            resources += segment[len(_PHOTOSHOP_NAME) :]
    blocks.xmp.extend(b"".join(part for _, part in sorted(found))[:_MOST_XMP] for found in parts.values())
    blocks.iptc.extend(block for block in find_iptc(resources) if block not in blocks.iptc)


def _read_tiff(data: bytes, blocks: Blocks) -> None:
    """Read a TIFF file, or a RAW file that is built as one: its own directory is its EXIF data."""
    if not is_exif_block(data):
        return
    blocks.exif.append(data)
    main = ExifBlock(data).main
    for tag, found in ((_XMP_TAG, blocks.xmp), (_IPTC_TAG, blocks.iptc)):
        if tag in main:
            found.append(_restore_order(main[tag].data, main[tag].kind, main[tag].order))
    if _PHOTOSHOP_TAG in main:
        blocks.iptc.extend(find_iptc(bytes(main[_PHOTOSHOP_TAG].data)))


def _restore_order(data: memoryview, kind: int, order: str) -> bytes:
    """Return bytes that were written as integers of 4 bytes (IPTC often is), in the order of the file."""
    whole = bytes(data)
    if kind != 4 or whole[:1] == b"\x1c" or order == ">":
        return whole
    return struct.pack(f">{len(whole) // 4}I", *struct.unpack(f"<{len(whole) // 4}I", whole[: len(whole) // 4 * 4]))


def _read_png(data: bytes, blocks: Blocks) -> None:
    """Read the chunks of a PNG from its bytes: a damaged one costs Pillow all of them."""
    if not data.startswith(png.SIGNATURE):
        return
    texts = png.read_texts(data)
    for name in _PNG_TEXTS:
        if text := texts.get(name.lower()):
            blocks.own.texts.append(FileText(text[:_MOST_TEXT], f"PNG {name}"))
    times = [parse_date(texts.get(name, ""), "PNG creation time") for name in _PNG_TIMES] + [_read_png_time(data)]
    blocks.own.times.extend(time for time in times if time is not None)
    if xmp := texts.get("xml:com.adobe.xmp"):
        blocks.xmp.append(xmp.encode("utf-8", "replace"))
    for name in _PROFILES:
        if name in texts:
            with suppress(ValueError):
                _add_profile(name, texts[name], blocks)


def _add_profile(name: str, text: str, blocks: Blocks) -> None:
    """Add a profile as ImageMagick writes it: a name, a length, and bytes in hex. Raises ValueError."""
    profile = bytes.fromhex("".join(text.split("\n")[3:]))
    if name.endswith("iptc"):
        blocks.iptc.extend(find_iptc(profile) or [profile])
    elif name.endswith("xmp") or profile.startswith(_XMP_NAME):
        blocks.xmp.append(profile.removeprefix(_XMP_NAME))
    else:
        blocks.add_exif(profile)


def _read_png_time(data: bytes) -> TakenTime | None:
    """Read the chunk tIME: when the picture was last changed, in UTC."""
    for name, chunk in png.iterate_chunks(data):
        if name == b"tIME" and len(chunk) == 19:
            year, month, day, hour, minute, second = struct.unpack(">HBBBBB", chunk[8:15])
            with suppress(ValueError):
                clock = datetime(year, month, day, hour, minute) + timedelta(seconds=second)
                return TakenTime(clock, "PNG tIME", offset=timedelta(0))
    return None


def _read_gif(data: bytes, blocks: Blocks) -> None:
    """Read the XMP of a GIF: it lies in one application extension, and ends where its trailer begins."""
    start = data.find(_GIF_XMP) if data.startswith(b"GIF8") else -1
    if start >= 0:
        start += len(_GIF_XMP)
        end = data.find(_GIF_TRAILER, start, start + _MOST_XMP)
        blocks.xmp.append(data[start : end if end >= 0 else start + _MOST_XMP])


def _read_boxes(data: bytes, blocks: Blocks) -> None:
    """Read the boxes of JPEG XL, JPEG 2000 and CR3."""
    if data[4:8] not in _BOX_STARTS:
        return
    for kind, box in _walk_boxes(memoryview(data)):
        with suppress(Exception):  # one damaged box does not cost the others
            _read_box(kind, box, blocks)


def _read_box(kind: bytes, box: memoryview, blocks: Blocks) -> None:
    held = _UUIDS.get(bytes(box[:16]), "") if kind == b"uuid" else _BOXES.get(kind, "")
    content = bytes(box[16 if kind == b"uuid" else 0 :][:_MOST_XMP])
    if kind == b"brob":  # a box of JPEG XL, compressed: its kind comes first
        held = _BOXES.get(content[:4], "")
        content = brotli.Decompressor().process(content[4:], output_buffer_limit=_MOST_XMP)
    if held == "xmp":
        blocks.xmp.append(content)
    elif held == "exif":
        blocks.add_exif(content)
    elif held == "gps":
        blocks.gps.append(content)


def _walk_boxes(view: memoryview, depth: int = 0) -> Iterator[tuple[bytes, memoryview]]:
    start = 0
    for _ in range(_MOST_BOXES):
        if start + 8 > len(view):
            return
        size, kind = struct.unpack_from(">I4s", view, start)
        head = 8
        if size == 1 and start + 16 <= len(view):
            head, (size,) = 16, struct.unpack_from(">Q", view, start + 8)
        end = start + size if size else len(view)
        if size and size < head:
            return
        box = view[start + head : end]
        if kind == b"moov" and depth < 2:
            yield from _walk_boxes(box, depth + 1)
        elif kind == b"uuid" and _UUIDS.get(bytes(box[:16])) == "boxes" and depth < 2:
            yield from _walk_boxes(box[16:], depth + 1)
        else:
            yield kind, box
        start = end
