"""A line of text that is written in a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOOKED = "look"  # the `text_reader` of a picture that a cheap look found no text in
UNREADABLE = "failed"  # that of one which could not be read

Box = tuple[float, float, float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text with where it stands.

    `box` is x and y of its four corners, clockwise from where its first letter begins at the top. They are shares of
    the width and the height of the upright picture, from 0 to 1. `score` says how sure the reader is, from 0 to 1.
    """

    text: str
    box: Box
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return the line as a payload holds it."""
        return {"text": self.text, "box": list(self.box), "score": self.score}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TextLine":
        """Invert `to_json`. Raises KeyError, TypeError and ValueError for anything else."""
        left, top, right, top_right, right_low, low, left_low, bottom = map(float, value["box"])
        box = (left, top, right, top_right, right_low, low, left_low, bottom)
        return cls(str(value["text"]), box, float(value["score"]))
