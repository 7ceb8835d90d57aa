"""A question as a person types it -> what is put to a model, or why it is refused."""

import unicodedata

from core.errors import InvalidQuery
from core.text.analysis import is_unicode

MAX_QUESTION = 500  # characters
_TAKES = f'a question of at most {MAX_QUESTION} characters, such as "what colour is the car?"'


def check_question(text: str) -> str:
    """Return the question with its blanks and line breaks as single blanks.

    Raises InvalidQuery for one that is too long or shows nothing, and for control characters and halves of characters.
    """
    question = " ".join(text.split())
    if not any(_is_visible(character) for character in question) or not is_unicode(question):
        raise InvalidQuery("question", text, _TAKES)
    if len(question) > MAX_QUESTION:
        raise InvalidQuery("question", f"{len(question):,} characters", _TAKES)
    if any(unicodedata.category(character) == "Cc" for character in question):
        raise InvalidQuery("question", text, "text without control characters")
    return question


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZM"  # signs that control, part or mark others
