"""Questions as people type them, and what each means: the one table that every surface is put to."""

from dataclasses import dataclass

Said = tuple[str, str, bool]  # kind, value, whether it leaves out


@dataclass(frozen=True)
class Case:
    """`text` is what is looked for; None: exactly what was typed. `guesses` are what could be typed instead."""

    typed: str
    text: str | None = None
    avoided: tuple[str, ...] = ()
    operators: tuple[Said, ...] = ()
    guesses: tuple[str, ...] = ()
    remarks: int = 0

    @property
    def looked_for(self) -> str:
        return self.typed if self.text is None else self.text


def _word(value: str) -> Said:
    return "word", value, True


def _phrase(value: str, out: bool = False) -> Said:
    return "phrase", value, out


def _file(value: str, out: bool = False) -> Said:
    return "file", value, out


def _taken(value: str, out: bool = False) -> Said:
    return "taken", value, out


CASES = [
    # what files say of themselves
    Case('beach camera:"Canon EOS R5"', "beach", (), (("camera", "Canon EOS R5", False),)),
    Case("-camera:iphone dog", "dog", (), (("camera", "iphone", True),)),
    Case("lens:*50mm*", "", (), (("lens", "*50mm*", False),)),
    Case("near:48.1,11.6,5km", "", (), (("near", "48.1,11.6,5km", False),)),
    Case('boats near:"48.1, 11.6, 3 mi"', "boats", (), (("near", "48.1, 11.6, 3 mi", False),)),
    Case("rating:4.. -rating:5", "", (), (("rating", "4..", False), ("rating", "5", True))),
    Case("keyword:beach PERSON:Anna", "", (), (("keyword", "beach", False), ("person", "Anna", False))),
    Case("incomplete:no", "", (), (("incomplete", "no", False),)),
    Case(
        'boats place:Lisbon -place:"New York"', "boats", (), (("place", "Lisbon", False), ("place", "New York", True))
    ),
    Case("box:38.6,-9.3,38.8,-9", "", (), (("box", "38.6,-9.3,38.8,-9", False),)),
    Case("box:38.6,-9.3", remarks=1),
    Case("box:39,-9.3,38,9", remarks=1),
    Case("near:sea", remarks=1),
    Case("near:11.6,148.1,5km", "", (), (("near", "11.6,148.1,5km", False),)),
    Case("near:148.1,11.6,5km", remarks=1),
    Case("near:48.1,11.6,5", remarks=1),
    Case("rating:six", remarks=1),
    Case("rating:4..6", remarks=1),
    Case("incomplete:maybe", remarks=1),
    Case("\\camera:canon", "camera:canon"),
    Case("camera: canon"),
    # words that are left out
    Case("umbrella -red", "umbrella", ("red",), (_word("red"),)),
    Case("-red umbrella", "umbrella", ("red",), (_word("red"),)),
    Case("two  umbrellas -red at night", "two  umbrellas at night", ("red",), (_word("red"),)),
    Case("star -red -blue", "star", ("red", "blue"), (_word("red"), _word("blue"))),
    Case("UMBRELLA -RED", "UMBRELLA", ("RED",), (_word("RED"),)),
    Case("umbrella -red, at night", "umbrella at night", ("red",), (_word("red"),)),
    Case("umbrella \N{MINUS SIGN}red", "umbrella", ("red",), (_word("red"),)),
    Case("umbrella \N{EN DASH}red", "umbrella", ("red",), (_word("red"),)),
    Case("umbrella \N{FULLWIDTH HYPHEN-MINUS}red", "umbrella", ("red",), (_word("red"),)),
    Case("picture -black-and-white", "picture", ("black-and-white",), (_word("black-and-white"),)),
    Case("music -rock'n'roll", "music", ("rock'n'roll",), (_word("rock'n'roll"),)),
    Case("зонт -красный", "зонт", ("красный",), (_word("красный"),)),
    Case("傘 -赤", "傘", ("赤",), (_word("赤"),)),
    Case("umbrella -C++", "umbrella", ("C++",), (_word("C++"),)),
    Case("-red", "", ("red",), (_word("red"),), remarks=1),
    Case("-red -blue", "", ("red", "blue"), (_word("red"), _word("blue")), remarks=1),
    # hyphens that are text
    Case("t-shirt"),
    Case("a black-and-white umbrella"),
    Case("umbrella - red"),
    Case("-"),
    Case("--"),
    Case("umbrella --red"),
    Case("umbrella \N{EM DASH}red"),
    Case("umbrella -the"),
    Case("-5 degrees"),
    Case(":-) ;-) -_- ->"),
    Case("umbrella -https://example.com/red"),
    # phrases
    Case('"red umbrellas"', "red umbrellas", (), (_phrase("red umbrellas"),)),
    Case('three "red umbrellas" at night', "three red umbrellas at night", (), (_phrase("red umbrellas"),)),
    Case("“red umbrellas”", "red umbrellas", (), (_phrase("red umbrellas"),)),
    Case("„red umbrellas“ night", "red umbrellas night", (), (_phrase("red umbrellas"),)),
    Case("« red umbrellas »", "red umbrellas", (), (_phrase("red umbrellas"),)),
    Case('("red umbrellas"), night', "(red umbrellas), night", (), (_phrase("red umbrellas"),)),
    Case('umbrella -"red umbrellas"', "umbrella", ("red umbrellas",), (_phrase("red umbrellas", True),)),
    Case('"красный зонт" ночь', "красный зонт ночь", (), (_phrase("красный зонт"),)),
    Case('"red umbrellas'),
    Case('red umbrellas"'),
    Case('a 12" and a 14" screen'),
    Case("rock'n'roll 'red umbrellas'"),
    Case('""'),
    Case('"!!!" umbrella'),
    # files
    Case("file:IMG_12*", "", (), (_file("IMG_12*"),)),
    Case("umbrella file:img_12*", "umbrella", (), (_file("img_12*"),)),
    Case("FILE:IMG_1234", "", (), (_file("IMG_1234"),)),
    Case("file:2024/*", "", (), (_file("2024/*"),)),
    Case("file:/2024/img*", "", (), (_file("/2024/img*"),)),
    Case('file:"IMG 7.jpg"', "", (), (_file("IMG 7.jpg"),)),
    Case("umbrella -file:2024/", "umbrella", (), (_file("2024/", True),)),
    Case("file:nowhere", "", (), (_file("nowhere"),)),
    Case("file: IMG_12*", guesses=("file:IMG_12*",)),
    Case("IMG_1234", guesses=("file:IMG_1234",)),
    Case("scene-004", guesses=("file:scene-004",)),
    Case("img_1234.jpg", guesses=("file:img_1234.jpg",)),
    Case("IMG_9999", guesses=("file:IMG_9999",)),
    Case("*.png", guesses=("file:*.png",)),
    Case("file:///pictures/IMG%207.jpg", guesses=('file:"IMG 7.jpg"',)),
    # dates
    Case("taken:2019..2021", "", (), (_taken("2019..2021"),)),
    Case("umbrella taken:2019", "umbrella", (), (_taken("2019"),)),
    Case("Taken:2019-06", "", (), (_taken("2019-06"),)),
    Case("umbrella taken:2019-2021", "umbrella", (), (_taken("2019..2021"),)),
    Case("-taken:2019", "", (), (_taken("2019", True),)),
    Case("taken:yesterday", remarks=1),
    Case("taken:2021..2019", remarks=1),
    Case("2019", guesses=("taken:2019",)),
    Case("umbrella 2019", guesses=("taken:2019",)),
    Case("umbrella -2019", guesses=("-taken:2019",)),
    Case("umbrella 2019-2021", guesses=("taken:2019..2021",)),
    Case("the 1990s", guesses=("taken:1990..1999",)),
    Case("1234 umbrellas", guesses=("file:1234",)),
    # all that is text
    Case("https://example.com/a?b=-red"),
    Case("C++ at 12:30, ratio 16:9, foo:bar"),
    Case(" two umbrellas\tat  night "),
    Case("what is red?"),
    Case("\N{UMBRELLA} -\N{UMBRELLA}"),
    # a backslash makes text of an operator
    Case(r"umbrella \-red", "umbrella -red"),
    Case(r"\"red umbrellas\"", '"red umbrellas"'),
    Case(r"\file:IMG_12*", "file:IMG_12*", guesses=()),
    Case(r"umbrella \o/"),
    # several at once
    Case(
        'umbrella -red "at night" file:IMG* taken:2019..',
        "umbrella at night",
        ("red",),
        (_word("red"), _phrase("at night"), _file("IMG*"), _taken("2019..")),
    ),
]
