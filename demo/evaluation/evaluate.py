"""Measure the demo models on scenes and pairs they never saw, through the same calls that BucketLens makes.

    python -m demo.evaluation.evaluate [--json] [--write]

Every picture is drawn at 512 pixels, saved as JPEG and opened again; texts and pictures go through
`SentenceTransformer.encode`, captions through `generate`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sentence_transformers import SentenceTransformer
from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

from demo.models.architectures import CAPTIONER_FOLDER, CLIP_FOLDER
from demo.models.training_pool import WITHHELD, evaluation_scenes
from demo.scenes.captions import (
    SHORT,
    GroupQuestion,
    Question,
    caption,
    full_question,
    plural,
    short_question,
    word_question,
)
from demo.scenes.composition import Scene
from demo.scenes.object_kinds import KINDS
from demo.scenes.painting import draw
from demo.scenes.palette import COLOURS
from demo.scenes.question_bank import SceneTable, replace_telling_word

README = Path(__file__).parent.parent / "README.md"
FENCE = ("<!-- figures: written by `python -m demo.evaluation.evaluate --write` -->", "<!-- end of figures -->")
SINGULAR = {plural(kind): kind for kind in KINDS} | {kind: kind for kind in KINDS}


@dataclass(frozen=True)
class CaptionFigures:
    """The accuracy of captions, as shares from 0 to 1; `order` counts pairs of groups whose objects are right."""

    exact: float = 0.0
    objects: float = 0.0
    order: float = 0.0


@dataclass
class Figures:
    """All figures of an evaluation, as shares from 0 to 1."""

    gallery: int
    caption_recall_at_1: float = 0.0
    caption_recall_at_10: float = 0.0
    unseen_pair_recall_at_1: float = 0.0
    unseen_pair_precision: float = 0.0
    precision: dict[str, float] = field(default_factory=dict)
    colour_binding: float = 0.0
    order: float = 0.0
    match_area: float = 0.0
    match_cosine: float = 0.0
    match_accuracy: float = 0.0
    strange_refused: float = 0.0
    captioner: CaptionFigures = CaptionFigures()
    captioner_unseen: CaptionFigures = CaptionFigures()


def draw_jpeg(scene: Scene) -> bytes:
    """Draw the scene as a JPEG of 512 pixels a side."""
    buffer = io.BytesIO()
    draw(scene, 512).save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


def draw_pictures(scenes: Sequence[Scene]) -> list[Image.Image]:
    """Draw the scenes, save them and open them again."""
    if len(scenes) < 400:
        files = [draw_jpeg(scene) for scene in scenes]
    else:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as workers:
            files = list(workers.map(draw_jpeg, scenes, chunksize=25))
    return [Image.open(io.BytesIO(file)).convert("RGB") for file in files]


def load_clip(folder: Path = CLIP_FOLDER) -> SentenceTransformer:
    """Load a CLIP from a folder, on the CPU in float32."""
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32})


def encode_texts(clip: SentenceTransformer, texts: Sequence[str]) -> NDArray[np.float32]:
    """Encode texts into unit vectors, (len(texts), 256) float32."""
    vectors = clip.encode([{"text": text} for text in texts], batch_size=256, normalize_embeddings=True)
    return np.asarray(vectors, dtype=np.float32)


def encode_pictures(clip: SentenceTransformer, images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Encode pictures into unit vectors, (len(images), 256) float32."""
    return np.asarray(clip.encode(list(images), batch_size=64, normalize_embeddings=True), dtype=np.float32)


def recall(scores: NDArray[np.float32], right: NDArray[np.bool_], depth: int) -> float:
    """Return recall@`depth`: the share of texts, rows of (T, N), with a right picture among the best."""
    best = np.argsort(-scores, axis=1)[:, :depth]
    return float(np.take_along_axis(right, best, axis=1).any(axis=1).mean())


def r_precision(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Return the mean R-precision of texts, rows of (T, N), where R is the number of right pictures."""
    shares = []
    for row, answers in zip(scores, right, strict=True):
        best = np.argsort(-row)[: int(answers.sum())]
        shares.append(answers[best].mean())
    return float(np.mean(shares))


class Gallery:
    """A gallery of scenes with their picture vectors, (N, 256), and the CLIP that made them."""

    def __init__(self, clip: SentenceTransformer, scenes: list[Scene], images: Sequence[Image.Image]) -> None:
        self.clip, self.scenes = clip, scenes
        self.table = SceneTable.of(scenes)
        self.vectors = encode_pictures(clip, images)

    def ask(self, questions: Sequence[Question], texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return cosines and right answers, both (len(texts), number of pictures)."""
        return encode_texts(self.clip, texts) @ self.vectors.T, self.table.answers(questions).T

    def ask_whole(self, scenes: Sequence[Scene], dice: random.Random) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Ask for every scene by its full caption in free wording; see `ask`."""
        questions = [full_question(scene, dice) for scene in scenes]
        return self.ask(questions, [word_question(question, dice) for question in questions])

    def ask_short(self, sort: str, number: int, dice: random.Random) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Ask `number` short questions of one sort, each with at least one right picture; see `ask`."""
        pairs_only = sort in ("two kinds", "two colour+kinds", "relation")
        scenes = [scene for scene in self.scenes if not pairs_only or len(scene.groups) == 2]
        if sort.startswith("size"):
            scenes = [scene for scene in scenes if scene.groups[0].size != "medium"]
        questions = [short_question(dice.choice(scenes), sort, dice) for _ in range(number)]
        return self.ask(questions, [word_question(question, dice) for question in questions])


def measure_preference(gallery: Gallery, pairs: Sequence[tuple[int, str, str]]) -> float:
    """Return the share of (picture, right text, wrong text) where the right text is nearer."""
    rows = gallery.vectors[[row for row, _, _ in pairs]]
    right = encode_texts(gallery.clip, [text for _, text, _ in pairs])
    wrong = encode_texts(gallery.clip, [text for _, _, text in pairs])
    return float(((rows * right).sum(axis=1) > (rows * wrong).sum(axis=1)).mean())


def exchange_colours(gallery: Gallery) -> list[tuple[int, str, str]]:
    """Exchange colours: "a red car and a blue star" against "a blue car and a red star"."""
    found = []
    for row, scene in enumerate(gallery.scenes):
        if len(scene.groups) == 2 and scene.groups[0].colour != scene.groups[1].colour:
            one, two = scene.groups
            found.append((row, f"a {one.colour} {one.kind} and a {two.colour} {two.kind}",
                          f"a {two.colour} {one.kind} and a {one.colour} {two.kind}"))  # fmt: skip
    return found


def exchange_order(gallery: Gallery) -> list[tuple[int, str, str]]:
    """Exchange the order: "a red car left of a blue star" against "a blue star left of a red car"."""
    found = []
    for row, scene in enumerate(gallery.scenes):
        if scene.relation:
            one, two = (f"a {group.colour} {group.kind}" for group in scene.groups)
            found.append((row, f"{one} {scene.relation} {two}", f"{two} {scene.relation} {one}"))
    return found


def measure_separation(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Measure how well one cosine for all questions separates matches from the rest.

    Returns the area under the ROC curve, the best threshold, and the balanced accuracy there.
    """
    order = np.argsort(-scores, axis=None)
    hits = right.ravel()[order]
    found = np.cumsum(hits) / hits.sum()
    wrong = np.cumsum(~hits) / (~hits).sum()
    balanced = (found + 1 - wrong) / 2
    best = int(balanced.argmax())
    return float(np.trapezoid(found, wrong)), float(scores.ravel()[order[best]]), float(balanced[best])


def measure_clip(gallery: Gallery, seen: int, figures: Figures) -> None:
    """Fill in all but the captioner's figures; the gallery's first `seen` scenes are without withheld pairs."""
    dice = random.Random("evaluation")
    scores, right = gallery.ask_whole(gallery.scenes[:seen], dice)
    figures.caption_recall_at_1, figures.caption_recall_at_10 = recall(scores, right, 1), recall(scores, right, 10)
    figures.unseen_pair_recall_at_1 = recall(*gallery.ask_whole(gallery.scenes[seen:], dice), 1)
    withheld = [Question((GroupQuestion(kind, colour),)) for colour, kind in sorted(WITHHELD)]
    figures.unseen_pair_precision = r_precision(*gallery.ask(withheld, [word_question(q, dice) for q in withheld]))
    asked = {sort: gallery.ask_short(sort, 300, dice) for sort in SHORT}
    figures.precision = {sort: r_precision(*answer) for sort, answer in asked.items()}
    figures.colour_binding = measure_preference(gallery, exchange_colours(gallery))
    figures.order = measure_preference(gallery, exchange_order(gallery))
    all_scores, all_right = (np.concatenate(parts) for parts in zip(*asked.values(), strict=True))
    figures.match_area, figures.match_cosine, figures.match_accuracy = measure_separation(all_scores, all_right)
    texts = [word_question(short_question(scene, "colour+kind", dice), dice) for scene in gallery.scenes[:300]]
    strange = [text for text in (replace_telling_word(text, dice) for text in texts) if text]
    best = (encode_texts(gallery.clip, strange) @ gallery.vectors.T).max(axis=1)
    figures.strange_refused = float((best < figures.match_cosine).mean())


def write_captions(images: Sequence[Image.Image], folder: Path = CAPTIONER_FOLDER) -> list[str]:
    """Caption the images with the captioner in a folder."""
    model: Any = VisionEncoderDecoderModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    model.eval()
    processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        folder, backend="pil", local_files_only=True
    )
    words = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    captions: list[str] = []
    for start in range(0, len(images), 64):
        pixels = processor(list(images[start : start + 64]), return_tensors="pt").pixel_values
        captions += words.batch_decode(model.generate(pixel_values=pixels), skip_special_tokens=True)
    return captions


def find_objects(text: str) -> list[tuple[str, str]]:
    """List the pairs of colour and kind that a caption names, in its order."""
    pattern = rf"({'|'.join(COLOURS)}) ({'|'.join(sorted(SINGULAR, key=len, reverse=True))})\b"
    return [(colour, SINGULAR[noun]) for colour, noun in re.findall(pattern, text)]


def measure_captions(scenes: Sequence[Scene], captions: Sequence[str]) -> CaptionFigures:
    """Compare captions with the canonical ones."""
    truths = [caption(scene) for scene in scenes]
    exact = float(np.mean([one == two for one, two in zip(truths, captions, strict=True)]))
    named = [(find_objects(truth), find_objects(text)) for truth, text in zip(truths, captions, strict=True)]
    objects = float(np.mean([sorted(one) == sorted(two) for one, two in named]))
    pairs = [one == two for one, two in named if len(one) == 2 and sorted(one) == sorted(two)]
    return CaptionFigures(exact, objects, float(np.mean(pairs)) if pairs else 0.0)


def evaluate(seen: int = 1200, with_unseen: int = 300) -> Figures:
    """Draw the held-out gallery and measure both models."""
    scenes = evaluation_scenes(seen) + evaluation_scenes(with_unseen, with_unseen=True)
    images = draw_pictures(scenes)
    figures = Figures(gallery=len(scenes))
    measure_clip(Gallery(load_clip(), scenes, images), seen, figures)
    captions = write_captions(images)
    figures.captioner = measure_captions(scenes[:seen], captions[:seen])
    figures.captioner_unseen = measure_captions(scenes[seen:], captions[seen:])
    return figures


def format_table(figures: Figures) -> str:
    """Format the figures as a Markdown table."""
    rows = [
        ("full caption in free wording, right picture first (R@1)", figures.caption_recall_at_1),
        ("… among the first ten (R@10)", figures.caption_recall_at_10),
        ("full caption with a pair of colour and kind never seen in training, R@1", figures.unseen_pair_recall_at_1),
        ("such a pair alone, R-precision", figures.unseen_pair_precision),
        *((f"short question: {sort}, R-precision", value) for sort, value in figures.precision.items()),
        ("colours bound to the right object (chance 0.5)", figures.colour_binding),
        ("order, left of and above (chance 0.5)", figures.order),
        ("one threshold for all short questions: area under the ROC curve", figures.match_area),
        ("… balanced accuracy at the best one", figures.match_accuracy),
        ("… which is a cosine of", figures.match_cosine),
        ("question with an unknown word: every picture below that threshold", figures.strange_refused),
        ("captioner: exact caption", figures.captioner.exact),
        ("captioner: all objects and colours right", figures.captioner.objects),
        ("captioner: of those, two groups in the right order", figures.captioner.order),
        ("captioner, scenes with a pair never seen in training: exact caption", figures.captioner_unseen.exact),
        ("captioner, such scenes: all objects and colours right", figures.captioner_unseen.objects),
    ]
    lines = [f"Measured on {figures.gallery:,} held-out pictures.", "", "| what | value |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value:.3f} |" for what, value in rows)])


def write_figures(figures: Figures, readme: Path = README) -> None:
    """Put the table between its two marks in the README."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(FENCE[0])
    _, _, after = rest.partition(FENCE[1])
    readme.write_text(f"{before}{FENCE[0]}\n{format_table(figures)}\n{FENCE[1]}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--write", action="store_true", help="also put the table into demo/README.md")
    given = parser.parse_args()
    figures = evaluate()
    if given.write:
        write_figures(figures)
    text = json.dumps(asdict(figures), indent=2) if given.json else format_table(figures)
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
