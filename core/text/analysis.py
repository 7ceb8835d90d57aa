"""Caption -> words: the one analyser that index, filters, mirror and facets share.

Words are lower-cased, Unicode-folded (NFKD without marks) and reduced to dictionary forms (text.inflections).
Stopwords are dropped. A token that may be a form of several words is indexed under each of them.
A query's word asks for any that it may mean.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from core.text import inflections

# Has to grow whenever `analyse` gives other words for any text: libraries keep what it gave, and are brought up to it.
# 1 was simplemma's dictionary form alone.
ANALYSER_VERSION = 2

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PLAIN_WORD = re.compile(r"[^\W_]+")
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


def tokenize(text: str) -> list[str]:
    """Split the text into words as written, in order: lower-cased, folded, stopwords included."""
    folded = text.casefold()
    if not folded.isascii():  # decomposed twice: what is folded may decompose anew
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        folded = "".join(c for c in folded if not unicodedata.combining(c))
    return _WORD.findall(folded)


def split_words(text: str) -> Iterator[str]:
    """Yield the text's words, lower-cased, without stopwords and what follows an apostrophe."""
    for match in _PLAIN_WORD.finditer(text.lower()):
        before = match.string[match.start() - 1 : match.start()]
        if before not in ("'", "’") and match.group() not in STOPWORDS:
            yield match.group()


def has_content(text: str) -> bool:
    """Tell whether a question says anything of a picture.

    "a dog", "夜" and "🐶" do; "the", "." and "show me a picture" do not.
    """
    if any(unicodedata.category(character) == "So" for character in text):
        return True
    return any(token not in STOPWORDS and token not in _ASKING for token in tokenize(text))


def is_unicode(text: str) -> bool:
    """Tell whether the text can be encoded as UTF-8.

    Text with lone surrogates cannot. Bytes that are not UTF-8 decode to such text, and models and indexes refuse it.
    """
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def dictionary_form(token: str) -> str:
    """Reduce a token to one dictionary form: "umbrellas" -> "umbrella", "mice" -> "mouse".

    An unknown token stays as it is. Where several words share the form, the result is the one that is displayed:
    "leaf" for "leaves".
    """
    return inflections.lemmas(_strip_clitic(token))[0]


def lemmatize(text: str) -> list[str]:
    """Reduce the text to dictionary forms, in order and with repeats, without stopwords.

    "it's" and "doing" count as stopwords. A token that may be a form of several words gives all of them:
    "leaves" gives "leaf" and "leave".
    """
    return list(analyse_text(text)[0])


def analyse(*texts: str) -> tuple[str, ...]:
    """Collect the dictionary forms of all texts, each once, in order of appearance.

    This is what the payload's `words` holds.
    """
    return tuple(dict.fromkeys(form for text in texts for form in analyse_text(text)[0]))


@lru_cache(maxsize=4096)
def analyse_text(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what `lemmatize` gives for a text, and the words of `query_weights`.

    Those of the last texts are kept: payload and vector are made of the same ones.
    """
    content = tuple(_content_words(text))
    terms = tuple(form for _, forms in content for form in forms)
    return terms, tuple(dict.fromkeys(form for forms in _alternatives(content) for form in forms))


def expand_query(text: str) -> tuple[tuple[str, ...], ...]:
    """Expand each word of a query to its alternative dictionary forms: the values of a Match.

    A caption matches a word when it holds one of its forms. A token that is its own first form means that alone
    ("left" is not "leave"). Any other token means all that it may stand for.
    """
    return _alternatives(_content_words(text))


def _alternatives(content: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[tuple[str, ...], ...]:
    alternatives: dict[tuple[str, ...], None] = {}
    last = ""
    for token, forms in content:
        if last != _T:  # "t-shirt" asks for no other shirt
            alternatives[forms[:1] if forms[0] == token else forms] = None
        last = token
    return tuple(alternatives)


def _content_words(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each token that is no stopword, without its clitic, and the forms that it is indexed by."""
    written = tokenize(text)
    for token, after in zip(written, [*written[1:], ""], strict=False):
        bare, forms = _index_forms(token)
        if bare == _T and after in ("shirt", "shirts"):
            yield bare, ("t-shirt",)
        elif forms:
            yield bare, forms


@lru_cache(maxsize=65536)
def _index_forms(token: str) -> tuple[str, tuple[str, ...]]:
    """Return the token without its clitic, and its forms. A stopword ("don't" is one) has no forms."""
    bare = _strip_clitic(token)
    if not bare or bare in STOPWORDS:
        return bare, ()
    return bare, tuple(form for form in inflections.lemmas(bare) if form not in STOPWORDS)


def _strip_clitic(token: str) -> str:
    """Strip "'s" and its like. Return "" for negated verbs such as "don't"."""
    return "" if _NEGATED.search(token) else _CLITIC.sub("", token)


@lru_cache(maxsize=65536)
def term_hash(word: str) -> int:
    """Hash a word to the first 32 bits of its BLAKE2b digest.

    This is the word's dimension in vectors of scoring version 1.
    """
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")


def term_id(word: str) -> int:
    """Hash a word to its dimension in the vectors of core.text.bm25: the first 31 bits of `term_hash`."""
    return term_hash(word) >> 1


def query_weights(text: str) -> dict[str, float]:
    """Map each dictionary form that a question asks for to weight 1."""
    return dict.fromkeys(analyse_text(text)[1], 1.0)
