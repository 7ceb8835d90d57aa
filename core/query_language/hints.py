"""Sentences for the person who searches: how the question was understood, and what else may have been meant."""

from functools import partial
from itertools import chain

from core.domain.filtering.filters import INDEXED, Filter
from core.domain.query import Guess, Operator, OperatorKind, Query
from core.ports.vector_index import SearchableIndex
from core.query_language.operators import quote, require_named

_PARTICIPLES: dict[OperatorKind, str] = {
    "taken": "taken {}",
    "camera": "taken with {}",
    "lens": "taken through {}",
    "near": "taken near {}",
    "box": "taken in the box {}",
    "place": "taken in {}",
    "rating": "rated {}",
    "keyword": "filed under {}",
    "person": "of {}",
}
_NAMED = ("camera", "lens", "place", "keyword", "person")
MAX_COUNTED = 20_000  # pictures; of more, their names are read too slowly to be counted by the way


def write_hints(query: Query, index: SearchableIndex, total: int) -> list[str]:
    """Tell how the question was understood, and count what its guesses would find.

    Guesses at files are not counted in libraries of more than MAX_COUNTED pictures. Raises LibraryError.
    """
    understood = query.interpretation
    if not understood:
        return []
    sentences = [_describe_operators(understood.operators)] if understood.operators else []
    sentences += understood.remarks
    if understood.operators and not total and not index.count(INDEXED & query.filter):
        sentences += _explain_no_match(understood.operators, index)
    described = index.gather([partial(_describe_guess, guess, query) for guess in understood.guesses])
    return [*sentences, *chain.from_iterable(described)]


def _describe_operators(operators: tuple[Operator, ...]) -> str:
    return f"read as: {', '.join(map(_describe_operator, operators))} (raw, the very words are searched)"


def _describe_operator(operator: Operator) -> str:
    value, without = quote(operator.value), operator.leaves_out
    match operator.kind:
        case "word":
            return f"without {value}"
        case "phrase":
            return f"no caption that says {value}" if without else f"only captions that say {value}"
        case "file":
            return f"no files {value}" if without else f"only files {value}"
        case "text":
            return f"{'no' if without else 'only'} pictures that show {value}"
        case "incomplete":
            whole = without != (operator.value.lower() == "no")
            return "only whole pictures" if whole else "only incomplete pictures"
        case _:
            return f"{'not' if without else 'only pictures'} {_describe_picture(operator)}"


def _explain_no_match(operators: tuple[Operator, ...], index: SearchableIndex) -> list[str]:
    counts = index.gather([partial(_count, operator.filter) for operator in operators])
    alone = [operator for operator, count in zip(operators, counts, strict=True) if not count]
    if not alone:
        return ["no picture passes all of that together"]
    offers = index.gather([partial(_offer_pattern, operator) for operator in alone])
    return [_explain_operator(operator) + offer for operator, offer in zip(alone, offers, strict=True)]


def _explain_operator(operator: Operator) -> str:
    """Explain that an operator lets nothing pass."""
    if operator.leaves_out:
        return f"{quote(operator.typed)} leaves out every picture"
    match operator.kind:
        case "phrase":
            return f"no caption says {quote(operator.value)}: without the quotes, pictures are searched for it"
        case "file":
            return f"no file is called {quote(operator.value)}"
        case "incomplete":
            return "every picture is whole" if operator.value.lower() == "yes" else "no picture is whole"
        case "text":
            return f"in no picture {quote(operator.value)} was read"
        case _:
            return f"no picture is known to be {_describe_picture(operator)}"


def _count(filter: Filter, index: SearchableIndex) -> int:
    return index.count(INDEXED & filter)


def _offer_pattern(operator: Operator, index: SearchableIndex) -> str:
    """Tell of names that hold the value as a part of a word, such as 50mm in RF50mm; "" where there are none."""
    if operator.kind not in _NAMED or operator.leaves_out:
        return ""
    typed = f'{operator.kind}:"*{operator.value}*"' if " " in operator.value else f"{operator.kind}:*{operator.value}*"
    count = index.count(INDEXED & require_named(typed, operator.kind, f"*{operator.value}*", False).filter)
    return f"; {typed} finds {_format_count(count)}" if count else ""


def _describe_picture(operator: Operator) -> str:
    return _PARTICIPLES[operator.kind].format(quote(operator.value) if operator.kind in _NAMED else operator.value)


def _describe_guess(guess: Guess, query: Query, index: SearchableIndex) -> list[str]:
    searched = f"{quote(guess.typed)} is searched as words"
    asks = guess.operator.typed
    alone = guess.operator.filter
    if guess.operator.kind == "file" and index.count(INDEXED) > MAX_COUNTED:
        return [f"{searched}; {asks} finds files that are called so"] if guess.sure else []
    narrowed = (query.filter & alone, alone) if query.filter else (alone,)
    here, *anywhere = index.gather([partial(_count, filter) for filter in narrowed])
    if here:
        return [f"{searched}; {asks} finds {_format_count(here)}"]
    if any(anywhere):
        return [f"{searched}; {asks} finds {_format_count(anywhere[0])}, none of which passes the filters"]
    if guess.sure and guess.operator.kind == "file":
        return [f"{searched}, and no file is called so"]
    if guess.sure:
        return [f"{searched}; {asks} finds nothing: no picture is known to be taken then"]
    return []


def _format_count(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"
