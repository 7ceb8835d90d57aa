"""Hand-written fakes of the ports: real behaviour, small scale, no vendor, the same answer every time."""

import hashlib
import io
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.adapters.index_base.point_codec import place_payload, text_payload
from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import EVERYTHING, PAIRED, Filter
from core.domain.image import (
    ImageRecord,
    ImageRef,
    ListName,
    from_payload,
    payload_documents,
    payload_words,
    to_payload,
)
from core.domain.picture_texts import PictureTexts
from core.domain.query import Sort
from core.domain.sort_orders import in_order
from core.domain.text_lines import TextLine
from core.domain.vectors import Matrix, Vector, unit
from core.errors import ImageError, ImageUnreadable
from core.imaging.decode_request import Decoded, DecodeRequest, PixelSpec
from core.imaging.tiling import tile_boxes
from core.ports.encoders import Answer, TextEncoding
from core.ports.rank_lists import Details, Probe, Ranking, Retrieval, Shortlist, by_score
from core.ports.retrieval import retrieve_in_parts
from core.ports.text_reader import TextReading
from core.ports.vector_index import CaptionUpdate, DenseName, IndexInfo, PlaceUpdate, Point, SearchableIndex, TextUpdate
from core.text import analysis
from core.text.bm25 import query_vector, record_weights
from core.text.word_lists import WORD_FIELDS

T = TypeVar("T")

COLOURS = {
    "red": (220, 30, 30),
    "green": (40, 160, 60),
    "blue": (40, 70, 210),
    "yellow": (240, 220, 50),
    "orange": (240, 140, 30),
    "purple": (130, 50, 170),
    "pink": (250, 150, 190),
    "brown": (120, 75, 40),
    "black": (15, 15, 15),
    "grey": (128, 128, 128),
    "white": (245, 245, 245),
}
_NAMES = tuple(COLOURS)
_PALETTE = np.array(list(COLOURS.values()), dtype=np.float32)
_TRACE = 5  # further dimensions that tell equally coloured pictures apart


def _trace(data: bytes) -> NDArray[np.floating]:
    digest = hashlib.blake2b(data, digest_size=_TRACE).digest()
    return np.frombuffer(digest, np.uint8).astype(np.float32) / 255 - 0.5


def _colour_shares(pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
    """(S, S, 3) uint8 -> (11,) floats: the share of pixels nearest to each colour."""
    flat = pixels.reshape(-1, 1, 3).astype(np.float32)
    nearest = ((flat - _PALETTE) ** 2).sum(axis=2).argmin(axis=1)
    return np.bincount(nearest, minlength=len(_NAMES)).astype(np.float32) / len(nearest)


class ColourEncoder:
    """Images and texts by their colours; knows the names of eleven of them. (N, 16) float32 unit rows."""

    name = "colours"
    fingerprint = "colours-1"
    dimension = len(_NAMES) + _TRACE
    pixels = PixelSpec(size=16, fit="squash", resample=Image.Resampling.BOX)

    def __init__(self, remark: str | None = None) -> None:
        self.remark = remark

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        rows = [np.concatenate([_colour_shares(image), 0.05 * _trace(image.tobytes())]) for image in pixels]
        return unit(np.stack(rows)) if rows else np.zeros((0, self.dimension), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        rows, cut, unknown = [], [], []
        for text in texts:
            forms = analysis.analyse(text)
            shares = np.array([float(name in forms) for name in _NAMES], np.float32)
            rows.append(np.concatenate([shares, 0.05 * _trace(" ".join(forms).encode())]))
            cut.append(len(forms) > 77)
            unknown.append(tuple(form for form in forms if form not in COLOURS))
        vectors = unit(np.stack(rows)) if rows else np.zeros((0, self.dimension), np.float32)
        return TextEncoding(vectors, tuple(cut), tuple(unknown))


class ColourCaptioner:
    """Names the commonest colour and, over a quarter of the pixels, the second: "a red and blue picture"."""

    name = "colour-captioner"
    fingerprint = "colour-captioner-1"
    language: str | None = "en"
    pixels = ColourEncoder.pixels

    def caption(self, pixels: NDArray[np.uint8]) -> list[str]:
        captions = []
        for image in pixels:
            shares = _colour_shares(image)
            ranked = np.argsort(-shares, kind="stable")
            named = [_NAMES[n] for n in ranked[:2] if n == ranked[0] or shares[n] > 0.25]
            captions.append(f"a {' and '.join(named)} picture")
        return captions


class ColourTextReader:
    """Reads a line that names the colour of the upper left corner, and cannot read another. Fails at green."""

    name = "colour-reader"
    longest_px = 300

    def __init__(self, fingerprint: str = "colour-reader-1") -> None:
        self.fingerprint = fingerprint
        self.sizes: list[tuple[int, int]] = []  # of what it was shown: width and height

    def read(self, picture: NDArray[np.uint8]) -> TextReading:
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        self.sizes.append((picture.shape[1], picture.shape[0]))
        (colour,) = (_NAMES[n] for n in _colour_shares(picture[:8, :8]).argsort()[-1:])
        if colour == "green":
            raise RuntimeError("the runtime fell over")
        if colour == "white":
            return TextReading((), 0)
        line = TextLine(f"Painted {colour} 2024", (0.1, 0.1, 0.9, 0.1, 0.9, 0.3, 0.1, 0.3), 0.99)
        return TextReading((line,), 1)


class ColourAnswerer:
    """Names the commonest colour, whatever is asked. `slow` questions use up their time, after so many words."""

    name = "colour-answerer"
    fingerprint = "colour-answerer-1"
    pixels = ColourEncoder.pixels

    def __init__(self, slow: Mapping[str, int] | None = None) -> None:
        self._slow = dict(slow or {})
        self.asked: list[tuple[int, str, float]] = []

    def answer(
        self, pixels: NDArray[np.uint8], question: str, *, seconds: float, going: Callable[[], object] | None = None
    ) -> list[Answer]:
        self.asked.append((len(pixels), question, seconds))
        if going is not None:
            going()
        words = [f"it is {_NAMES[int(np.argmax(_colour_shares(image)))]}" for image in pixels]
        if question not in self._slow:
            return [Answer(text) for text in words]
        return [Answer(" ".join(text.split()[: self._slow[question]]), "time") for text in words]


class InlineDecoder:
    """Decodes at once, in this process, with Pillow. `faults` names bytes that fail, and how."""

    def __init__(self, faults: Mapping[bytes, ImageError] | None = None) -> None:
        self._faults = dict(faults or {})
        self.decoded = 0
        self.closed = False

    def submit(self, data: bytes, request: DecodeRequest) -> "Future[Decoded]":
        future: Future[Decoded] = Future()
        try:
            if data in self._faults:
                raise self._faults[data]
            future.set_result(self._decode(data, request))
        except ImageError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        self.closed = True

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        try:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        except OSError as error:
            raise ImageUnreadable(str(error)) from error
        self.decoded += 1
        pixels = thumbnail = None
        if request.pixels is not None:
            side, resample = request.pixels.size, Image.Resampling(request.pixels.resample)
            boxes = tile_boxes(*image.size) if request.tiles else [(0, 0, *image.size)]
            shown = np.stack([np.asarray(image.resize((side, side), resample, box=box)) for box in boxes])
            pixels = shown if request.tiles else shown[0]
        if request.thumbnail is not None:
            small, buffer = image.copy(), io.BytesIO()
            small.thumbnail((request.thumbnail, request.thumbnail))
            small.save(buffer, "JPEG")
            thumbnail = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        return Decoded(image.width, image.height, digest, pixels=pixels, thumbnail=thumbnail)


class MemoryThumbnails:
    def __init__(self) -> None:
        self._jpegs: dict[str, bytes] = {}

    def put(self, image_id: str, jpeg: bytes) -> None:
        self._jpegs[image_id] = jpeg

    def get(self, image_id: str) -> bytes | None:
        return self._jpegs.get(image_id)

    def delete(self, image_ids: Iterable[str]) -> None:
        for image_id in image_ids:
            self._jpegs.pop(image_id, None)

    def ids(self) -> Iterator[str]:
        return iter(list(self._jpegs))


class MemoryIndex:
    """The VectorIndex by brute force: `Filter.matches` over every payload, numpy over every vector."""

    backend = "memory"

    def __init__(self, info: IndexInfo) -> None:
        self.info = info
        self.optimized = 0
        self.closed = False
        self._lock = threading.RLock()
        self._payloads: dict[str, dict[str, Any]] = {}
        self._dense: dict[DenseName, dict[str, Vector]] = {"image": {}, "caption": {}}
        self._words: dict[str, dict[int, float]] = {}
        self._versions: dict[str, int] = {}
        self._writes = itertools.count(1)

    def upsert(self, points: Sequence[Point]) -> None:
        with self._lock:
            for point in points:
                image_id = point.record.id
                self._versions[image_id] = next(self._writes)
                self._payloads[image_id] = json.loads(json.dumps(to_payload(point.record)))
                self._set_vector("image", image_id, point.image)
                self._set_vector("caption", image_id, point.caption)
                self._set_words(image_id)

    def set_captions(self, captions: Sequence[CaptionUpdate]) -> None:
        with self._lock:
            for update in captions:
                if (payload := self._payloads.get(update.id)) is None:
                    continue
                self._versions[update.id] = next(self._writes)
                payload["caption"] = update.text
                payload["captions"] = list(update.captions)
                payload["caption_origin"] = update.origin
                optional = {
                    "captioner": update.captioner,
                    "caption_score": update.score,
                    "generated": update.generated,
                    "caption_flaw": update.flaw,
                    "caption_language": update.language,
                }
                for name, value in optional.items():
                    payload.pop(name, None)
                    if value is not None:
                        payload[name] = value
                self._set_vector("caption", update.id, update.vector)
                self._reword(update.id)

    def set_texts(self, texts: Sequence[TextUpdate]) -> None:
        self._change({update.id: text_payload(update) for update in texts})

    def set_places(self, places: Sequence[PlaceUpdate]) -> None:
        self._change({update.id: place_payload(update) for update in places})

    def set_refs(self, refs: Sequence[tuple[str, ImageRef]]) -> None:
        with self._lock:
            for image_id, ref in refs:
                if (payload := self._payloads.get(image_id)) is not None:
                    self._versions[image_id] = next(self._writes)
                    payload |= {"etag": ref.etag, "bytes": ref.bytes, "modified_at": ref.modified_at.isoformat()}

    def delete(self, ids: Sequence[str]) -> None:
        with self._lock:
            for image_id in ids:
                self._payloads.pop(image_id, None)
                self._words.pop(image_id, None)
                self._versions.pop(image_id, None)
                for vectors in self._dense.values():
                    vectors.pop(image_id, None)

    def fetch(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        with self._lock:
            return {i: self._record(i) for i in ids if i in self._payloads}

    def passing(self, ids: Sequence[str], filter: Filter) -> dict[str, ImageRecord]:
        return {i: found for i, found in self.fetch(ids).items() if filter.matches(self._payloads[i])}

    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]] = ()) -> dict[str, PictureTexts]:
        return {i: PictureTexts.of(found) for i, found in self.fetch(ids).items()}

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        with self._lock:
            held = {i: self._payloads[i].get("content_hash") for i in ids if i in self._payloads}
            return {i: content_hash for i, content_hash in held.items() if content_hash is not None}

    def vectors(self, ids: Sequence[str], name: DenseName = "image") -> dict[str, Vector]:
        with self._lock:
            return {i: self._dense[name][i].copy() for i in ids if i in self._dense[name]}

    def scroll(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[ImageRecord]:
        with self._lock:
            behind = [i for i in self._passing(filter) if after is None or i > after]
            return [self._record(i) for i in sorted(behind)[:limit]]

    def ordered(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[ImageRecord]:
        with self._lock:
            records = [self._record(i) for i in self._passing(filter)]
        return in_order(records, by, reverse=reverse)[offset : offset + limit]

    def ordered_ids(
        self, by: Sort, filter: Filter = EVERYTHING, *, limit: int, offset: int = 0, reverse: bool = False
    ) -> list[str]:
        return [record.id for record in self.ordered(by, filter, limit=limit, offset=offset, reverse=reverse)]

    def shortlists(
        self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int
    ) -> dict[ListName, Shortlist]:
        with self._lock:
            return {probe.list: Shortlist.cut(self.ranking(probe, filter, limit=limit), limit) for probe in probes}

    def ranking(self, probe: Probe, filter: Filter = EVERYTHING, *, limit: int) -> Ranking:
        with self._lock:
            return by_score(self._scores(probe, self._passing(filter)))[:limit]

    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> dict[ListName, dict[str, float]]:
        with self._lock:
            return {probe.list: self._scores(probe, ids) for probe in probes}

    def retrieve(self, probes: Sequence[Probe], filter: Filter = EVERYTHING, *, limit: int) -> Retrieval:
        return retrieve_in_parts(self, probes, filter, limit=limit)

    def details(
        self,
        ids: Sequence[str],
        filter: Filter = EVERYTHING,
        *,
        hashes: Sequence[str] = (),
        vectors: Sequence[str] = (),
        count: bool = False,
    ) -> Details:
        return Details(
            self.fetch(ids),
            self.copies(hashes, filter),
            self.vectors(vectors),
            self.count(filter) if count else None,
            self.count(PAIRED) > 0 if count else None,
        )

    def _scores(self, probe: Probe, ids: Sequence[str]) -> dict[str, float]:
        if probe.list == "image" or probe.list == "caption":
            held = self._dense[probe.list]
            return {i: float(held[i] @ probe.vector) for i in ids if i in held}
        wanted, field = probe.terms or {}, WORD_FIELDS[probe.list]
        spoken = [set(payload.get(field, ())) for payload in self._payloads.values()]
        holding = Counter(word for words in spoken for word in words)
        asked = query_vector(wanted, sum(map(bool, spoken)), holding, probe.list)
        return {
            i: sum(weight * self._words[i].get(term, 0.0) for term, weight in asked.items())
            for i in ids
            if not asked.keys().isdisjoint(self._words.get(i, {}))
        }

    def count(self, filter: Filter = EVERYTHING) -> int:
        with self._lock:
            return len(self._passing(filter))

    def copies(self, hashes: Sequence[str], filter: Filter = EVERYTHING) -> dict[str, int]:
        with self._lock:
            held = [self._payloads[image_id].get("content_hash") for image_id in self._passing(filter)]
        return dict(Counter(one for one in held if one in hashes))

    def facet(self, field: Keyword, filter: Filter = EVERYTHING, *, limit: int = 20) -> list[tuple[str, int]]:
        counts: Counter[str] = Counter()
        with self._lock:
            for image_id in self._passing(filter):
                value = self._payloads[image_id].get(field, ())
                counts.update([value] if isinstance(value, str) else set(value))
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def fields(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        with self._lock:
            return {i: tuple(map(self._payloads[i].get, names)) for i in ids if i in self._payloads}

    def stamp(self) -> str | None:
        return None

    def ids(self, filter: Filter = EVERYTHING, *, after: str | None = None, limit: int = 1000) -> list[str]:
        return [record.id for record in self.scroll(filter, after=after, limit=limit)]

    def gather(self, calls: Sequence[Callable[[SearchableIndex], T]]) -> list[T]:
        return [call(self) for call in calls]

    def versions(self) -> Iterator[tuple[str, int]]:
        with self._lock:
            return iter(list(self._versions.items()))

    def optimize(self) -> None:
        self.optimized += 1

    def size_bytes(self) -> int:
        with self._lock:
            return sum(4 * len(vector) for vectors in self._dense.values() for vector in vectors.values())

    def close(self) -> None:
        self.closed = True

    def _passing(self, filter: Filter) -> list[str]:
        return [i for i, payload in self._payloads.items() if filter.matches(payload)]

    def _record(self, image_id: str) -> ImageRecord:
        return from_payload(image_id, self._payloads[image_id])

    def _set_vector(self, name: DenseName, image_id: str, vector: Vector | None) -> None:
        self._dense[name].pop(image_id, None)
        if vector is not None:
            self._dense[name][image_id] = np.array(vector, np.float32)

    def _change(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        with self._lock:
            for image_id, change in changes.items():
                if (payload := self._payloads.get(image_id)) is not None:
                    self._versions[image_id] = next(self._writes)
                    payload |= json.loads(json.dumps(change))
                    self._payloads[image_id] = {name: value for name, value in payload.items() if value is not None}
                    self._reword(image_id)

    def _reword(self, image_id: str) -> None:
        payload = self._payloads[image_id]
        payload |= payload_words(payload_documents(payload))
        self._set_words(image_id)

    def _set_words(self, image_id: str) -> None:
        self._words.pop(image_id, None)
        if weights := record_weights(self._record(image_id).documents):
            self._words[image_id] = weights
