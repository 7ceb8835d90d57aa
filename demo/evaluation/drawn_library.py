"""A library of drawn scenes, made as `bucketlens ingest` makes any and gone afterwards; and what is true of it."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.bootstrap import Container
from core.domain.ids import point_id
from core.evaluation.evaluator import GroundTruth
from core.settings import DEMO, load_settings
from demo.scenes.captions import Question, caption, full_question, word_question
from demo.scenes.composition import Scene
from demo.scenes.painting import draw
from demo.scenes.question_bank import SceneTable
from ingest.jobs.runner import Runner, Show
from ingest.pipeline.interrupts import Signals
from ingest.telemetry.report import Progress

_PIXELS = 512
_FEW = 100  # pictures that are drawn before another process has begun


@dataclass(frozen=True, slots=True)
class DrawnLibrary:
    """Indexed and captioned by the demo models; `scenes` by the ids of their pictures."""

    container: Container
    scenes: Mapping[str, Scene]


def _quietly(run: Iterator[Progress]) -> None:
    deque(run, maxlen=0)


@contextmanager
def drawn_library(scenes: Sequence[Scene], show: Show = _quietly) -> Iterator[DrawnLibrary]:
    """Raises BucketLensError where it cannot be made."""
    with TemporaryDirectory(prefix="bucketlens-") as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        paths = [pictures / f"demo-{number:05d}.jpg" for number in range(1, len(scenes) + 1)]
        if len(scenes) <= _FEW:
            deque(map(_draw, scenes, paths), maxlen=0)
        else:
            with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
                deque(pool.map(_draw, scenes, paths, chunksize=25), maxlen=0)
        settings = load_settings(data=Path(folder) / "data", model=DEMO, captioner=DEMO)
        with Container(settings) as container:
            with Signals() as signals:
                runner = Runner(container, [str(pictures)], signals, show)
                source = runner.stores()[0].source
                runner.sync()
            if signals.received:
                raise KeyboardInterrupt
            ids = [point_id(source, path.name) for path in paths]
            yield DrawnLibrary(container, dict(zip(ids, scenes, strict=True)))


def known(scenes: Mapping[str, Scene], questions: Mapping[str, Question]) -> GroundTruth:
    """Return the scenes' captions, and which of them answer each question."""
    ids = np.array(list(scenes))
    answers = SceneTable.of(list(scenes.values())).answers(list(questions.values()))
    found = {text: frozenset(ids[answers[:, at]].tolist()) for at, text in enumerate(questions)}
    return GroundTruth({image_id: caption(scene) for image_id, scene in scenes.items()}, found)


def paraphrase_all(scenes: Sequence[Scene], dice: random.Random) -> dict[str, Question]:
    """Write a caption of every scene in free wording, with what it asks for."""
    asked = [full_question(scene, dice) for scene in scenes]
    return {word_question(question, dice): question for question in asked}


def _draw(scene: Scene, path: Path) -> None:
    draw(scene, _PIXELS).save(path, format="JPEG", quality=90)
