"""Caption -> words: the one analyser that index, filters, mirror and facets share.

Lower-case, Unicode-folded (NFKD without marks), stopword-free, reduced to the dictionary form by simplemma.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache

import simplemma

# Has to grow whenever `analyse` gives other words for any text: libraries keep what it gave, and are brought up to it.
# 1 was simplemma's dictionary form alone.
ANALYSER_VERSION = 2

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")

# The Snowball project's English list, less the words that tell pictures apart ("above", "under", "no" …).
STOPWORDS = frozenset(
    """a about am an and any are as at be because been being but by can could did do does doing for from had has have
    having he her here hers herself him himself his how i if in into is it its itself just me my myself nor of on or
    our ours ourselves she should so some such than that the their theirs them themselves then there these they this
    those to too very was we were what when where which while who whom why will with would you your yours yourself
    yourselves""".split()
)


def tokens(text: str) -> list[str]:
    """Every word of the text as written, lower-cased and folded, stopwords included, in order."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))


def is_unicode(text: str) -> bool:
    """False of text with lone surrogates, as bytes that are no UTF-8 become: models and indexes take none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=65536)
def dictionary_form(token: str) -> str:
    """For example "umbrellas" -> "umbrella", "mice" -> "mouse"; an unknown token stays as it is."""
    return str(simplemma.lemmatize(_POSSESSIVE.sub("", token), lang="en")).casefold()


def sequence(text: str) -> list[str]:
    """Dictionary forms in order, repeats kept, stopwords left out ("it's" and "doing" are some, too)."""
    forms = ((token, dictionary_form(token)) for token in tokens(text))
    return [form for token, form in forms if form and not STOPWORDS & {token, form}]


def analyse(*texts: str) -> tuple[str, ...]:
    """Dictionary forms, each once, in order of appearance: what the payload's `words` holds."""
    return tuple(dict.fromkeys(form for text in texts for form in sequence(text)))


def term_id(word: str) -> int:
    """A word's dimension in the vectors of core.bm25: the first 31 bits of its BLAKE2b hash."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big") >> 1


def query_weights(text: str) -> dict[str, float]:
    """Each distinct word of a question once, with weight 1."""
    return dict.fromkeys(analyse(text), 1.0)
