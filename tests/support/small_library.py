"""A small library of drawn scenes in a data folder, made with the real adapters and the demo encoder."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.bootstrap import Container
from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.domain.metadata import NO_METADATA, FileText, PictureMetadata, TakenTime
from core.domain.vectors import Vector
from core.imaging.decode_request import Decoded, DecodeRequest
from core.imaging.decoder import decode
from core.ports.vector_index import IndexInfo, Point
from core.settings import load_settings
from core.text import analysis
from demo.scenes.sample_library import Scene, caption, draw, library_scene
from ingest.pipeline.caption_updates import CaptionTexts
from ingest.pipeline.points import metadata_fields

HOSTILE = 3  # the scene whose caption and file name try to be markup
HOSTILE_CAPTION = "<script>alert(1)</script> **bold** :smile: $x^2$ <img src=x onerror=alert(2)> [a](http://x)"
HOSTILE_NAME = "<b>**x** :smile: $y$ & \u202egpj.jpg"
UNCAPTIONED = 5
WIDE = 6
TALL = 7
UMBRELLAS = 17  # three red umbrellas at night

START = datetime(2026, 10, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SmallLibrary:
    data: Path
    pictures: Path
    ids: dict[int, str]
    captions: dict[str, str | None]

    def id_of(self, number: int) -> str:
        return self.ids[number]


def file_name(number: int) -> str:
    return HOSTILE_NAME if number == HOSTILE else f"scene-{number:03d}.jpg"


def build(folder: Path, count: int) -> SmallLibrary:
    """Scenes 1 to `count`, each a minute newer than the one before it, indexed with the captions of their scenes."""
    library = SmallLibrary(folder / "data", folder / "pictures", {}, {})
    library.pictures.mkdir(parents=True)
    numbers = {file_name(number): number for number in range(1, count + 1)}
    for name, number in numbers.items():
        _write(library.pictures / name, number)
    settings = load_settings(data=library.data, model="demo")
    with Container(settings) as container:
        index, encoder = container.create_index(), container.encoder
        store = container.sources.open(str(library.pictures))
        request = DecodeRequest(encoder.pixels, thumbnail=settings.decode.thumbnail_px)
        records, pixels = [], []
        for ref in store.list():
            decoded = decode(store.read(ref), request, settings.decode.limits)
            assert decoded.pixels is not None and decoded.thumbnail is not None
            number = numbers[ref.key]
            told = _caption(number, library_scene(number))
            record = _record(ref, told, index.info, decoded)
            library.ids[number], library.captions[record.id] = record.id, told
            container.thumbnails.put(record.id, decoded.thumbnail)
            records.append(record)
            pixels.append(decoded.pixels)
        vectors = encoder.encode_images(np.stack(pixels))
        index.upsert([Point(record, vector) for record, vector in zip(records, vectors, strict=True)])
    return library


def take_for_copies(library: SmallLibrary, *numbers: int) -> None:
    """Put on record that these scenes have the bytes of the first."""
    with Container(load_settings(data=library.data)) as container:
        index, ids = container.index, [library.id_of(number) for number in numbers]
        records, vectors = index.fetch(ids), index.vectors(ids)
        same = records[ids[0]].content_hash
        index.upsert([Point(replace(records[i], content_hash=same), vectors[i]) for i in ids])


def tell_of_themselves(library: SmallLibrary) -> None:
    """Put on record what files say of themselves: scenes 1 to 4; 1 is a JPEG with a RAW, which is there too."""
    told = PictureMetadata(
        TakenTime(datetime(2020, 1, 1, 0, 30), "EXIF DateTimeOriginal", offset=timedelta(hours=9)),
        camera="Canon EOS R5",
        lens="EF50mm f/1.8 STM",
        latitude=48.137,
        longitude=11.575,
        rating=4,
        texts=(FileText("An old lighthouse at noon", "XMP description"),),
        keywords=("sea side", "gulls"),
        people=("Anna Smith",),
        places=("Munich", "Bavaria", "Germany"),
        city="Munich",
        region="Bavaria",
        country="Germany",
        time_zone="Europe/Berlin",
    )
    vague = PictureMetadata(TakenTime(datetime(2019, 7, 1), "IPTC DateCreated", "month"), camera="iPhone 12", rating=2)
    with Container(load_settings(data=library.data)) as container:
        index, ids = container.index, [library.id_of(number) for number in range(1, 5)]
        records, vectors = index.fetch(ids), index.vectors(ids)
        jpeg, dated, _, torn = (records[i] for i in ids)
        raw = replace(jpeg, key="scene-001.CR3", uri=jpeg.uri.replace(".jpg", ".CR3"), content_hash="f" * 64)
        raw = replace(raw, id=point_id(raw.source, raw.key), pair=jpeg.key)
        points = [
            _point_of(replace(jpeg, pair=raw.key), told, vectors[jpeg.id]),
            _point_of(raw, replace(told, texts=()), vectors[jpeg.id]),
            _point_of(dated, vague, vectors[dated.id]),
            _point_of(replace(torn, incomplete=0.62), NO_METADATA, vectors[torn.id]),
        ]
        index.upsert(points)


def _point_of(record: ImageRecord, told: PictureMetadata, vector: Vector) -> Point:
    record = replace(record, **metadata_fields(told))
    return Point(CaptionTexts(record, (), record.caption, record.captioner).apply(), vector)


def _write(path: Path, number: int) -> None:
    picture = draw(library_scene(number), 320)
    if number == WIDE:
        picture = picture.crop((0, 100, 320, 220))
    if number == TALL:
        picture = picture.crop((100, 0, 240, 320))
    picture.save(path, "JPEG", quality=88)
    modified = (START + timedelta(minutes=number)).timestamp()
    os.utime(path, (modified, modified))


def _caption(number: int, scene: Scene) -> str | None:
    return {HOSTILE: HOSTILE_CAPTION, UNCAPTIONED: None}.get(number, caption(scene))


def _record(ref: ImageRef, told: str | None, info: IndexInfo, decoded: Decoded) -> ImageRecord:
    return ImageRecord(
        point_id(ref.source, ref.key),
        ref.source,
        ref.key,
        ref.uri,
        ref.etag,
        ref.bytes,
        ref.modified_at,
        START,
        "indexed",
        info.fingerprint,
        width=decoded.width,
        height=decoded.height,
        content_hash=decoded.content_hash,
        caption=told,
        caption_origin="generated" if told else None,
        captioner="demo" if told else None,
        words=analysis.analyse(told or ""),
    )
