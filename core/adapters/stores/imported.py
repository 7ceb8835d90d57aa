"""Images of which a library has vectors alone: imported, and of no source that could be read."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from core.adapters.stores.web_address import parse
from core.domain.image import ImageRef
from core.errors import ImageWithheld, SourceNotFound

SCHEME = "import://"


class ImportedStore:
    """An ImageStore that can neither be listed nor read: it gives imported images their names."""

    def __init__(self, source: str) -> None:
        self.source = source

    @classmethod
    def of(cls, file: Path) -> "ImportedStore":
        """For the vectors of a file: those of one folder belong together."""
        return cls(SCHEME + quote(os.fsencode(os.path.realpath(file.parent))))

    def list(self) -> Iterator[ImageRef]:
        raise SourceNotFound(
            self.source, "its vectors were imported without saying of which source; there is nothing to read"
        )

    def read(self, ref: ImageRef) -> bytes:
        raise ImageWithheld("its vector was imported, the picture is not here")

    def named(self, name: str) -> tuple[str, str]:
        if name.lower().startswith(("http://", "https://")):
            address = str(parse(name))
            return address, address
        return name, f"{self.source}/{quote(name)}"
