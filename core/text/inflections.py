"""Token -> the dictionary forms that it may stand for: lemminflect's dictionary, corrected by `lemmas.txt`.

The dictionary (that of lemminflect, from the NLM's SPECIALIST Lexicon) knows every reading of a form and not how common
it is. `lemmas.txt` says so for common forms, and names words that the dictionary lacks: `python -m infra.make_lemmas`.

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
    """("leaf", "leave") of "leaves"; first what the token is shown as. An unknown token stands for itself.

    `token`: one word in lower case without an apostrophe.
    """
    known = _known(token) or _regular(token) or compound(token) or (token,)
    settled = [one for lemma in known for one in _settled(lemma)]
    return tuple(dict.fromkeys(VARIANTS.get(lemma, lemma) for lemma in settled))


def hidden_at_most() -> int:
    """Of how many lemmas `shown_instead` knows anything."""
    return len(_shown_instead())


def shown_instead(lemma: str) -> tuple[str, ...]:
    """What tokens are shown as that may stand for this lemma too: ("ground",) of "grind"."""
    return _shown_instead().get(lemma, ())


def shown(found: Sequence[str]) -> list[str]:
    """The lemmas of a caption without those that another of them is shown instead of."""
    return [lemma for lemma in found if not set(shown_instead(lemma)) & set(found)]


def readings(token: str) -> dict[str, set[str]]:
    """What the dictionary alone says: its lemmas, each with its parts of speech ("NOUN", "VERB", "ADJ", "ADV")."""
    found: dict[str, set[str]] = {}
    for part, of_part in lemminflect.getAllLemmas(token).items() if token.isascii() and token.isalpha() else ():
        for lemma in of_part:
            if lemma.isalpha():  # "undergo" is not "under-go"
                found.setdefault(lemma, set()).add(part)
    return found


def by_rule(token: str) -> tuple[str, ...]:
    """The dictionary's lemmas, less the form itself where it is a plural, participle or comparative of another."""
    found = readings(token)
    others = tuple(lemma for lemma in found if lemma != token)
    if token not in found or not others:
        return tuple(found)
    itself = found[token]
    plural = token.endswith("s") and any("NOUN" in found[lemma] for lemma in others)
    participle = token.endswith(("ing", "ed")) and "VERB" not in itself
    return others if plural or participle or itself <= {"ADJ", "ADV"} else (*others, token)


def regular_bases(token: str) -> Iterator[str]:
    """What the token may be a regular inflection of, the likeliest first: "galleries" -> "gallery", "gallerie"."""
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


def compound(token: str) -> tuple[str, ...]:
    """The singular of two known words in one: "dirtbikes" -> "dirtbike"."""
    for cut in range(_LEAST_PREFIX, len(token) - _LEAST_SUFFIX + 1) if token.endswith(("s", "men")) else ():
        nouns = [lemma for lemma, parts in readings(token[cut:]).items() if "NOUN" in parts]
        if nouns and token[cut:] not in nouns and readings(token[:cut]):
            return (token[:cut] + nouns[0],)
    return ()


def _known(token: str) -> tuple[str, ...]:
    return _table().get(token) or by_rule(token)


def _settled(lemma: str) -> tuple[str, ...]:
    """A lemma that is itself a form of others, as "sitting" of "sittings" is of "sit", gives way to them."""
    further = _known(lemma)
    return further if further and lemma not in further else (lemma,)


def _regular(token: str) -> tuple[str, ...]:
    """By the words that the table adds to the dictionary, which lists the inflections of its own."""
    words = (base for base in regular_bases(token) if _table().get(base) == (base,) or base in VARIANTS)
    return next(((base,) for base in words), ())


@cache
def _table() -> dict[str, tuple[str, ...]]:
    """A line is a form and what it stands for, or one word that stands for itself."""
    table = {}
    for line in _TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            form, *stands_for = line.split()
            table[form] = tuple(stands_for) or (form,)
    return table


@cache
def _shown_instead() -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for form in _table():
        shown, *others = lemmas(form)
        for other in others:
            found[other][shown] = None
    return {lemma: tuple(shown) for lemma, shown in found.items()}
