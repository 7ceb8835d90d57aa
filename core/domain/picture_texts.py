"""What is said of an image, and the words of it: all of its record that tells whether a question's words fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.domain.image import CaptionOrigin, ImageRecord

# The payload fields that it is read from.
PICTURE_TEXTS = (
    "caption",
    "captions",
    "generated",
    "file_texts",
    "keywords",
    "people",
    "caption_origin",
    "words",
    "text_words",
    "place_words",
    "name_words",
)


@dataclass(frozen=True, slots=True)
class PictureTexts:
    """As an ImageRecord has it; `file_texts` are the texts alone."""

    caption: str | None
    captions: tuple[str, ...]
    generated: str | None
    file_texts: tuple[str, ...]
    keywords: tuple[str, ...]
    people: tuple[str, ...]
    caption_origin: CaptionOrigin | None
    words: tuple[str, ...]
    text_words: tuple[str, ...]
    place_words: tuple[str, ...]
    name_words: tuple[str, ...]

    @classmethod
    def of(cls, record: ImageRecord) -> "PictureTexts":
        """Take them from a whole record."""
        values = {name: getattr(record, name) for name in PICTURE_TEXTS}
        return cls(**values | {"file_texts": tuple(text.text for text in record.file_texts)})

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> "PictureTexts":
        """Read them from a payload, which may lack fields. Raises TypeError, KeyError for what no index writes."""
        held = payload.get
        return cls(
            held("caption"),
            tuple(held("captions") or ()),
            held("generated"),
            tuple(text["text"] for text in held("file_texts") or ()),
            tuple(held("keywords") or ()),
            tuple(held("people") or ()),
            held("caption_origin"),
            tuple(held("words") or ()),
            tuple(held("text_words") or ()),
            tuple(held("place_words") or ()),
            tuple(held("name_words") or ()),
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return every sentence that is said of the image, each once."""
        told = (self.caption, *self.captions, *self.file_texts, self.generated)
        return tuple(dict.fromkeys(text for text in told if text))
