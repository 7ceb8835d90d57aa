"""Measure how many words of made pictures are found: clean pages, photographs of signs, languages, other scripts.

    python -m demo.evaluation.reading.measure_reading [--pictures 60]

Words count as found where the words of the search find them: small or capital letters and marks are one.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from core.bootstrap.factories import load_text_reader
from core.ports.text_reader import TextReader, TextReading
from core.text.analysis import tokenize
from demo.evaluation.reading.drawing import Font, choose_colours, draw_page, photograph
from demo.evaluation.reading.fonts import choose_font
from demo.evaluation.reading.words import FOREIGN, READABLE, make_line, make_number

SIZES = (12, 14, 16, 20, 24, 32, 48, 64)
SIGN_SIZES = (24, 32, 40, 48, 64)
_TURNS = (0, 0, 0, 90, 180, 270)


@dataclass(frozen=True)
class MadePicture:
    """A picture, and the words that are written in it."""

    picture: Image.Image
    words: tuple[str, ...]


def make_page(rng: random.Random, language: str, script: str = "Latin", *, shipped: bool = False) -> MadePicture:
    """Make a clean page: a font and size of its own a line, any colours, upright, turned, or up to 5 degrees askew."""
    colours = choose_colours(rng, 110)
    lines = _choose_lines(rng, language, script, rng.randint(3, 9), SIZES, shipped)
    page = draw_page(rng, lines, colours)
    angle = rng.uniform(-5, 5) if rng.random() < 0.2 else rng.choice(_TURNS)
    page = page.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=colours[0])
    return MadePicture(page, _words(lines))


def make_photograph(rng: random.Random, language: str, script: str = "Latin", *, shipped: bool = False) -> MadePicture:
    """Make a photograph of a sign with one to four lines: aslant, in uneven light, blurred, noisy, as JPEG."""
    lines = _choose_lines(rng, language, script, rng.randint(1, 4), SIGN_SIZES, shipped)
    sign = draw_page(rng, lines, choose_colours(rng, 90))
    return MadePicture(photograph(rng, sign), _words(lines))


def _choose_lines(
    rng: random.Random, language: str, script: str, count: int, sizes: tuple[int, ...], shipped: bool
) -> list[tuple[str, Font]]:
    lines: list[tuple[str, Font]] = []
    while len(lines) < count:
        text = make_line(rng, language, script, 4)
        if rng.random() < 0.15:
            text = f"{text} {make_number(rng)}"
        font = choose_font(rng, text, rng.choice(sizes), None if shipped else language)
        if font is not None:
            lines.append((text, font))
    return lines


def _words(lines: list[tuple[str, Font]]) -> tuple[str, ...]:
    return tuple(token for text, _ in lines for token in tokenize(text))


def read_picture(reader: TextReader, picture: Image.Image) -> TextReading:
    return reader.read(np.asarray(picture.convert("RGB")))


def count_found(reading: TextReading, words: Sequence[str]) -> int:
    """Count the words that a search would find in a reading: in small letters, without marks, each as often as read."""
    left = Counter(token for line in reading.lines for token in tokenize(line.text))
    return sum((left & Counter(words)).values())


def measure(
    reader: TextReader, make: Callable[[random.Random], MadePicture], count: int, seed: int
) -> tuple[int, int, float]:
    """Return words found, words there, and seconds a picture."""
    rng, found, there, seconds = random.Random(seed), 0, 0, 0.0
    for _ in range(count):
        made = make(rng)
        start = time.process_time()
        reading = read_picture(reader, made.picture)
        seconds += time.process_time() - start
        found += count_found(reading, made.words)
        there += len(made.words)
    return found, there, seconds / count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=60)
    count = parser.parse_args().pictures
    reader, latin = load_text_reader("cpu"), READABLE["Latin"]
    _report("clean pages", measure(reader, lambda rng: make_page(rng, rng.choice(latin)), count, 1))
    _report("photographs of signs", measure(reader, lambda rng: make_photograph(rng, rng.choice(latin)), count, 1))
    few = max(1, count // 6)
    for script, languages in READABLE.items():
        for language in languages:
            _report(f"clean, {language}", measure(reader, partial(make_page, language=language, script=script), few, 2))
    for script, languages in FOREIGN.items():
        kept, unread = read_foreign(reader, script, languages, few)
        sys.stdout.write(f"{script}: kept {kept}, left out {unread}\n")


def read_foreign(reader: TextReader, script: str, languages: Sequence[str], count: int) -> tuple[list[str], int]:
    """Read pages in another script. Return what was kept, but for numbers, and how many lines were left out."""
    rng, kept, unread = random.Random(3), [], 0
    for _ in range(count):
        reading = read_picture(reader, make_page(rng, rng.choice(languages), script).picture)
        kept += [line.text for line in reading.lines if any(letter.isalpha() for letter in line.text)]
        unread += reading.unread
    return kept, unread


def _report(name: str, figures: tuple[int, int, float]) -> None:
    found, there, seconds = figures
    share = found / max(1, there)
    sys.stdout.write(f"{name}: {found} of {there} words, {share:.1%}, {seconds:.2f} s of CPU a picture\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
