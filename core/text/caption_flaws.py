"""What a captioner said -> a caption without loops and loose ends, and what is wrong with it."""

import re
from dataclasses import dataclass
from typing import Literal

from core.text.analysis import STOPWORDS, tokenize

CaptionFlaw = Literal["empty", "repeated", "boilerplate"]

_DANGLING = frozenset("a an the and or of with in on at to by for from near next".split())
_FINAL = frozenset("at by for in near on".split())  # words that end a sentence, too: "the lights are on"
_ARTICLES = frozenset("a an the".split())
_JOINING = frozenset(["and", "with", "or", "&"])
_REPEATABLE = frozenset("again around down more on out over round through up".split())  # "over and over"
_MARKS = ".,;:-"
_LOOSE = ",;:-"  # marks that end no caption
# One word, or a text without blanks: "hahahaha". A single letter is drawn out for longer before it counts: "zzzz".
_STUTTER = re.compile(r"(.*?[^\W\d].+?|.+?[^\W\d].*?)\1{3,}|([^\W\d])\2{7,}")

_PICTURE_TALK = frozenset(
    """available background cannot caption captions close closeup contain containing contains depict depicted depicting
    depicts describe described describes description different displayed displaying displays few foreground
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
_CANNOT = r"""(?: (?:am\s+)?(?:unable|not\s+able)\s+to | cannot | can\s+not | can['’]?t | could\s?n[o'’]t
    | do\s+not | don['’]?t )"""
_TELL = r"""(?: analy[sz]e | answer | assist | caption | comment | describe | determine | generate | help | identify
    | interpret | know | make\s+out | open | process | provide | read | recogni[sz]e | say | see | tell | think
    | understand | view )"""
_REFUSAL = re.compile(
    rf"""\s*(?: (?:(?:i['’]?m|i\s+am|we\s+are)\s+)?(?:very\s+|so\s+)?sorry
        \b [\s,.;:!]* (?: $ | (?:but\b[\s,]*)? (?:i|this|that|there|the|no|as|unable|can\w*|could)\b )
    | i\s+(?:really\s+|currently\s+)?{_CANNOT}\s+(?:really\s+|currently\s+|directly\s+)?{_TELL}\b
    | (?:as|i['’]?m|i\s+am)\s+an?\s+(?:ai|artificial|language\s+model)\b
    | unable\s+to\s+{_TELL}\b | i\s+{_CANNOT}\W*$ )""",
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
    looped = _has_loop(said.split()) and 2 * lost >= len("".join(said.split()))
    return ReviewedCaption(text, "repeated" if looped else None)


def is_boilerplate(text: str) -> bool:
    """Tell whether a caption would do for any picture: an excuse, a watermark, or talk of pictures alone."""
    if _REFUSAL.match(text):
        return True
    left = tokenize(_WATERMARK.sub(" ", text))
    return all(token in STOPWORDS or token in _PICTURE_TALK for token in left)


def clean_caption(text: str) -> str:
    """Clean a caption of repeated phrases and of dangling last words, such as "with a"."""
    words = [_STUTTER.sub(r"\1\2", word) for word in text.split()]
    cut = False
    while True:
        loop = _find_loop(words)
        if loop is not None:
            words, cut = [*words[: loop.start], *words[loop.end :]], True
            continue
        kept = _drop_dangling(words, cut=cut)
        if kept == words:
            return " ".join(words)
        words = kept


@dataclass(frozen=True, slots=True)
class _Loop:
    """The turns of a phrase after its first, from word `start` up to `end`. `joined`: some by "and" or "with"."""

    start: int
    end: int
    turns: int
    joined: bool


def _has_loop(words: list[str]) -> bool:
    """Tell whether words go round in a loop. Two things joined by "and" may be two: "a man and a man"."""
    loop = _find_loop(words)
    return any(_STUTTER.search(word) for word in words) or (
        loop is not None and (loop.turns > 2 or not loop.joined)  # the first turn counts
    )


def _find_loop(words: list[str]) -> _Loop | None:
    """Find the first phrase, of the shortest, that is said again and again, directly or after an "and"."""
    plain = [word.lower().strip(_MARKS) for word in words]
    for size in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * size + 1):
            loop = _follow(plain, start, size)
            if loop.turns > 1 and _says_nothing_new(plain, start, loop):
                return loop
    return None


def _follow(plain: list[str], start: int, size: int) -> _Loop:
    """Count how often the phrase of `size` words at `start` is said in a row."""
    phrase = plain[start : start + size]
    end, turns, joined = start + size, 1, False
    while True:
        joint = end < len(plain) and plain[end] in _JOINING and (size > 1 or phrase[0] not in _REPEATABLE)
        if plain[end : end + size] == phrase:
            end += size
        elif joint and plain[end + 1 : end + 1 + size] == phrase:
            end, joined = end + 1 + size, True
        else:
            return _Loop(start + size, end, turns, joined)
        turns += 1


def _says_nothing_new(plain: list[str], start: int, loop: _Loop) -> bool:
    """Tell a model's loop from words that are right twice: "tuk tuk", "5 5 5", "a cake with a cake topper"."""
    phrase = plain[start : loop.start]
    if not any(character.isalpha() for word in phrase for character in word) and any(phrase):
        return False
    if loop.turns > 2:
        return True
    if len(phrase) == 1:
        return not phrase[0] or (phrase[0] in _DANGLING and not loop.joined)
    if not loop.joined and phrase[0] in _ARTICLES:
        return True
    ended = loop.end == len(plain) or plain[loop.end] in _DANGLING | _JOINING
    return ended and (loop.joined or len(phrase) > 2 or not _DANGLING.isdisjoint(phrase))


def _drop_dangling(words: list[str], *, cut: bool) -> list[str]:
    """Drop last words that lead on to others. `cut`: what followed was a loop, so that none can end the sentence."""
    end = len(words)
    while end and _is_dangling(words[end - 1]):
        end -= 1
    if end == len(words):
        return [*words[:-1], words[-1].rstrip(_LOOSE)] if words else words
    return words if not cut and _ends_sentence(words, end) else words[:end]


def _ends_sentence(words: list[str], end: int) -> bool:
    """Tell whether the loose words from `end` on do end a sentence, as in "the lights are on", "it goes on and on"."""
    loose = [word.lower() for word in words[end:]]
    return end > 0 and loose[-1] in _FINAL and (len(loose) == 1 or loose == [loose[-1], "and", loose[-1]])


def _is_dangling(word: str) -> bool:
    bare = word.rstrip(_LOOSE).lower()
    return not bare or bare in _DANGLING
