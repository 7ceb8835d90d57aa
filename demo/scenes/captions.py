"""What is said of a scene: its one canonical caption, freer wordings of it, and short questions it answers."""

from __future__ import annotations

import random
from dataclasses import dataclass

from demo.scenes.composition import Group, Relation, Scene

NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four"}
PLURALS = {"book": "books", "butterfly": "butterflies", "fish": "fish"}
PLACES = {
    "meadow": "on a meadow",
    "night": "at night",
    "sea": "at sea",
    "snow": "in the snow",
    "desert": "in the desert",
    "sunset": "at sunset",
    "plain": "on a plain background",
    "stripes": "on a striped background",
    "checks": "on a checked background",
    "dots": "on a dotted background",
}

# Other words for the same thing; the canonical one counts several times, so that it stays the commonest.
KIND_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "boat": (("ship", "ships"), ("sailboat", "sailboats")),
    "book": (("open book", "open books"),),
    "bottle": (("flask", "flasks"),),
    "car": (("automobile", "automobiles"), ("auto", "autos")),
    "cat": (("kitten", "kittens"), ("kitty", "kitties")),
    "chair": (("seat", "seats"),),
    "cup": (("mug", "mugs"), ("coffee cup", "coffee cups")),
    "flower": (("blossom", "blossoms"), ("bloom", "blooms")),
    "hat": (("top hat", "top hats"),),
    "house": (("home", "homes"), ("cottage", "cottages")),
    "mushroom": (("toadstool", "toadstools"),),
    "rocket": (("spaceship", "spaceships"),),
    "tree": (("fir", "firs"), ("fir tree", "fir trees")),
    "umbrella": (("parasol", "parasols"), ("brolly", "brollies")),
}
COLOUR_WORDS = {"grey": ("gray",), "purple": ("violet",), "red": ("scarlet",), "yellow": ("golden",)}
SIZE_WORDS = {"small": ("little", "tiny"), "large": ("big", "huge")}
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on the grass", "in a green field", "on a green meadow", "in the meadow"),
    "night": ("in the night", "by night", "under the moon", "in the dark", "under the stars", "in the night sky"),
    "sea": ("on the sea", "on the water", "in the sea", "on the ocean", "by the sea"),
    "snow": ("on snow", "in a snowy landscape", "in winter", "in snow", "on the snow"),
    "desert": ("in a desert", "on sand", "on the sand", "among the dunes"),
    "sunset": ("in the evening", "in front of a sunset", "under a sunset", "at dusk", "in the sunset"),
    "plain": ("on plain ground", "with a plain background", "against a plain background"),
    "stripes": ("on stripes", "with stripes", "on a background of stripes", "against stripes"),
    "checks": ("on checks", "on a chequered background", "on a checkered background", "on a background of checks"),
    "dots": ("on dots", "with dots", "on a spotted background", "on a background of dots"),
}
PLACE_NAMES: dict[str, tuple[str, ...]] = {
    "meadow": ("a meadow", "meadow", "grass", "a green field"),
    "night": ("night", "the night", "a night sky", "darkness", "the moon"),
    "sea": ("the sea", "sea", "water", "the ocean"),
    "snow": ("snow", "the snow", "winter", "a snowy landscape"),
    "desert": ("a desert", "the desert", "desert", "sand"),
    "sunset": ("a sunset", "sunset", "evening", "dusk"),
    "plain": ("a plain background", "plain background"),
    "stripes": ("stripes", "a striped background", "striped background"),
    "checks": ("checks", "a checked background", "a checkered background"),
    "dots": ("dots", "a dotted background", "a spotted background"),
}
OPENINGS = (
    "a picture of", "a photo of", "an image of", "picture of", "photo of", "image of", "a drawing of",
    "an illustration of", "a picture with", "an image with", "a photo with", "a picture showing",
    "an image showing", "there is", "here is", "this is", "we see", "you can see", "i can see", "show me", "find",
    "find me", "i want", "i am looking for", "a scene with", "pictures of", "photos of", "images of",
    "all pictures with", "the picture shows", "a cartoon of",
)  # fmt: skip
RELATION_WORDS: dict[Relation, tuple[str, ...]] = {
    "left of": ("to the left of", "on the left of"),
    "above": ("over", "on top of", "higher than"),
}
REVERSED: dict[Relation, tuple[str, ...]] = {
    "left of": ("right of", "to the right of", "on the right of"),
    "above": ("below", "under", "beneath", "underneath"),
}


def plural(kind: str) -> str:
    return PLURALS.get(kind, kind + "s")


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


def caption(scene: Scene) -> str:
    """Write the canonical caption: number, size, colour and kind of each group, their relation, the place."""
    groups = [_describe_group(group) for group in scene.groups]
    return f"{f' {scene.relation} '.join(groups)} {PLACES[scene.background]}"


def _describe_group(group: Group) -> str:
    traits = [] if group.size == "medium" else [group.size]
    phrase = " ".join([*traits, group.colour, group.kind if group.count == 1 else plural(group.kind)])
    return article(phrase) if group.count == 1 else f"{NUMBERS[group.count]} {phrase}"


@dataclass(frozen=True)
class GroupQuestion:
    """One group of a short question; None leaves a trait open. Without `kind` it is about "things"."""

    kind: str | None = None
    colour: str | None = None
    count: int | None = None
    size: str | None = None

    def fits(self, group: Group) -> bool:
        """Tell whether the group is one of those asked for."""
        return (
            self.kind in (None, group.kind)
            and self.colour in (None, group.colour)
            and self.count in (None, group.count)
            and self.size in (None, group.size)
        )


@dataclass(frozen=True)
class Question:
    """A short question with its answer known: groups asked for, their relation if any, the place if any."""

    groups: tuple[GroupQuestion, ...] = ()
    relation: Relation | None = None
    background: str | None = None

    def fits(self, scene: Scene) -> bool:
        """Tell whether the scene is a right answer."""
        if self.background not in (None, scene.background):
            return False
        if not self.groups:
            return True
        if len(self.groups) == 1:
            return any(self.groups[0].fits(group) for group in scene.groups)
        if len(scene.groups) != 2 or self.relation not in (None, scene.relation):
            return False
        first, second = self.groups
        straight = first.fits(scene.groups[0]) and second.fits(scene.groups[1])
        return straight or (self.relation is None and first.fits(scene.groups[1]) and second.fits(scene.groups[0]))


def choose_word(canonical: str, others: tuple[str, ...], dice: random.Random, fidelity: float = 0.6) -> str:
    """Choose the canonical word with probability `fidelity`, else one of the others, if there are any."""
    return canonical if not others or dice.random() < fidelity else dice.choice(others)


def word_group(asked: GroupQuestion, dice: random.Random) -> str:
    """Word a group in one of many ways: "three scarlet umbrellas", "red car", "stars"."""
    many = asked.count not in (None, 1) or (asked.count is None and dice.random() < 0.2)
    if asked.kind is None:
        noun = dice.choice(("things", "objects")) if many else dice.choice(("thing", "object"))
    elif asked.kind in KIND_WORDS and dice.random() < 0.4:
        noun = dice.choice(KIND_WORDS[asked.kind])[many]
    else:
        noun = plural(asked.kind) if many else asked.kind
    traits = [noun]
    if asked.colour:
        traits.insert(0, choose_word(asked.colour, COLOUR_WORDS.get(asked.colour, ()), dice, 0.75))
    if asked.size in SIZE_WORDS:
        traits.insert(0, choose_word(asked.size, SIZE_WORDS[asked.size], dice))
    phrase = " ".join(traits)
    if asked.count == 1:
        return dice.choice((article(phrase), f"one {phrase}", f"a single {phrase}"))
    if asked.count:
        return f"{dice.choice((NUMBERS[asked.count], NUMBERS[asked.count], str(asked.count)))} {phrase}"
    lead = dice.random()
    if many:
        return f"some {phrase}" if lead < 0.15 else phrase
    return phrase if lead < 0.4 else f"the {phrase}" if lead < 0.5 else article(phrase)


def word_question(question: Question, dice: random.Random) -> str:
    """Word a question in one of many ways, lower-case, without punctuation."""
    groups = [word_group(group, dice) for group in question.groups]
    if len(groups) == 2:
        if question.relation is None:
            middle = dice.choice(("and", "and", "with", "next to", "beside"))
            text = f" {middle} ".join(groups if dice.random() < 0.5 else groups[::-1])
        elif dice.random() < 0.7:
            text = f" {choose_word(question.relation, RELATION_WORDS[question.relation], dice)} ".join(groups)
        else:
            text = f" {dice.choice(REVERSED[question.relation])} ".join(groups[::-1])
    else:
        text = "".join(groups)
    place = question.background
    if place and not text:
        text = choose_word(PLACE_NAMES[place][0], (*PLACE_NAMES[place][1:], PLACES[place]), dice, 0.35)
    elif place:
        where = choose_word(PLACES[place], PLACE_WORDS[place], dice, 0.5)
        text = f"{where} {text}" if dice.random() < 0.1 else f"{text} {where}"
    return f"{dice.choice(OPENINGS)} {text}" if dice.random() < 0.35 else text


def full_question(scene: Scene, dice: random.Random) -> Question:
    """Ask for everything in the scene; leave a size open that needs no word."""
    groups = tuple(
        GroupQuestion(group.kind, group.colour, group.count, None if group.size == "medium" else group.size)
        for group in scene.groups
    )
    relation = scene.relation if dice.random() < 0.85 else None
    return Question(groups, relation, scene.background)


def paraphrase(scene: Scene, dice: random.Random) -> str:
    """Say the canonical caption in other words; now and then leave the relation out."""
    return word_question(full_question(scene, dice), dice)


SHORT = ("kind", "colour+kind", "count+kind", "background", "kind+background", "colour+kind+background",
         "count+colour+kind", "colour", "size+kind", "size+colour+kind", "two kinds", "two colour+kinds",
         "relation")  # fmt: skip


def short_question(scene: Scene, sort: str, dice: random.Random) -> Question:
    """Make a question of this sort (one of SHORT), which the scene answers if it has what that asks about."""
    group = dice.choice(scene.groups)
    size = None if group.size == "medium" else group.size
    match sort:
        case "kind":
            return Question((GroupQuestion(group.kind),))
        case "colour":
            return Question((GroupQuestion(None, group.colour),))
        case "colour+kind":
            return Question((GroupQuestion(group.kind, group.colour),))
        case "count+kind":
            return Question((GroupQuestion(group.kind, None, group.count),))
        case "count+colour+kind":
            return Question((GroupQuestion(group.kind, group.colour, group.count),))
        case "size+kind":
            return Question((GroupQuestion(group.kind, None, None, size),))
        case "size+colour+kind":
            return Question((GroupQuestion(group.kind, group.colour, None, size),))
        case "background":
            return Question((), None, scene.background)
        case "kind+background":
            return Question((GroupQuestion(group.kind),), None, scene.background)
        case "colour+kind+background":
            return Question((GroupQuestion(group.kind, group.colour),), None, scene.background)
        case "two kinds":
            return Question(tuple(GroupQuestion(g.kind) for g in scene.groups))
        case "two colour+kinds":
            return Question(tuple(GroupQuestion(g.kind, g.colour) for g in scene.groups))
        case "relation":
            return Question(tuple(GroupQuestion(g.kind, g.colour) for g in scene.groups), scene.relation)
    raise ValueError(f"no such sort of question: {sort}")


def short_queries(scene: Scene, dice: random.Random) -> list[str]:
    """Word one short question of every sort that the scene answers, in the order of SHORT."""
    return [word_question(short_question(scene, sort, dice), dice) for sort in SHORT]
