"""One row of a caption file: what it says of which picture, whatever the format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """A row: `where` it is in the file, the `name` of the picture as it is given, and its captions, some blank."""

    where: str
    name: str
    texts: tuple[str, ...]
