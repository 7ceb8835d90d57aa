"""Other spellings of names: as people type them whose keyboard lacks a letter, or who leave an apostrophe out."""

import re
import unicodedata
from collections.abc import Iterable

from core.text.analysis import tokenize

# Letters that Unicode does not take apart into a plain one and a mark; \u0131 is the dotless i.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "\u0131": "i", "ħ": "h", "ə": "e", "æ": "ae", "œ": "oe", "þ": "th"}
)
_APOSTROPHE = re.compile("['`\u2018\u2019\u02bb\u02bc\u00b4\u2032]")


def spell_plainly(text: str) -> str:
    """Spell in small letters without marks and strokes, every apostrophe as "'": "Łódź" -> "lodz"."""
    straight = _APOSTROPHE.sub("'", text).casefold()
    letters = unicodedata.normalize("NFD", straight)
    return unicodedata.normalize("NFC", "".join(c for c in letters if not unicodedata.combining(c)).translate(_PLAIN))


def find_other_words(names: Iterable[str]) -> tuple[str, ...]:
    """Find the words that names are typed with beside their own: "L'Aquila" -> "laquila", "l", "aquila", "l’aquila"."""
    found: dict[str, None] = {}
    for name in names:
        own, plain = set(tokenize(name)), spell_plainly(name)
        for spelled in (plain, *(plain.replace("'", instead) for instead in ("", " ", "’"))):
            found |= dict.fromkeys(word for word in tokenize(spelled) if word not in own)
    return tuple(found)
