"""Words of many languages, by the script that they are written in.

The frequent words come from wordfreq; the names of countries and languages in other languages from Babel (CLDR).
"""

import random
import unicodedata
from functools import cache

import wordfreq
from babel import Locale

READABLE = {
    "Latin": ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "nb", "pl", "cs", "tr", "hu", "ro", "fi", "vi"),
    "Chinese": ("zh",),
    "Japanese": ("ja",),
}
FOREIGN = {
    "Cyrillic": ("ru", "uk", "bg", "mk", "sr"),
    "Greek": ("el",),
    "Arabic": ("ar", "fa", "ur"),
    "Hebrew": ("he",),
    "Devanagari": ("hi", "mr", "ne"),
    "Bengali": ("bn",),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Sinhala": ("si",),
    "Thai": ("th",),
    "Lao": ("lo",),
    "Khmer": ("km",),
    "Myanmar": ("my",),
    "Korean": ("ko",),
    "Georgian": ("ka",),
    "Armenian": ("hy",),
    "Ethiopic": ("am",),
}
_BLOCKS: dict[str, str | tuple[str, ...]] = {
    "Korean": "HANGUL",
    "Chinese": "CJK",
    "Japanese": ("CJK", "HIRAGANA", "KATAKANA"),
}
_MOST = 3000


def is_written_in(word: str, script: str) -> bool:
    """Say whether every letter of a word is of a script."""
    prefix = _BLOCKS.get(script, script.upper())
    letters = [letter for letter in word if unicodedata.category(letter)[0] in "LM"]
    return bool(letters) and all(
        unicodedata.name(letter, "").startswith(prefix) or unicodedata.category(letter) == "Mn" for letter in letters
    )


@cache
def list_words(language: str, script: str) -> tuple[str, ...]:
    """List words of a language, those of two letters and more, in one script."""
    found: dict[str, None] = {}
    if language in wordfreq.available_languages():
        found |= dict.fromkeys(wordfreq.top_n_list(language, _MOST))
    else:
        locale = Locale.parse(language)
        names = (*locale.territories.values(), *locale.languages.values())
        found |= dict.fromkeys(word for name in names for word in name.split())
    return tuple(word for word in found if 2 <= len(word) <= 16 and is_written_in(word, script))


def make_line(rng: random.Random, language: str, script: str, most: int = 5) -> str:
    """Make a line of one to `most` words: in lower case, with a capital, or in capitals."""
    words = rng.choices(list_words(language, script), k=rng.randint(1, most))
    style = rng.random()
    line = ("" if script in ("Chinese", "Japanese") else " ").join(words)
    return line.upper() if style < 0.3 else line.title() if style < 0.5 else line.capitalize() if style < 0.7 else line


def make_number(rng: random.Random) -> str:
    """Make a number as it stands on signs, bills and clocks."""
    number = rng.randint(0, 10 ** rng.randint(1, 5))
    return rng.choice(
        (
            f"{number}",
            f"{number:,}",
            f"{number / 100:.2f}",
            f"{number % 24}:{number % 60:02}",
            f"{number}-{number % 97}",
        )
    )
