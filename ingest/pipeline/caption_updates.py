"""What is said of images -> updates of their captions: words, vector and score of all of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.domain.image import ImageRecord, all_texts
from core.domain.vectors import Matrix, Vector, unit
from core.ports.encoders import Encoder
from core.ports.vector_index import CaptionUpdate, VectorIndex
from ingest.pipeline.run_context import patiently


@dataclass(frozen=True, slots=True)
class Wording:
    """What people wrote of an image and what a captioner said of it, of which either may be missing."""

    record: ImageRecord
    human: tuple[str, ...]
    generated: str | None = None
    captioner: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return all_texts(None, self.human, self.generated)


def caption_updates(
    index: VectorIndex, encoder: Callable[[], Encoder], wordings: Sequence[Wording]
) -> list[CaptionUpdate]:
    """The vector of an image that failed is left for when it can be read."""
    indexed = [wording for wording in wordings if wording.record.status == "indexed"]
    vectors = dict(zip((wording.record.id for wording in indexed), _means(encoder, indexed), strict=True))
    images = patiently(index.vectors, [wording.record.id for wording in indexed])
    return [_update(each, vectors.get(each.record.id), images.get(each.record.id)) for each in wordings]


def written(record: ImageRecord) -> tuple[str, ...]:
    """What people wrote of the image."""
    if record.caption_origin != "human":
        return ()
    return record.captions or ((record.caption,) if record.caption else ())


def text_vector(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """(D,): one caption vector for all of the texts, of which there is one at least."""
    return _mean(encoder.encode_texts(texts).vectors)


def text_vectors(encoder: Encoder, groups: Sequence[Sequence[str]]) -> list[Vector | None]:
    """One caption vector, (D,), for each group of texts; None for an empty one. All are encoded at once."""
    rows = iter(encoder.encode_texts([text for texts in groups for text in texts]).vectors)
    return [_mean(np.stack([next(rows) for _ in texts])) if texts else None for texts in groups]


def _update(wording: Wording, vector: Vector | None, image: Vector | None) -> CaptionUpdate:
    score = None if vector is None or image is None else float(vector @ image)
    image_id, captioner = wording.record.id, wording.captioner
    if not wording.human:
        return CaptionUpdate(image_id, wording.generated or "", "generated", captioner, score, vector)
    human, generated = wording.human, wording.generated
    return CaptionUpdate(image_id, human[0], "human", captioner, score, vector, human, generated)


def _means(encoder: Callable[[], Encoder], wordings: Sequence[Wording]) -> Iterator[Vector | None]:
    texts = [text for wording in wordings for text in wording.texts]
    rows = encoder().encode_texts(texts).vectors if texts else None  # (sum of texts, D)
    start = 0
    for wording in wordings:
        count = len(wording.texts)
        yield _mean(rows[start : start + count]) if rows is not None and count else None
        start += count


def _mean(rows: Matrix) -> Vector:
    """(N, D) -> (D,): the normalised mean, so that a query's cosine to it rises with its mean cosine to all captions.

    What several people agree on outweighs the turn of phrase of one, as in the prompt ensembles of CLIP (Radford et al.
    2021, 3.1.4). The first alone where they cancel each other out.
    """
    if len(rows) > 1:
        try:
            return unit(rows.mean(axis=0, dtype=np.float64))
        except ValueError:
            pass
    first: Vector = rows[0]
    return first
