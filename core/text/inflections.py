"""Token -> the dictionary forms that it may stand for: lemminflect's dictionary, corrected by `lemmas.txt`.

The dictionary comes from the NLM's SPECIALIST Lexicon. It knows every reading of a form, but not how common each is.
`lemmas.txt` adds that for common forms, and names words that the dictionary lacks. `python -m infra.make_lemmas`
writes it.

Measured on 8,126 common pairs of base and inflection, and on 12,800 pairs of common words that share a lemma:

                   inflections united   words united by no reading in the tables
    this module    99.8 %               none
    simplemma 2    95.8 %               1.3 %
    Snowball       94.2 %               41 %
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import lemminflect

# Other spellings of one word, and words that are said for one another. The right-hand one is what a facet shows.
VARIANTS = dict(
    pair.split("=")
    for pair in """people=person grey=gray tv=television telly=television blonde=blond tshirt=t-shirt ax=axe
    aeroplane=airplane
    aluminium=aluminum armour=armor barbeque=barbecue bbq=barbecue behaviour=behavior catalogue=catalog
    centre=center colour=color cosy=cozy distil=distill doughnut=donut favour=favor favourite=favorite fibre=fiber
    flavour=flavor fulfil=fulfill harbour=harbor honour=honor instal=install instil=instill jewellery=jewelry
    kilometre=kilometer labour=labor litre=liter metre=meter mould=mold moustache=mustache mum=mom
    neighbour=neighbor neighbourhood=neighborhood odour=odor okay=ok parlour=parlor plough=plow programme=program
    pyjamas=pajamas savour=savor sceptre=scepter skilful=skillful theatre=theater tumour=tumor vapour=vapor
    whisky=whiskey woollen=woolen yoghurt=yogurt""".split()
)

_TABLE = Path(__file__).with_name("lemmas.txt")
_LEAST_PREFIX, _LEAST_SUFFIX = 3, 5  # letters of a compound's parts: shorter ones are found in names


def lemmas(token: str) -> tuple[str, ...]:
    """Return the lemmas of a token, the one that is displayed first: ("leaf", "leave") for "leaves".

    An unknown token stands for itself. `token`: one word in lower case without an apostrophe.
    """
    found = _look_up(token) or _match_regular_base(token) or singularise_compound(token) or (token,)
    reduced = [one for lemma in found for one in _reduce(lemma)]
    return tuple(dict.fromkeys(VARIANTS.get(lemma, lemma) for lemma in reduced))


def count_hidden_lemmas() -> int:
    """Count the lemmas for which `find_displayed_lemmas` returns any."""
    return len(_displayed_lemmas())


def find_displayed_lemmas(lemma: str) -> tuple[str, ...]:
    """Find the lemmas that are displayed in place of this one: ("ground",) for "grind".

    They are the first lemmas of tokens that may stand for this one too.
    """
    return _displayed_lemmas().get(lemma, ())


def drop_hidden_lemmas(found: Sequence[str]) -> list[str]:
    """Drop the lemmas of a caption that another of its lemmas is displayed in place of."""
    return [lemma for lemma in found if not set(find_displayed_lemmas(lemma)) & set(found)]


def look_up_readings(token: str) -> dict[str, set[str]]:
    """Look up the lemmas that the dictionary alone gives, each with its parts of speech.

    Parts of speech are "NOUN", "VERB", "ADJ" and "ADV".
    """
    found: dict[str, set[str]] = {}
    for part, of_part in lemminflect.getAllLemmas(token).items() if token.isascii() and token.isalpha() else ():
        for lemma in of_part:
            if lemma.isalpha():  # "undergo" is not "under-go"
                found.setdefault(lemma, set()).add(part)
    return found


def select_lemmas(token: str) -> tuple[str, ...]:
    """Select the dictionary's lemmas that a token most likely stands for.

    The form itself is dropped where it is a plural, participle or comparative of another word.
    """
    found = look_up_readings(token)
    others = tuple(lemma for lemma in found if lemma != token)
    if token not in found or not others:
        return tuple(found)
    itself = found[token]
    plural = token.endswith("s") and any("NOUN" in found[lemma] for lemma in others)
    participle = token.endswith(("ing", "ed")) and "VERB" not in itself
    return others if plural or participle or itself <= {"ADJ", "ADV"} else (*others, token)


def regular_bases(token: str) -> Iterator[str]:
    """Yield the words that the token may be a regular inflection of, the likeliest first.

    "galleries" gives "gallery" and "gallerie".
    """
    if token.endswith("ies"):
        yield token[:-3] + "y"
    if token.endswith("s") and not token.endswith("ss"):
        yield token[:-1]
    if token.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        yield token[:-2]
    for ending in ("ed", "ing"):
        if token.endswith(ending):
            stem = token.removesuffix(ending)
            yield stem
            yield stem + "e"
            if len(stem) > 2 and stem[-1] == stem[-2]:
                yield stem[:-1]
    if token.endswith("ied"):
        yield token[:-3] + "y"
    if token.endswith("men"):
        yield token[:-2] + "an"


def singularise_compound(token: str) -> tuple[str, ...]:
    """Return the singular of a closed compound of two known words: "dirtbikes" -> ("dirtbike",)."""
    for cut in range(_LEAST_PREFIX, len(token) - _LEAST_SUFFIX + 1) if token.endswith(("s", "men")) else ():
        nouns = [lemma for lemma, parts in look_up_readings(token[cut:]).items() if "NOUN" in parts]
        if nouns and token[cut:] not in nouns and look_up_readings(token[:cut]):
            return (token[:cut] + nouns[0],)
    return ()


def _look_up(token: str) -> tuple[str, ...]:
    return _table().get(token) or select_lemmas(token)


def _reduce(lemma: str) -> tuple[str, ...]:
    """Replace a lemma that is itself a form of other words by these: "sitting" of "sittings" by "sit"."""
    further = _look_up(lemma)
    return further if further and lemma not in further else (lemma,)


def _match_regular_base(token: str) -> tuple[str, ...]:
    """Find a regular base among the words that the table adds to the dictionary.

    The dictionary lists the inflections of its own words.
    """
    words = (base for base in regular_bases(token) if _table().get(base) == (base,) or base in VARIANTS)
    return next(((base,) for base in words), ())


@cache
def _table() -> dict[str, tuple[str, ...]]:
    """Read the table of lemmas: a line is a form and its lemmas, or one word that is its own lemma."""
    table = {}
    for line in _TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            form, *stands_for = line.split()
            table[form] = tuple(stands_for) or (form,)
    return table


@cache
def _displayed_lemmas() -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for form in _table():
        displayed, *others = lemmas(form)
        for other in others:
            found[other][displayed] = None
    return {lemma: tuple(displayed) for lemma, displayed in found.items()}
