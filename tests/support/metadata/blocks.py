"""Blocks of metadata, byte by byte, and tiny pictures that carry them: what libraries would refuse to write, too."""

import io
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from PIL import Image

from core.imaging.decode_request import Sidecar
from core.imaging.formats import FORMATS

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 8: 2, 9: 4, 10: 8}
FORMS = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i"}

Fields = Mapping[int, Any]  # tag -> text, bytes, whole number, rationals as pairs, or (type, bytes)


def encode_field(value: Any, order: str) -> tuple[int, bytes]:
    """Encode a value as the type that EXIF would use, or as the type that is given."""
    if isinstance(value, tuple) and isinstance(value[1], bytes):
        return value[0], value[1]
    if isinstance(value, str):
        return 2, value.encode() + b"\0"
    if isinstance(value, bytes):
        return 7, value
    if isinstance(value, int):
        return (3, struct.pack(order + "H", value)) if value < 65536 else (4, struct.pack(order + "I", value))
    return 5, b"".join(struct.pack(order + "II", *pair) for pair in value)


def exif_block(
    main: Fields | None = None,
    details: Fields | None = None,
    gps: Fields | None = None,
    parts: Fields | None = None,
    *,
    order: str = "<",
    head: bytes | None = None,
) -> bytes:
    """Make a block of EXIF data: its main directory, and those that it points to (Exif, GPS, SubIFD)."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") if head is None else head) + struct.pack(order + "I", 8)
    pointed = {0x8769: details, 0x8825: gps, 0x014A: parts}
    fields: dict[int, Any] = dict(main or {})
    size = 2 + 12 * (len(fields) + sum(part is not None for part in pointed.values())) + 4
    heap = bytearray()  # whatever lies behind the main directory
    for tag, part in pointed.items():
        if part is not None:
            at = 8 + size + len(heap)
            heap += directory(part, at, order)
            fields[tag] = (4, struct.pack(order + "I", at))
    return bytes(out + directory(fields, 8, order, behind=heap, room=size))


def directory(fields: Fields, at: int, order: str, behind: bytes = b"", room: int = 0) -> bytes:
    """Make one directory that lies at `at`, and its values behind it."""
    size = room or 2 + 12 * len(fields) + 4
    entries, values = bytearray(), bytearray(behind)
    for tag, value in sorted(fields.items()):
        kind, data = encode_field(value, order)
        count = len(data) // SIZES[kind]
        entries += struct.pack(order + "HHI", tag, kind, count)
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", at + size + len(values))
            values += data + b"\0" * (len(data) % 2)
    return struct.pack(order + "H", len(fields)) + bytes(entries) + b"\0\0\0\0" + bytes(values)


NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
}


def xmp_packet(*elements: str, **attributes: str) -> bytes:
    """Make an XMP packet of attributes (`xmp_Rating="5"`) and of elements, which are written as given."""
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    plain = " ".join(f'{name.replace("_", ":", 1)}="{value}"' for name, value in attributes.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {plain}>{"".join(elements)}</rdf:Description></rdf:RDF></x:xmpmeta>\n'
        f'{" " * 200}\n<?xpacket end="w"?>'
    ).encode()


def bag(name: str, *words: str, kind: str = "Bag") -> str:
    """Make a property that is a list."""
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"


def alternatives(name: str, **texts: str) -> str:
    """Make a property in several languages; `default` is x-default."""
    items = "".join(
        f'<rdf:li xml:lang="{"x-default" if language == "default" else language}">{text}</rdf:li>'
        for language, text in texts.items()
    )
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def iptc_block(*datasets: tuple[int, str | bytes], utf8: bool = True) -> bytes:
    """Make IPTC datasets of the application record, in UTF-8 or in Latin-1 without saying so."""
    out = b"\x1c\x01\x5a\0\x03\x1b%G" if utf8 else b""
    for number, value in datasets:
        data = value if isinstance(value, bytes) else value.encode("utf-8" if utf8 else "latin-1")
        out += struct.pack(">BBBH", 0x1C, 2, number, len(data)) + data
    return out


def photoshop_resources(iptc: bytes) -> bytes:
    """Make Photoshop resources, of which the second is IPTC."""
    out = b""
    for number, data in ((0x03ED, bytes(16)), (0x0404, iptc)):
        out += b"8BIM" + struct.pack(">HH", number, 0) + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)
    return out


def picture(form: str = "JPEG", **options: Any) -> bytes:
    """Make a tiny picture; options are those of Pillow."""
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(out, form, **options)
    return out.getvalue()


def jpeg(*segments: tuple[int, bytes], exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"") -> bytes:
    """Make a JPEG with blocks, and with other segments by their marker's second byte."""
    all_segments = [(0xE1, b"Exif\0\0" + exif)] if exif else []
    all_segments += [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)] if xmp else []
    all_segments += [(0xED, b"Photoshop 3.0\0" + photoshop_resources(iptc))] if iptc else []
    all_segments += segments
    data = picture("JPEG")
    made = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in all_segments)
    return data[:2] + made + data[2:]


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Make a PNG with more chunks before its picture."""
    data = picture("PNG")
    made = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return data[:33] + made + data[33:]


def takeout(**fields: Any) -> Sidecar:
    """Make the JSON file that Google Takeout writes beside a picture."""
    nowhere = {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0, "latitudeSpan": 0.0, "longitudeSpan": 0.0}
    given = {
        "title": "IMG_1.jpg",
        "description": "",
        "imageViews": "3",
        "creationTime": {"timestamp": "1600000000", "formatted": "Sep 13, 2020, 12:26:40 PM UTC"},
        "geoData": nowhere,
        "geoDataExif": nowhere,
        "url": "https://photos.google.com/photo/x",
    }
    return Sidecar("IMG_1.jpg.json", json.dumps(given | fields).encode())


def opened(data: bytes) -> Image.Image:
    """Open a picture as the decoder does, and load it."""
    file = Image.open(io.BytesIO(data), formats=FORMATS)
    file.load()
    return file
