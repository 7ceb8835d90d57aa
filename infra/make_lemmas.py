"""Write core/text/lemmas.txt: which readings of a common form are meant, and common words that the dictionary lacks.

Made of lemminflect's dictionary, simplemma's (for what lemminflect lacks) and wordfreq's frequencies, all pinned as
development dependencies, and of what is decided by hand here.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import simplemma
import wordfreq

from core.text.analysis import STOPWORDS
from core.text.inflections import VARIANTS, look_up_readings, regular_bases, select_lemmas, singularise_compound

TABLE = Path("core/text/lemmas.txt")
COMMON = 2.0  # zipf: the base 10 logarithm of how often a word is said in a billion
_COMMON_SHORT = 3.3  # of up to three letters, which are mostly abbreviations
_RARER = 1.5  # a reading whose lemma is so much rarer than the form, in zipf, is none that captions mean
_SAID = 1.0  # the least zipf of a lemma that is shown: "outstretched" is a word, "outstretch" is hardly one
_PLURAL = 0.7  # a form of which the plural is nearly as common is a noun of its own
_CLEARLY = 0.3  # a form so much more common than what it is a form of, in zipf, is a word of its own first of all

# Forms by hand: what they stand for, first what they are shown as and mean when they are asked for.
BY_HAND = dict(
    line.split(" ", 1)
    for line in """\
axes axe axis
best good well best
better good well better
chile chili
chiles chili
chilies chili
chilli chili
chillies chili
cleaner cleaner clean
cola cola
comes come
consisted consist
crew crew
dice dice die
dive dive
doses dose
dove dove dive
evening evening
evenings evening
feed feed
felt feel felt
found find found
glasses glasses glass
lay lay lie
leaves leaf leave
left left leave
lit light
lives life live
lower low lower
media media medium
most most much
news news
opera opera
pants pants pant
premiered premiere
rebound rebound
rent rent
resent resent
rose rose rise
saw see saw
shorts shorts short
skied ski
spat spit spat
species species
spoke speak spoke
staves staff stave
stove stove
stranger stranger strange
sunglasses sunglasses
taxes tax
taxies taxi
taxis taxi
tinged tinge
trousers trousers trouser
weed weed""".splitlines()
)
# Nouns in -ing that are things in pictures rather than what somebody does in them, or that are done without the thing
# that their verb names as a noun: bowls in bowling, trains in training. Any other stands for its verb.
THINGS = set(
    """bedding bowling boxing building clearing clothing drawing dressing icing landing painting parking railing rowing
    siding stocking stuffing topping training wedding""".split()
)
# Names of people and places that look like inflections of words.
NAMES = set(
    """adams andrews bowles brees cairns caldwell cole coles collins daniels dolores edwards evans giles hades hales
    hanks hastings hawkins henning higgins hopkins jennings johns jordans kardashians lars lloyds lyons marcos
    marcus matthews meeks merced michaels morales mosul notts owens paris perkins philips redding rees rhodes
    richards rogers saunders simmons sims starks stevens stiles texas vegas wales walters watkins wilkins williams
    worthing""".split()
)

# Words of what people do in pictures that neither dictionary has.
ADDED = "kitesurf paddleboard parasail rollerblade rollerblader wakeboard wakeboarder waterski waterskier".split()
_COARSE = re.compile(
    "^arse|ass(hat|hole)|^cum|cunt|^dick|^fap|fuck|jizz|milf|nigg|porn|shit|slut|wank|[dw]job$|twat|cock(s|$)|dildo|^homo$|^boi$|skank"
)


def make_rows() -> Iterator[tuple[str, ...]]:
    """Yield rows of a form and its lemmas; a form alone is its own lemma."""
    forms = [word for word in wordfreq.top_n_list("en", 200_000) if _is_common(word)]
    yield from sorted(
        {*_correct_dictionary(forms), *((name,) for name in [*NAMES, *ADDED]), *_find_missing_words(forms)}
    )


def _is_common(word: str) -> bool:
    written = word.isascii() and word.isalpha() and word not in STOPWORDS
    return written and len(word) > 1 and zipf(word) >= COMMON


def zipf(word: str) -> float:
    """Look up how common a word is, as log10 of its occurrences in a billion words."""
    return wordfreq.zipf_frequency(word, "en")


def _correct_dictionary(forms: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield the forms that stand for several lemmas, or for others than `select_lemmas` gives."""
    for form in forms:
        lemmas = tuple(BY_HAND[form].split()) if form in BY_HAND else _choose_lemmas(form)
        if form not in NAMES and (
            len(lemmas) > 1 or lemmas != (select_lemmas(form) or singularise_compound(form) or (form,))
        ):
            yield (form,) if lemmas == (form,) else (form, *lemmas)


def _choose_lemmas(form: str) -> tuple[str, ...]:
    """Choose the lemmas of a form by how common they are, the one that is displayed first."""
    if not (found := look_up_readings(form)):
        return next(
            ((form,) for lemma in singularise_compound(form) if zipf(lemma) < _SAID),
            singularise_compound(form) or (form,),
        )
    participle = form.endswith(("ed", "ing"))
    threshold = max((zipf(lemma) for lemma in found if lemma != form), default=0) if participle else zipf(form)
    plausible = {lemma for lemma in found if zipf(lemma) >= threshold - _RARER} or set(found)
    plausible = {lemma for lemma in plausible if VARIANTS.get(lemma) not in plausible}
    others = sorted(plausible - {form}, key=lambda lemma: (-zipf(lemma), lemma))
    if others and zipf(others[0]) < _SAID:
        return (form, *others)
    if form in THINGS:
        return (form, *others)
    if form not in plausible or not others:
        return (*others,) or (form,)
    ahead = zipf(form) - zipf(others[0])
    if participle and ahead > _RARER:
        return (form, *others)
    if form not in select_lemmas(form):
        return (*others,)
    is_noun = form.endswith("er") and zipf(form + "s") >= zipf(form) - _PLURAL and ahead >= -_CLEARLY
    return (form, *others) if is_noun or ahead >= _CLEARLY else (*others, form)


def _find_missing_words(forms: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield words that the dictionary lacks, though simplemma reduces a common inflection to them."""
    for form in forms:
        if not look_up_readings(form) and form not in NAMES and form not in BY_HAND:
            base = str(simplemma.lemmatize(form, lang="en"))
            if base not in regular_bases(form) and form.endswith(("ans", "ims", "ists")):  # of "Americans": a name
                base = form[:-1] if zipf(form[:-1]) >= zipf(form) + _CLEARLY else ""
            if base in regular_bases(form) and _is_word(base) and not look_up_readings(base):
                yield (base,)


def _is_word(base: str) -> bool:
    threshold = COMMON if len(base) > 3 else _COMMON_SHORT
    return _is_common(base) and len(base) > 2 and zipf(base) >= threshold and not _COARSE.search(base)


def render_table() -> str:
    """Render the text of lemmas.txt."""
    lines = [
        "# Forms and the lemmas that they stand for; words that stand for themselves. By infra/make_lemmas.py from",
        "# lemminflect (MIT; SPECIALIST Lexicon of the National Library of Medicine), simplemma (MIT) and wordfreq",
        "# (Apache-2.0; data CC BY-SA 4.0).",
        *(" ".join(row) for row in make_rows()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write lemmas.txt."""
    TABLE.write_text(render_table(), "utf-8")


if __name__ == "__main__":
    main()
