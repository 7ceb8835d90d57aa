"""Caption -> words: the one analyser that index, filters, mirror and facets share.

Lower-case, Unicode-folded (NFKD without marks), stopword-free, reduced to dictionary forms (text.inflections). A token
that may be a form of several words is indexed under each of them. A query's word asks for any that it may mean.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from core.text import inflections

# Has to grow whenever `analyse` gives other words for any text: libraries keep what it gave, and are brought up to it.
# 1 was simplemma's dictionary form alone.
ANALYSER_VERSION = 2

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CLITIC = re.compile(r"['’](?:s|d|m|ll|re|ve|em)?$")
_NEGATED = re.compile(r"n['’]t$")
_T = "t"  # of "t-shirt" and "t shirt"

# The Snowball project's English list, less the words that tell pictures apart ("above", "under", "no" …); "s" and "t"
# are what is left of "man 's" and "don 't". "Can" is in the list, and a thing in pictures.
STOPWORDS = frozenset(
    """a about am an and any are as at be because been being but by could did do does doing for from had has have
    having he her here hers herself him himself his how i if in into is it its itself just me my myself nor of on or
    our ours ourselves s she should so some such t than that the their theirs them themselves then there these they this
    those to too very was we were what when where which while who whom why will with would you your yours yourself
    yourselves""".split()
)

# What people say to whom they ask, and what every picture is.
_ASKING = frozenset(
    """find finding get give got image images let look looking need photo photograph photographs photos pic pics picture
    pictures please search searching see show showing shows something want wanted""".split()
)


def tokens(text: str) -> list[str]:
    """Every word of the text as written, lower-cased and folded, stopwords included, in order."""
    folded = text.casefold()
    if not folded.isascii():  # decomposed twice: what is folded may decompose anew
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        folded = "".join(c for c in folded if not unicodedata.combining(c))
    return _WORD.findall(folded)


def has_content(text: str) -> bool:
    """Whether a question says anything of a picture: "a dog", "夜", "🐶", and not "the", "." or "show me a picture"."""
    if any(unicodedata.category(character) == "So" for character in text):
        return True
    return any(token not in STOPWORDS and token not in _ASKING for token in tokens(text))


def is_unicode(text: str) -> bool:
    """False of text with lone surrogates, as bytes that are no UTF-8 become: models and indexes take none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def dictionary_form(token: str) -> str:
    """For example "umbrellas" -> "umbrella", "mice" -> "mouse"; an unknown token stays as it is.

    Of several words that the token may be a form of, the one that it is shown as: "leaf" of "leaves".
    """
    return inflections.lemmas(_bare(token))[0]


def sequence(text: str) -> list[str]:
    """Dictionary forms in order, repeats kept, stopwords left out ("it's" and "doing" are some, too).

    A token that may be a form of several words gives all of them: "leaves" gives "leaf" and "leave".
    """
    return [form for _, forms in _content(text) for form in forms]


def analyse(*texts: str) -> tuple[str, ...]:
    """Dictionary forms, each once, in order of appearance: what the payload's `words` holds."""
    return tuple(dict.fromkeys(form for text in texts for form in sequence(text)))


def asked_words(text: str) -> tuple[tuple[str, ...], ...]:
    """The words of a query, each as the forms of which a caption has to hold one: the values of a Match.

    A token that is shown as it is written means that alone ("left" is not "leave"); any other, all it may stand for.
    """
    asked: dict[tuple[str, ...], None] = {}
    last = ""
    for token, forms in _content(text):
        if last != _T:  # "t-shirt" asks for no other shirt
            asked[forms[:1] if forms[0] == token else forms] = None
        last = token
    return tuple(asked)


def _content(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each token that is no stopword, without its clitic, and the forms that it is found by."""
    written = tokens(text)
    for token, after in zip(written, [*written[1:], ""], strict=False):
        bare, forms = _found_by(token)
        if bare == _T and after in ("shirt", "shirts"):
            yield bare, ("t-shirt",)
        elif forms:
            yield bare, forms


@lru_cache(maxsize=65536)
def _found_by(token: str) -> tuple[str, tuple[str, ...]]:
    """The token without its clitic, and its forms; none of a stopword, as "don't" is."""
    bare = _bare(token)
    if not bare or bare in STOPWORDS:
        return bare, ()
    return bare, tuple(form for form in inflections.lemmas(bare) if form not in STOPWORDS)


def _bare(token: str) -> str:
    """Without "'s" and its like; nothing of "don't" and its like."""
    return "" if _NEGATED.search(token) else _CLITIC.sub("", token)


def term_hash(word: str) -> int:
    """The first 32 bits of its BLAKE2b hash: a word's dimension in vectors of the first scoring."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")


def term_id(word: str) -> int:
    """A word's dimension in the vectors of core.text.bm25: the first 31 bits of that hash."""
    return term_hash(word) >> 1


def query_weights(text: str) -> dict[str, float]:
    """Each form that a question asks for once, with weight 1."""
    return {word: 1.0 for forms in asked_words(text) for word in forms}
