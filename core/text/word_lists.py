"""The lists that are ranked by words: captions, text in pictures, places, and names of files."""

from typing import Literal

WordListName = Literal["words", "text", "place", "name"]
WordField = Literal["words", "text_words", "place_words", "name_words"]

# The field that holds each list's words, in dictionary form.
WORD_FIELDS: dict[WordListName, WordField] = {
    "words": "words",
    "text": "text_words",
    "place": "place_words",
    "name": "name_words",
}
