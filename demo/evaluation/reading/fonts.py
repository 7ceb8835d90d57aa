"""Fonts that can draw a text: those that matplotlib ships, and what fontconfig finds on this machine."""

import random
import subprocess
from functools import cache
from pathlib import Path

from PIL import ImageFont

_ODD = ("LastResort", "Emoji", "Symbols", "Music", "Math", "SignWriting", "Dingbats", "StandardSymbols", "D050000L")


@cache
def shipped_fonts() -> tuple[Path, ...]:
    """Return the fonts of matplotlib: DejaVu in eleven cuts, which have Latin, Greek, Cyrillic and some Arabic."""
    from matplotlib import get_data_path

    return tuple(
        path
        for path in sorted(Path(get_data_path(), "fonts", "ttf").glob("DejaVuS*.ttf"))
        if "Display" not in path.name
    )


@cache
def installed_fonts(script_code: str) -> tuple[Path, ...]:
    """Return what fontconfig knows for a language; empty where there is no fontconfig."""
    try:
        listed = subprocess.run(
            ["fc-list", f":lang={script_code}", "file"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    paths = sorted({line.split(":")[0] for line in listed.splitlines()})
    return tuple(
        Path(path) for path in paths if path.endswith((".ttf", ".otf", ".ttc")) and not any(odd in path for odd in _ODD)
    )


@cache
def _glyphs(path: Path) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(path)).get_charmap())


def can_draw(path: Path, text: str) -> bool:
    """Say whether a font has every letter of a text."""
    return all(ord(letter) in _glyphs(path) for letter in text if not letter.isspace())


def choose_font(rng: random.Random, text: str, size: int, language: str | None = None) -> ImageFont.FreeTypeFont | None:
    """Choose a font that can draw a text; None where there is none. Without a language the shipped ones only."""
    fonts = list(shipped_fonts() if language is None else installed_fonts(language))
    rng.shuffle(fonts)
    path = next((path for path in fonts if can_draw(path, text)), None)
    return ImageFont.truetype(str(path), size) if path else None
