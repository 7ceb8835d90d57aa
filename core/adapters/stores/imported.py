"""Images that a library knows by imported vectors alone, without a source to read them from."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from core.adapters.stores.web_address import parse
from core.domain.image import ImageRef
from core.errors import ImageWithheld, SourceNotFound

SCHEME = "import://"


class ImportedStore:
    """An ImageStore that only names imported images; listing and reading raise errors."""

    def __init__(self, source: str) -> None:
        self.source = source

    @classmethod
    def of(cls, file: Path) -> "ImportedStore":
        """Return the store for a file of vectors; files of one folder share a source."""
        return cls(SCHEME + quote(os.fsencode(os.path.realpath(file.parent))))

    def list(self) -> Iterator[ImageRef]:
        raise SourceNotFound(
            self.source, "its vectors were imported without saying of which source; there is nothing to read"
        )

    def read(self, ref: ImageRef) -> bytes:
        raise ImageWithheld("its vector was imported, the picture is not here")

    def resolve_name(self, name: str) -> tuple[str, str]:
        if name.lower().startswith(("http://", "https://")):
            address = str(parse(name))
            return address, address
        return name, f"{self.source}/{quote(name)}"
