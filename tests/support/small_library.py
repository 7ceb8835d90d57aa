"""A small library of drawn scenes in a data folder, made with the real adapters and the demo encoder."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.bootstrap import Container
from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.imaging.decoder import Decoded, DecodeRequest, decode
from core.ports.vector_index import IndexInfo, Point
from core.settings import load_settings
from core.text import analysis
from demo.scenes.sample_library import Scene, caption, draw, library_scene

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
