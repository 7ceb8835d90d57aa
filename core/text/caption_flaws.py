"""What a captioner said -> a caption without loops and loose ends, and what is wrong with it."""

import re
from dataclasses import dataclass
from typing import Literal

from core.text.analysis import STOPWORDS, tokenize

CaptionFlaw = Literal["empty", "repeated", "boilerplate"]

_DANGLING = frozenset("a an the and or of with in on at to by for from near next".split())
_JOINING = frozenset(["and", "with", "or", "&"])
_REPEATABLE = frozenset("again around down more on out over round through up".split())  # "over and over"
_MARKS = ".,;:-"
_STUTTER = re.compile(r"(.*?[^\W\d].*?)\1{3,}")  # one word, or a text without blanks: "hahahaha"

_PICTURE_TALK = frozenset(
    """available background cannot caption captions close closeup contain containing contains depict depicted depicting
    depicts describe described describes description different display displayed displaying displays few foreground
    found here image images item items kind lot lots many missing na nan no none not nothing null object objects
    photo photograph photographs photography photos pic pics picture pictures scene scenes see seen several shot
    shots show showing shown shows some something stuff subject subjects taken there thing things type undefined
    unknown untitled up various view views""".split()
)
_WATERMARK = re.compile(
    r"""\b(?: getty\s*images? | shutter\s?stock | i?stock\s?photos? | istock | alamy | dreamstime | 123\s?rf
    | deposit\s?photos | adobe\s?stock | fotolia | big\s?stock(?:\s?photo)? | royalty[\s-]free | all\s+rights\s+reserved
    | copyright | watermark(?:ed)? | stock\s+(?:image|photo|photograph|photography|picture|footage)s? )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_REFUSAL = re.compile(
    r"""\s*(?: (?:(?:i['’]?m|i\s+am|we\s+are)\s+)?(?:very\s+|so\s+)?sorry\b
    | i\s+(?:cannot|can\s?not|can['’]?t|could\s?n[o'’]t|do\s+not|don['’]?t|am\s+(?:unable|not\s+able))\b
    | (?:as|i['’]?m|i\s+am)\s+an?\s+(?:ai|artificial|language\s+model)\b
    | unable\s+to\b )""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ReviewedCaption:
    """A caption as it is kept. "empty": nothing was said. "repeated": it was a loop, of which `text` is one turn.

    "boilerplate": it says nothing of the picture, as of "a picture of something", an excuse or a watermark.
    """

    text: str
    flaw: CaptionFlaw | None = None


def review_caption(said: str) -> ReviewedCaption:
    """Clean what a captioner said, and find its flaw."""
    text = clean_caption(said)
    if not any(character.isalnum() for character in text):
        return ReviewedCaption("", "empty")
    if is_boilerplate(text):
        return ReviewedCaption(text, "boilerplate")
    lost = len("".join(said.split())) - len("".join(text.split()))
    looped = _has_loop(said) and 2 * lost >= len("".join(said.split()))
    return ReviewedCaption(text, "repeated" if looped else None)


def is_boilerplate(text: str) -> bool:
    """Tell whether a caption would do for any picture: an excuse, a watermark, or talk of pictures alone."""
    if _REFUSAL.match(text):
        return True
    left = tokenize(_WATERMARK.sub(" ", text))
    return all(token in STOPWORDS or token in _PICTURE_TALK for token in left)


def clean_caption(text: str) -> str:
    """Clean a caption of repeated phrases and of dangling last words, such as "with a"."""
    words = [_STUTTER.sub(r"\1", word) for word in text.split()]
    while True:
        kept = _drop_dangling(_drop_repeat(words))
        if kept == words:
            return " ".join(words)
        words = kept


def _has_loop(text: str) -> bool:
    words = text.split()
    return _drop_repeat(words) != words or any(_STUTTER.search(word) for word in words)


def _drop_repeat(words: list[str]) -> list[str]:
    """Drop the first phrase that repeats the one before it, directly or after an "and"."""
    plain = [word.lower().strip(_MARKS) for word in words]
    for size in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * size + 1):
            middle = start + size
            phrase = plain[start:middle]
            if phrase == plain[middle : middle + size]:
                return [*words[:middle], *words[middle + size :]]
            joined = plain[middle] in _JOINING and (size > 1 or phrase[0] not in _REPEATABLE)
            if joined and phrase == plain[middle + 1 : middle + 1 + size]:
                return [*words[:middle], *words[middle + 1 + size :]]
    return words


def _drop_dangling(words: list[str]) -> list[str]:
    if not words:
        return words
    last = words[-1].rstrip(_MARKS.replace(".", ""))
    return words[:-1] if last.lower() in _DANGLING or not last else [*words[:-1], last]
