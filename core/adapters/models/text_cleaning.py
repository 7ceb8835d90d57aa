"""How texts are cleaned before a tokenizer reads them, by the names that OpenCLIP gives these ways."""

import html
import re
import string
from collections.abc import Callable

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def keep(text: str) -> str:
    """Leave a text as it is; half a character becomes a question mark, since no tokenizer takes it."""
    return text.encode("utf-8", "replace").decode()


def clean(text: str) -> str:
    """Repair a text's encoding and entities, and make every run of white space one blank, as OpenCLIP does."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def clean_lower(text: str) -> str:
    """Clean a text, and put it into lower case."""
    return clean(text).lower()


def canonicalize(text: str) -> str:
    """Make the canonical form of SigLIP: lower case, no ASCII punctuation, single blanks."""
    return re.sub(r"\s+", " ", text.lower().translate(_PUNCTUATION)).strip()


def clean_canonical(text: str) -> str:
    """Bring a text into SigLIP's canonical form as OpenCLIP does: cleaned first, with blanks for underscores."""
    return canonicalize(clean(text).replace("_", " "))


CLEANERS: dict[str, Callable[[str], str]] = {
    "none": keep,
    "whitespace": clean,
    "lower": clean_lower,
    "canonicalize": clean_canonical,
    "siglip": canonicalize,
}
OPEN_CLIP = ("whitespace", "lower", "canonicalize", "none")  # what a folder may ask for
