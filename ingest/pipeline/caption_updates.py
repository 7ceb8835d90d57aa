"""Captions of images -> updates of the index: their words, their vector and its score."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.domain.image import CaptionFlaw, ImageRecord
from core.domain.vectors import Matrix, Vector, unit
from core.ports.encoders import Encoder
from core.ports.vector_index import CaptionUpdate, VectorIndex
from ingest.pipeline.run_context import retry_while_busy


@dataclass(frozen=True, slots=True)
class CaptionTexts:
    """All captions of an image: those that people wrote, and the one that a captioner wrote. Either may be missing.

    What the image's file says of it (`file_texts` of the record) comes after people's captions, and before a
    captioner's. `flaw` and `language` are those of a captioner's.
    """

    record: ImageRecord
    human: tuple[str, ...] = ()
    generated: str | None = None
    captioner: str | None = None
    flaw: CaptionFlaw | None = None
    language: str | None = None

    @classmethod
    def of(cls, record: ImageRecord) -> "CaptionTexts":
        """Take the captions out of a record."""
        flaw, language = record.caption_flaw, record.caption_language
        return cls(record, get_human_captions(record), get_generated_caption(record), record.captioner, flaw, language)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return what the caption vector is made of: people's captions, or else the file's texts; a captioner's too.

        A captioner's boilerplate is left out.
        """
        of_file = tuple(text.text for text in self.record.file_texts)
        told = (*(self.human or of_file), None if self.flaw == "boilerplate" else self.generated)
        return tuple(dict.fromkeys(text for text in told if text))

    def apply(self) -> ImageRecord:
        """Give the record these captions, and the words of all that is said of the image."""
        human, of_file, generated = self.human, self.record.file_texts, self.generated
        by_model = generated is not None
        told = replace(
            self.record,
            captions=human,
            generated=generated,
            captioner=self.captioner if by_model else None,
            caption_flaw=self.flaw if by_model else None,
            caption_language=self.language if by_model else None,
        )
        if human:
            told = replace(told, caption=human[0], caption_origin="human")
        elif of_file:
            told = replace(told, caption=of_file[0].text, caption_origin="file")
        elif generated is not None:
            told = replace(told, caption=generated, caption_origin="generated", generated=None)
        else:
            told = replace(told, caption=None, caption_origin=None)
        return told.with_words()


def caption_updates(
    index: VectorIndex, encoder: Callable[[], Encoder], caption_texts: Sequence[CaptionTexts]
) -> list[CaptionUpdate]:
    """Make the updates for these captions, in their order.

    An image that failed gets its words alone; its vector is left for when it can be read.
    """
    indexed = [captions for captions in caption_texts if captions.record.status == "indexed"]
    vectors = dict(zip((captions.record.id for captions in indexed), _encode_means(encoder, indexed), strict=True))
    images = retry_while_busy(index.vectors, [captions.record.id for captions in indexed])
    return [_make_update(each, vectors.get(each.record.id), images.get(each.record.id)) for each in caption_texts]


def get_human_captions(record: ImageRecord) -> tuple[str, ...]:
    """Return what people wrote of the image."""
    if record.caption_origin != "human":
        return ()
    return record.captions or ((record.caption,) if record.caption else ())


def get_generated_caption(record: ImageRecord) -> str | None:
    """Return what a captioner said of the image; None where none was asked."""
    return record.caption if record.caption_origin == "generated" else record.generated


def text_vector(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """Encode at least one text into one caption vector, (D,)."""
    return _mean(encoder.encode_texts(texts).vectors)


def text_vectors(
    encoder: Encoder, groups: Sequence[Sequence[str]], known: MutableMapping[str, Vector] | None = None
) -> list[Vector | None]:
    """Encode each group of texts into one caption vector, (D,), or None for an empty group.

    All are encoded at once, each different one once, and those of about one length together: a batch is padded.
    `known` has the vectors of texts that are not encoded again, and takes in those of the others.
    """
    vectors: MutableMapping[str, Vector] = {} if known is None else known
    new = {text for texts in groups for text in texts if text not in vectors}
    if new:
        ordered = sorted(new, key=lambda text: (len(text), text))
        vectors.update(zip(ordered, encoder.encode_texts(ordered).vectors, strict=True))
    return [_mean(np.stack([vectors[text] for text in texts])) if texts else None for texts in groups]


def _make_update(captions: CaptionTexts, vector: Vector | None, image: Vector | None) -> CaptionUpdate:
    score = None if vector is None or image is None else float(vector @ image)
    told = captions.apply()
    return CaptionUpdate(
        told.id,
        told.caption or "",
        told.caption_origin or "generated",
        captions.captioner,
        score,
        vector,
        told.captions,
        told.generated,
        told.caption_flaw,
        told.caption_language,
    )


def _encode_means(encoder: Callable[[], Encoder], caption_texts: Sequence[CaptionTexts]) -> list[Vector | None]:
    groups = [captions.texts for captions in caption_texts]
    return text_vectors(encoder(), groups) if any(groups) else [None] * len(groups)


def _mean(rows: Matrix) -> Vector:
    """(N, D) -> (D,): the normalised mean.

    A query's cosine to it rises with the query's mean cosine to all captions, as in the prompt ensembles of CLIP
    (Radford et al. 2021, 3.1.4). What several people agree on outweighs the turn of phrase of one.
    Where the rows cancel each other out, it is the first row.
    """
    if len(rows) > 1:
        try:
            return unit(rows.mean(axis=0, dtype=np.float64))
        except ValueError:
            pass
    first: Vector = rows[0]
    return first
