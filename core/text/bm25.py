"""BM25 of captions by sparse vectors: what a picture's captions weigh, and what a question's words do.

Document weights follow eq. 3.15 of Robertson & Zaragoza. The inverse document frequency is their eq. 3.1, with 1 added
within the logarithm. The question's vector carries it, from document frequencies counted in the library at hand. So no
engine's statistics decide: a score is the same whatever was deleted, and on however many shards.

A picture's captions are several documents and yet one. Each is weighed by itself, its length too, and a word weighs the
square root of its mean over them. Beside the words stand their pairs within one caption, which is Metzler & Croft's
full dependence, and every caption as a whole. They tell a caption that holds all of the question from several that hold
parts of it. So one dot product does what otherwise takes a search of every caption, and an engine's shortlist lacks
nothing.

    Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009
    Metzler & Croft, "A Markov Random Field Model for Term Dependencies", 2005

Measured: R@1 of human captions by words alone, five a picture, one of them as the question. The first column knows the
other four (leave-one-out), the second all five (verbatim), the third is the second less a word. Ties lose. 573 real
pictures are asked alone, and among made-up ones to make 1,500 and 8,000. Those have real captions with exchanged words:

                                     573                   1,500                 8,000
    BM25 of all captions together    0.679  0.972  0.935   0.570  0.963  0.907   0.326  0.924  0.813   as it was
    heaviest weight of any caption   0.608  0.993          0.475  0.990          0.239  0.966
    best single caption              0.597  0.997          0.447  0.997          0.192  0.996
    0.3 of it, 0.7 root of the mean  0.680  0.993  0.974   0.555  0.991  0.959   0.293  0.982  0.900
    root of the mean                 0.695  0.982  0.949   0.578  0.976  0.926   0.335  0.952  0.846
    and pairs 0.1                    0.692  0.990  0.963   0.570  0.985  0.944   0.325  0.972  0.887
    and pairs 0.1, whole 0.3         0.691  0.997  0.963   0.569  0.996  0.943   0.325  0.995  0.885   as it is
    and pairs 0.3, whole 0.3         0.684  0.998  0.969   0.562  0.997  0.953   0.313  0.996  0.899
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations

from core.text.analysis import analyse_text, term_id
from core.text.word_lists import WordListName

# Has to grow whenever the same captions get another vector: libraries keep them, and are brought up to it.
# 1 was BM25 of all captions together, with the engine's inverse document frequency.
# 3: what is written in pictures, places and names have dimensions of their own in the same vector.
SCORING_VERSION = 3

FULL = 8.0  # what holds all words of a question scores, but in captions

_K1 = 1.2
_B = 0.75
_TYPICAL_LENGTH = 8.0  # fixed, so that a caption's weights depend on itself alone
_PAIR = 0.1  # what a pair counts, to the mean of its words
_NEAR = 12  # words of a caption at most so far apart are a pair
_PAGE_B = 0.3  # how much its length counts against a page
_TYPICAL_PAGE = 40.0  # words
_NEAR_ON_PAGE = 4  # words of a line at most so far apart are a pair: pages have many
_PAIRED = 24  # of a question's words, the weightiest that are paired
_WHOLE = 0.3  # what it counts that a caption is the question, word for word, to all of its words together
_WHOLE_FROM = 3  # different words; two are a pair
_PAIRS = 1 << 31  # dimensions from here on are no single words
_SALTS: dict[WordListName, int] = {"words": 0, "text": 0x2545F491, "place": 0x1B873593, "name": 0x4CF5AD43}

# Weights are multiples of these, so that engines that add up 32-bit floats in any order come to the very same sum.
_DOCUMENT_STEP = 1 / 512
_QUERY_STEP = 1 / 64


def document_weights(*texts: str) -> dict[int, float]:
    """Compute the sparse vector of a picture's captions: dimension -> weight, all above 0.

    Captions in which no word is left after analysis do not count.
    """
    captions = [(terms, asked) for terms, asked in map(analyse_text, texts) if terms]
    words: dict[int, float] = defaultdict(float)
    extras: dict[int, float] = {}
    for terms, asked in captions:
        length = 1 - _B + _B * len(terms) / _TYPICAL_LENGTH
        ids = [term_id(term) for term in terms]
        for dimension, count in Counter(ids).items():
            words[dimension] += count * (_K1 + 1) / (count + _K1 * length)
        weight = _quantise((_K1 + 1) / (1 + _K1 * length), _DOCUMENT_STEP)
        for pair in _neighbour_pairs(ids, _NEAR):
            if extras.get(pair, 0.0) < weight:
                extras[pair] = weight
        if len(asked) >= _WHOLE_FROM:
            extras[_caption_id(map(term_id, asked))] = 1.0
    root = {
        dimension: _quantise(math.sqrt(total / len(captions)), _DOCUMENT_STEP) for dimension, total in words.items()
    }
    return root | extras


def page_weights(*lines: str) -> dict[int, float]:
    """Compute the sparse vector of the lines that are written in a picture: dimension -> weight, all above 0.

    They are one document, unlike captions, of which every one says it all: a word of a page counts however many lines
    there are. Length counts for less than among captions, since a sign and a page differ a hundredfold. Pairs are of
    words that are near each other in a line.
    """
    told = [analyse_text(line) for line in lines]
    ids = [[term_id(term) for term in terms] for terms, _ in told]
    length = sum(map(len, ids))
    factor = _K1 * (1 - _PAGE_B + _PAGE_B * length / _TYPICAL_PAGE)
    counts = Counter(dimension for line in ids for dimension in line)
    weights = {dimension: count * (_K1 + 1) / (count + factor) for dimension, count in counts.items()}
    single = (_K1 + 1) / (1 + factor)
    for line, (_, asked) in zip(ids, told, strict=True):
        weights |= dict.fromkeys(_neighbour_pairs(line, _NEAR_ON_PAGE), single)
        if len(asked) >= _WHOLE_FROM:
            weights[_caption_id(map(term_id, asked))] = 1.0
    return {dimension: _quantise(weight, _DOCUMENT_STEP) for dimension, weight in weights.items()}


def record_weights(documents: Mapping[WordListName, Sequence[str]]) -> dict[int, float]:
    """Compute the sparse vector of all lists of words together: dimension -> weight, all above 0.

    Every list has dimensions of its own (`list_dimension`), so a question asks one of them alone. `documents`: the
    texts of every list.
    """
    vector: dict[int, float] = {}
    for name, texts in documents.items():
        if name == "text" and texts:
            vector |= _move_to_list(page_weights(*texts), name)
        elif texts:
            vector |= _weigh(tuple(texts), name)
    return vector


@lru_cache(maxsize=4096)
def _weigh(texts: tuple[str, ...], name: WordListName) -> Mapping[int, float]:
    """Weigh what many pictures may be called: the names of their folder, their place, a caption that is repeated."""
    return _move_to_list(document_weights(*texts), name)


def _move_to_list(weights: Mapping[int, float], name: WordListName) -> Mapping[int, float]:
    if name == "words":
        return weights
    return {list_dimension(dimension, name): weight for dimension, weight in weights.items()}


def list_dimension(dimension: int, name: WordListName) -> int:
    """Map a dimension of captions to that of another list, one to one (multiplicative hashing).

    Words stay in the lower half of all dimensions, and pairs in the upper half.
    """
    salt = _SALTS[name]
    return dimension if not salt else (dimension & _PAIRS) | ((dimension ^ salt) * (2 * salt + 1) % _PAIRS)


def query_vector(
    wanted: Mapping[str, float], total: int, holding: Mapping[str, int], name: WordListName = "words"
) -> dict[int, float]:
    """Compute the sparse vector to multiply with documents, for one list of words: dimension -> weight.

    Unwanted words have weights below 0. In lists beside that of captions, what holds all that is wanted scores about
    FULL, whatever the words are. `wanted`: words with their weights (query_weights). `total`: how many pictures have
    words at all. `holding`: how many of them hold each word.
    """
    rare = {term: weight * inverse_document_frequency(total, holding.get(term, 0)) for term, weight in wanted.items()}
    if name != "words":
        rare = _scale_to_full(rare, holding)
    vector = {term_id(term): weight for term, weight in rare.items() if weight}
    seeking = sorted(((weight, term_id(term)) for term, weight in rare.items() if weight > 0), reverse=True)
    for (one, first), (other, second) in combinations(seeking[:_PAIRED], 2):
        vector[pair_id(first, second)] = _PAIR * (one + other) / 2
    if len(seeking) >= _WHOLE_FROM:
        vector[_caption_id(dimension for _, dimension in seeking)] = _WHOLE * sum(weight for weight, _ in seeking)
    return {list_dimension(dimension, name): _quantise(weight, _QUERY_STEP) for dimension, weight in vector.items()}


def _scale_to_full(rare: Mapping[str, float], holding: Mapping[str, int]) -> dict[str, float]:
    """Scale the weights of words so that those that are wanted sum up to FULL.

    A word that nothing holds counts as much as those that are held do in the mean, not as the rarest of all.
    """
    known = {term: weight for term, weight in rare.items() if weight < 0 or holding.get(term)}
    held = [weight for weight in known.values() if weight > 0]
    if not held:
        return known
    asked = sum(weight > 0 for weight in rare.values())
    factor = FULL * len(held) / asked / sum(held)
    return {term: factor * weight for term, weight in known.items()}


def inverse_document_frequency(total: int, holding: int) -> float:
    """Compute the inverse document frequency of a word that `holding` of `total` pictures hold.

    It is above 0 even for words that more than half of them hold.
    """
    return math.log((total - holding + 0.5) / (holding + 0.5) + 1)


def pair_id(one: int, other: int) -> int:
    """Hash the dimensions of two words to that of their pair, in either order (Fibonacci hashing)."""
    low, high = (one, other) if one < other else (other, one)
    return _PAIRS | ((low << 31 | high) * 0x9E3779B97F4A7C15 % 2**64) >> 33


def _caption_id(terms: Iterable[int]) -> int:
    """Hash the dimensions of a set of words to that of a caption with just these words."""
    encoded = b"".join(term.to_bytes(4, "big") for term in sorted(set(terms)))
    return _PAIRS | int.from_bytes(hashlib.blake2b(encoded, digest_size=4).digest(), "big")


def _neighbour_pairs(ids: Sequence[int], near: int) -> set[int]:
    """Collect the dimensions of pairs of different words that are at most so many apart."""
    return {
        pair_id(one, other)
        for place, one in enumerate(ids)
        for other in ids[place + 1 : place + 1 + near]
        if other != one
    }


def _quantise(weight: float, step: float) -> float:
    """Round a weight to a multiple of the step, never to 0, as engines do not find what scores 0.

    Negative weights go half a step further below 0, so that sums are hardly ever 0.
    """
    return max(1, round(weight / step)) * step if weight > 0 else (round(weight / step) - 0.5) * step
