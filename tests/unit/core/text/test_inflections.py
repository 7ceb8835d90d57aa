"""Lemmas of single words: which forms are joined, and which are kept apart."""

import pytest

from core.domain.filtering.filters import caption_words
from core.text import analysis, inflections
from infra.make_lemmas import BY_HAND, NAMES, THINGS


def _finds(asked: str, said: str) -> bool:
    return caption_words(must=[asked]).matches({"words": analysis.analyse(said)})


@pytest.mark.parametrize(
    "pair",
    """bear/bare ski/sky skis/skies wing/w king/k string/stry number/numb news/new species/specie crew/crow
    opera/opus taxi/tax red/rid bus/buse sing/singe star/stare plane/plan hop/hope tap/tape car/care ring/wring
    dive/diva evening/even weed/wee feed/fee cola/colon glass/grass leaf/leave dye/die tie/tired thing/thin
    spring/sprint corner/corn flower/flow tower/tow water/wat paris/pari texas/texa james/jame wales/wale""".split(),
)
def test_words_that_look_alike_are_not_the_same(pair: str) -> None:
    one, other = pair.split("/")
    assert not _finds(one, other) and not _finds(other, one)


@pytest.mark.parametrize(
    ("form", "lemmas"),
    [
        ("leaves", ("leaf", "leave")),
        ("axes", ("axe", "axis")),
        ("left", ("left", "leave")),
        ("saw", ("see", "saw")),
        ("wound", ("wind", "wound")),
        ("felt", ("feel", "felt")),
        ("found", ("find", "found")),
        ("building", ("building", "build")),
        ("glasses", ("glasses", "glass")),
        ("skateboarders", ("skateboarder",)),
        ("dirtbikes", ("dirtbike",)),
        ("snowmen", ("snowman",)),
        ("tattooed", ("tattoo",)),
        ("zorblaxes", ("zorblaxes",)),
        ("o'clock", ("o'clock",)),
    ],
)
def test_lemmas_of_a_form(form: str, lemmas: tuple[str, ...]) -> None:
    assert inflections.lemmas(form) == lemmas


@pytest.mark.parametrize(
    "family",
    """person/people/persons gray/grey/grays television/tv/tvs/televisions blond/blonde/blondes color/colours/colored
    man/men mouse/mice child/children t-shirt/tshirts theater/theatres favorite/favourite mustache/moustaches
    jewelry/jewellery american/americans""".split(),
)
def test_families_are_one_word(family: str) -> None:
    shown = {analysis.analyse(word)[0] for word in family.split("/")}
    assert shown == {family.split("/")[0]}


def test_a_lemma_is_shown_unless_another_is_shown_instead() -> None:
    assert inflections.find_displayed_lemmas("grind") == ("ground",)
    assert inflections.find_displayed_lemmas("dog") == ()
    assert inflections.drop_hidden_lemmas(["man", "ground", "grind"]) == ["man", "ground"]
    assert inflections.drop_hidden_lemmas(["man", "grind"]) == ["man", "grind"]


def test_what_is_decided_by_hand_holds() -> None:
    for form, meant in BY_HAND.items():
        assert inflections.lemmas(form) == tuple(meant.split())
    for thing in THINGS:
        assert analysis.expand_query(thing) == ((thing,),)
    for name in NAMES:
        assert inflections.lemmas(name) == (name,)
