"""Measure how many words of made pictures are found: clean pages, photographs of signs, languages, other scripts.

    python -m demo.evaluation.reading.measure_reading [--pictures 60]

Words count as found where the reading has them letter for letter, in small or capital letters. Chinese and Japanese are
counted by whole lines.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.bootstrap.factories import load_text_reader
from core.ports.text_reader import TextReader, TextReading
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
    """Make a clean page: a font and size of its own a line, any colours, upright, turned, or askew by up to 5 degrees."""
    colours = choose_colours(rng, 110)
    lines = _choose_lines(rng, language, script, rng.randint(3, 9), SIZES, shipped)
    page = draw_page(rng, lines, colours)
    angle = rng.uniform(-5, 5) if rng.random() < 0.2 else rng.choice(_TURNS)
    page = page.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=colours[0])
    return MadePicture(page, _split([text for text, _ in lines], script))


def make_photograph(rng: random.Random, language: str, script: str = "Latin", *, shipped: bool = False) -> MadePicture:
    """Make a photograph of a sign with one to four lines: aslant, in uneven light, blurred, noisy, as JPEG."""
    lines = _choose_lines(rng, language, script, rng.randint(1, 4), SIGN_SIZES, shipped)
    sign = draw_page(rng, lines, choose_colours(rng, 90))
    return MadePicture(photograph(rng, sign), _split([text for text, _ in lines], script))


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


def _split(lines: list[str], script: str) -> tuple[str, ...]:
    return tuple(lines) if script in ("Chinese", "Japanese") else tuple(word for line in lines for word in line.split())


def read_picture(reader: TextReader, picture: Image.Image) -> TextReading:
    return reader.read(np.asarray(picture.convert("RGB")))


def count_found(reading: TextReading, words: tuple[str, ...]) -> int:
    """Count the words that a reading has, each as often as it was read."""
    left = [word for line in reading.lines for word in line.text.casefold().split()]
    left += [line.text.casefold() for line in reading.lines if " " in line.text or line.text.casefold() not in left]
    found = 0
    for word in words:
        if word.casefold() in left:
            left.remove(word.casefold())
            found += 1
    return found


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
    reader = load_text_reader("cpu")
    out = sys.stdout
    latin = READABLE["Latin"]
    cases: dict[str, Callable[[random.Random], MadePicture]] = {
        "clean pages": lambda rng: make_page(rng, rng.choice(latin)),
        "photographs of signs": lambda rng: make_photograph(rng, rng.choice(latin)),
    }
    for name, make in cases.items():
        _report(out, name, measure(reader, make, count, 1))
    for script, languages in READABLE.items():
        for language in languages:
            _report(
                out,
                f"clean, {language}",
                measure(reader, lambda rng, s=script, l=language: make_page(rng, l, s), count // 6, 2),
            )  # type: ignore[misc]
    for script, languages in FOREIGN.items():
        rng, kept, unread = random.Random(3), [], 0
        for _ in range(count // 6):
            reading = read_picture(reader, make_page(rng, rng.choice(languages), script).picture)
            kept += [line.text for line in reading.lines if not line.text.replace(" ", "").isdigit()]
            unread += reading.unread
        out.write(f"{script}: kept {kept}, left out {unread}\n")
        out.flush()


def _report(out: object, name: str, figures: tuple[int, int, float]) -> None:
    found, there, seconds = figures
    sys.stdout.write(
        f"{name}: {found} of {there} words, {found / max(1, there):.1%}, {seconds:.2f} s of CPU a picture\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
