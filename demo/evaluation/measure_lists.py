"""Measure how much text in pictures, places and names may count where they are fused with what pictures show.

    python -m demo.evaluation.measure_lists FOLDER [--texts FILE]

FOLDER holds real vectors (demo.evaluation.real_vectors). `--texts` is a JSON file of what is written in photographs: a
list of lines for each, of any other photographs. They are laid on the library's pictures at random.

Five kinds of questions are asked of the same pictures.

*Plain*: "a dog". Answers are the pictures of which two captions in five say it; two captions of each are known. Places
and names tell nothing, and texts are those of other photographs.

*Told*: "a dog in Lisbon". One picture in twenty was taken there, lies in such a folder, or shows the word on a sign.
Answers are the dogs among them.

*Misleading*: "a dog", where a third of all pictures shows a sign "dog" or "red", or lies in a folder "dogs". Towns are
called Orange or Nice. All of that is drawn by lot.

*Captions*: a human caption is asked among misleading pictures, and four others are known. Words alone rank them, since
nobody has the vectors of these captions here.

*Read*: as captions, for text alone, where a third of all pictures shows what is written in any real photograph.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from core.domain.image import ImageRecord
from core.domain.query import Weights
from core.domain.text_lines import TextLine
from core.domain.vectors import Matrix, Vector
from core.evaluation.evaluator import EvaluationSet, LabelledQuestion
from core.evaluation.metrics import Figures
from core.ports.encoders import TextEncoding
from core.text import analysis
from demo.evaluation.real_vectors import RealVectors

TOWNS = ("Lisbon", "Porto", "Hamburg", "Kyoto", "Oslo", "Vienna", "Lima", "Cusco", "Dublin", "Nairobi")
AMBIGUOUS_TOWNS = ("Nice", "Bath", "Reading", "Orange", "Split", "Snow Hill", "Green River", "Dog Creek")
SIGNS = ("red", "STOP", "water", "dog", "black", "BLUE BOX", "ball", "Man", "snow", "child")
FOLDERS = ("dogs", "beach holiday 2019", "kids", "red", "sports", "snow trip", "grandma", "water")
SHARE = 20  # one picture in so many has the place, the folder or the sign that is asked for
STEPS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_LEAST = 5  # pictures that are to answer "a dog", else the question is not asked
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Made:
    """A library whose pictures are given places, folders and signs, with what is asked of it."""

    gallery: EvaluationSet
    asked: list[LabelledQuestion]


class FixedTexts:
    """Stands in for the encoder: questions have the vectors of the things that they name."""

    def __init__(self, vectors: Mapping[str, Vector]) -> None:
        self._vectors = vectors

    def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
        """Look the texts up, (Q, D). Others have any vector: where they are asked, words alone rank."""
        nothing = next(iter(self._vectors.values()))
        found: Matrix = np.stack([self._vectors.get(text, nothing) for text in texts])
        return TextEncoding(found, (False,) * len(texts), ((),) * len(texts))


def make_questions(
    found: RealVectors, kind: str, name: str, dice: random.Random, texts: Sequence[Sequence[str]] = ()
) -> tuple[Made, FixedTexts]:
    """Make a library of the pictures with five captions, and its questions of a kind, for one list.

    Two captions of each picture are known. `kind` is one of those above; `name` is "text", "place" or
    "name". `texts` are what is written in real photographs.
    """
    rows = [row for row, captions in enumerate(found.captions) if len(captions) >= 5]
    said = [name for name in range(len(found.names)) if found.shown[rows, name].sum() >= _LEAST]
    told = kind == "told"
    word = dice.choice(TOWNS)
    misled, captioned = kind in ("misleading", "captions"), kind in ("captions", "read")
    misleading = {"text": SIGNS, "place": AMBIGUOUS_TOWNS, "name": FOLDERS}[name] if misled else ()
    pictures = []
    wearing: set[int] = set()
    for at, row in enumerate(rows):
        record = _make_record(at, found.captions[row][: 5 if captioned else 2])
        if told and dice.randrange(SHARE) == 0:
            wearing.add(at)
            record = _give(record, name, word)
        elif told or misled:
            if dice.randrange(4 if told else 3) == 0:
                record = _give(record, name, dice.choice([one for one in (misleading or TOWNS) if one != word]))
        elif name == "text":
            if texts and (kind == "plain" or dice.randrange(3) == 0):
                record = _write(record, dice.choice(texts))
        else:
            record = _give(record, name, dice.choice(TOWNS))
        pictures.append((record.with_words(), found.images[row], None))
    gallery = EvaluationSet(pictures, found.images.shape[1])
    asked, vectors = [], {}
    for at in said:
        text = f"a {found.names[at]}" + (f" in {word}" if told else "")
        answers = frozenset(n for n, row in enumerate(rows) if found.shown[row, at] and (not told or n in wearing))
        if answers:
            asked.append(LabelledQuestion(text, answers))
            vectors[text] = found.texts[at]
    if captioned:
        asked = dice.sample(gallery.human_questions(), 500)
    return Made(gallery, asked), FixedTexts(vectors)


def measure(
    found: RealVectors, name: str, kind: str, texts: Sequence[Sequence[str]] = (), times: int = 4
) -> list[Figures]:
    """Measure a list with every weight of STEPS, over so many libraries."""
    sums: list[Figures] = []
    for time in range(times):
        made, encoder = make_questions(found, kind, name, random.Random(f"{name} {kind} {time}"), texts)
        usual = replace(USUAL, image=0.0) if kind in ("captions", "read") else USUAL
        weighings = {f"{step}": replace(usual, **{name: step}) for step in STEPS}
        figures = list(made.gallery.evaluate_texts(encoder, made.asked, weighings).values())  # type: ignore[arg-type]
        sums = [one.together(other) for one, other in zip(sums, figures, strict=True)] if sums else figures
    return sums


USUAL = Weights.only(image=1, words=0.5)


def _make_record(at: int, captions: Sequence[str]) -> ImageRecord:
    return ImageRecord(
        id=f"{at:032x}",
        source="made",
        key=f"DCIM/IMG_{at:04}.JPG",
        uri=f"made/{at}",
        etag="",
        bytes=1,
        modified_at=_NOW,
        indexed_at=_NOW,
        status="indexed",
        encoder="real",
        caption=captions[0],
        captions=tuple(captions),
        caption_origin="human",
        words=analysis.analyse(*captions),
    )


def _give(record: ImageRecord, name: str, word: str) -> ImageRecord:
    """Have the picture taken at a place, filed in a folder of that name, or show it on a sign."""
    if name == "place":
        return replace(record, places=(word, "Somewhere", "Country"))
    if name == "name":
        return replace(
            record, key=f"{word.lower()} holiday 2019/{record.name}" if word in TOWNS else f"{word}/{record.name}"
        )
    return _write(record, [word.upper(), "OPEN 24 HOURS"])


def _write(record: ImageRecord, lines: Sequence[str]) -> ImageRecord:
    return replace(record, text_lines=tuple(TextLine(line, (0, 0, 1, 0, 1, 1, 0, 1), 0.9) for line in lines))


def format_rows(found: RealVectors, texts: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of the table: nDCG@10 for every list, kind of question and weight."""
    yield f"{'list, questions':<26}" + "".join(f"{step:>8g}" for step in STEPS)
    for name in ("text", "place", "name"):
        for kind in ("plain", "told", "misleading", "captions", *(["read"] if name == "text" and texts else [])):
            figures = measure(found, name, kind, texts)
            cells = "".join(f"{one.ndcg_at_10:>8.3f}" for one in figures)
            yield f"{f'{name}, {kind} ({figures[0].questions})':<26}{cells}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path)
    given = parser.parse_args()
    texts = json.loads(given.texts.read_text(encoding="utf-8")) if given.texts else []
    for line in format_rows(RealVectors.read(given.folder), texts):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
