"""The parser of the query language: what people type -> words to look for, words to avoid, and a filter.

    -word  -"a phrase"        leave out pictures whose captions say so, and rank last what shows it
    "a phrase"                require a caption that says exactly this, word by word
    file:IMG_12*  -file:raw/  require or leave out a path: a pattern with * and ?, or any part of it, in any case
    taken:2019..2021          require a time taken, as a range of years, months or days
    camera:"EOS R5" lens:*50mm* require a camera or a lens, by words of its name or by a pattern
    near:48.1,11.6,5km        require a place: latitude, longitude and a distance
    place:Lisbon box:38,-10,39,-9  require a place: words of its names, or south, west, north, east of a map
    rating:4.. keyword:beach person:Anna incomplete:no
                              require stars, a keyword or a person of the file, or a picture that is whole
    text:invoice text:"due 2024"
                              require a word that is written in the picture, or several in one line

An operator begins a word. Everything else is text exactly as it was typed, and so is what a backslash precedes.
A year or a file's name without an operator is text too. It becomes a guess, which query_language.hints tells.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.query import AS_TYPED, OPERATOR_NAMES, Interpretation, Operator
from core.errors import InvalidQuery
from core.query_language import operators
from core.query_language.guesses import find_guesses

MAX_OPERATORS = 40
_LONGEST_PHRASE = 1000  # characters
# The hyphen, the minus signs, and the dash that phones make of a hyphen. Not the em dash, which parts sentences.
_MINUS = "-\u2010\u2011\u2212\u2013\ufe63\uff0d"
_STRAIGHT, _CURLY, _ANGLED = '"\uff02', "\u201c\u201d\u201e\u201f\u301d\u301e", "\u00ab\u00bb"
_QUOTES = _STRAIGHT + _CURLY + _ANGLED
_PAIRS = {"straight": (_STRAIGHT, _STRAIGHT), "curly": (_CURLY, _CURLY + '"'), "angled": (_ANGLED, _ANGLED)}
_QUOTED = "|".join(
    f"[{opened}](?P<{name}>[^{closed}]{{1,{_LONGEST_PHRASE}}})[{closed}](?!\\w)"
    for name, (opened, closed) in _PAIRS.items()
)
_NAMES = "|".join(OPERATOR_NAMES)
_OPERATOR = re.compile(
    rf"""
    (?P<escape> \\ (?=[{_QUOTES}]) | (?<!\S) \\ (?=[{_MINUS}] | (?:{_NAMES}):) )
    | (?<!\S) (?P<out>[{_MINUS}])? (?P<name>{_NAMES}) : 
        (?: [{_QUOTES}](?P<quoted>[^{_QUOTES}]+)[{_QUOTES}](?!\S) | (?P<bare>[^\s{_QUOTES}]\S*) )
    | (?<!\S) [{_MINUS}] (?P<word>[^\W\d_]\S*)
    | (?<![^\s(\[{{]) (?P<without>[{_MINUS}])? (?:{_QUOTED})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}'" + _QUOTES


@dataclass(frozen=True, slots=True)
class Parsed:
    """A question, parsed.

    `text` is what is looked for, "" where that is nothing. `avoided` holds the texts to rank away from.
    """

    text: str
    avoided: tuple[str, ...] = ()
    filter: Filter = EVERYTHING
    interpretation: Interpretation = AS_TYPED


@lru_cache(maxsize=256)
def parse(text: str) -> Parsed:
    """Parse a question. Raises InvalidQuery for more than MAX_OPERATORS operators."""
    reader = _Reader(text)
    for match in _OPERATOR.finditer(text):
        reader.take(match)
        if len(reader.operators) > MAX_OPERATORS:
            takes = f"at most {MAX_OPERATORS} (raw, it is searched as it was typed)"
            raise InvalidQuery("text", f"more than {MAX_OPERATORS} operators", takes)
    return reader.result()


class _Reader:
    def __init__(self, typed: str) -> None:
        self._typed = typed
        self._at = 0
        self._text: list[str] = []
        self._loose: list[str] = []  # of the text, what is in no phrase
        self.operators: list[Operator] = []
        self._avoided: list[str] = []
        self._remarks: list[str] = []

    def take(self, match: re.Match[str]) -> None:
        """Read one operator. What only looks like one stays in the text."""
        found = match.groupdict()
        typed, out = match[0], bool(found["out"] or found["without"])
        phrase = next((found[name] for name in _PAIRS if found[name]), None)
        try:
            if found["escape"]:
                self._cut(match.start(), match.end())
            elif found["word"]:
                word = found["word"].rstrip(_TRAILING)
                self._add_operator(match, operators.exclude_word(typed, word), avoided=word)
            elif phrase is None:
                value = found["quoted"] or found["bare"].rstrip(",;")
                self._add_operator(match, operators.require_named(typed, found["name"], value, out))
            elif out:
                self._add_operator(match, operators.require_phrase(typed, phrase.strip(), out), avoided=phrase.strip())
            else:
                self._add_operator(match, operators.require_phrase(typed, phrase.strip(), out), stays=phrase.strip())
        except InvalidQuery as error:
            if found["name"] and (name := found["name"].lower()) != "file":
                self._remarks.append(f"{operators.quote(typed)} is searched as words: {name}: takes {error.takes}")

    def result(self) -> Parsed:
        """Return the parsed question."""
        self._copy_until(len(self._typed))
        text = "".join(self._text)
        guesses = find_guesses("".join(self._loose), alone=len(self._typed.split()) == 1)
        interpretation = Interpretation(tuple(self.operators), guesses, tuple(self._remarks))
        passing = Filter(all=tuple(operator.filter for operator in self.operators))
        return Parsed(text.strip() if self.operators else text, tuple(self._avoided), passing, interpretation)

    def _add_operator(self, match: re.Match[str], operator: Operator, *, avoided: str = "", stays: str = "") -> None:
        self.operators.append(operator)
        self._avoided += [avoided] if avoided else []
        self._cut(match.start(), match.end(), stays)

    def _cut(self, start: int, end: int, instead: str = "") -> None:
        """Cut this range out of the text. Of the spaces around it, those before it stay."""
        self._copy_until(start)
        self._text.append(instead)
        self._at = end
        if not instead and (start == 0 or self._typed[start - 1].isspace()):
            self._at += len(self._typed[end:]) - len(self._typed[end:].lstrip())

    def _copy_until(self, end: int) -> None:
        self._text.append(self._typed[self._at : end])
        self._loose.append(self._typed[self._at : end])
        self._at = end
