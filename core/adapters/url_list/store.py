"""A list of web addresses of pictures, as a source."""

import hashlib
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from core.adapters.stores.listing.exclusion import Exclusion
from core.adapters.stores.web_address import parse, redact_credentials
from core.adapters.url_list.fetcher import FetchResponse, WebFetcher, WebLimits
from core.adapters.url_list.host_throttle import HostThrottle
from core.adapters.url_list.reader import Row, read_rows
from core.domain.image import UNTOLD_ETAG, ImageRef
from core.errors import ImageUnchanged, LinkDead, SourceNotFound, StoreError
from core.errors.hints import TryAgain
from core.ports.image_store import EXCLUDED, Fetched
from core.settings import Settings

_log = logging.getLogger(__name__)

SCHEME = "list:"
_BLANK = "rows have no address"


class ListStore:
    """An ImageStore of the pictures in a list of web addresses, whose listing does not know their etags.

    A picture's key is its address in canonical spelling, so rows with the same address are one picture. Adjacent rows
    add up their captions; later ones are counted in `ignored`. An invalid address is listed too, and reading it fails
    with the reason.
    """

    def __init__(self, source: str, settings: Settings, patterns: Sequence[str] = ()) -> None:
        """Open list:FILE, or list:///FILE percent-encoded, without reading it. Raises SourceNotFound, InvalidSetting.

        `patterns` say what a person wants left out, by host and path, such as "example.org/ads/" or "*.gif".
        """
        self._path = _parse_path(source)
        if source == SCHEME or not self._path.is_file():
            missing = "it is a folder" if source != SCHEME and self._path.is_dir() else "there is no such file"
            raise SourceNotFound(source, f"{missing}; give list:FILE, one list of addresses")
        self.source = source_name(source)
        own = settings.url_list
        self.readers = own.readers
        self.ignored: Counter[str] = Counter()
        self.remarks: list[str] = []
        self._exclusion = Exclusion(patterns)
        self._blank: list[int] = []
        self._fetcher = WebFetcher(
            WebLimits(
                settings.decode.max_bytes,
                own.connect_timeout,
                own.read_timeout,
                own.total_timeout,
                own.redirects,
            ),
            allow_private=own.allow_private,
            user_agent=own.user_agent,
            at_once=own.readers,
        )
        self._hosts = HostThrottle(
            at_once=own.per_host,
            patience_s=own.patience,
            unknown_host_patience_s=own.host_patience,
        )

    def list(self) -> Iterator[ImageRef]:
        """Yield every picture, in the order of the list. Raises SourceNotFound, StoreError."""
        self.ignored.clear()
        self.remarks.clear()
        self._blank.clear()
        try:
            listed_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        except OSError as error:
            raise SourceNotFound(self.source, error.strerror or str(error)) from error
        with closing(_DigestSet()) as seen:
            waiting: ImageRef | None = None
            for row in read_rows(self._path, self.remarks.append):
                key = self._to_key(row)
                if key is None:
                    continue
                if self._exclusion and self._exclusion.excludes(_path_of(key)):
                    self.ignored[EXCLUDED] += 1
                    continue
                if waiting is not None and waiting.key == key:
                    captions = tuple(dict.fromkeys((*waiting.captions, *row.captions)))
                    waiting = replace(waiting, captions=captions)
                    continue
                if not seen.add(key):
                    self._count_ignored(row, "rows repeat an address from further up")
                    continue
                if waiting is not None:
                    yield waiting
                captions = tuple(dict.fromkeys(row.captions))
                waiting = ImageRef(self.source, key, key, UNTOLD_ETAG, 0, listed_at, captions=captions)
            if waiting is not None:
                yield waiting
        if blank := self.ignored[_BLANK]:
            first = ", ".join(map(str, self._blank)) + (", …" if blank > len(self._blank) else "")
            self.remarks.append(f"{self._path}: {blank:,} {_BLANK} (number {first})")

    def read(self, ref: ImageRef) -> bytes:
        """Download the picture. Raises LinkDead, ImageTooLarge, ImageUnavailable or another StoreError."""
        body = self._get(ref, "")
        assert body is not None
        return body.data

    def fetch(self, ref: ImageRef, etag: str) -> Fetched:
        """Download the picture unless it still has this etag. Raises ImageUnchanged where it has, else as `read`."""
        body = self._get(ref, etag)
        if body is None:
            raise ImageUnchanged(f"{ref.uri} has not changed")
        return Fetched(
            replace(
                ref,
                etag=body.validator or UNTOLD_ETAG,
                bytes=len(body.data),
                modified_at=body.modified_at or ref.modified_at,
                again=False,
            ),
            body.data,
        )

    def resolve_name(self, name: str) -> tuple[str, str]:
        """Resolve an address; key and uri are its canonical spelling. Raises ValueError."""
        address = str(parse(name))
        return address, address

    def stop(self) -> None:
        """End all waiting for hosts, with StoreError."""
        self._hosts.stop()

    def _get(self, ref: ImageRef, validator: str) -> FetchResponse | None:
        try:
            address = parse(ref.key)
        except ValueError as error:
            raise LinkDead(str(error)) from error
        return self._hosts.call(address.authority, ref.key, lambda: self._fetcher.fetch(address, validator))

    def _to_key(self, row: Row) -> str | None:
        if not row.address:
            self._count_ignored(row, _BLANK)
            self._blank += [row.number] if len(self._blank) < 3 else []
            return None
        try:
            return str(parse(row.address))
        except ValueError:
            return redact_credentials(row.address)

    def _count_ignored(self, row: Row, reason: str) -> None:
        self.ignored[reason] += 1
        _log.info("ignored row %d of %s: %s", row.number, self._path, reason)


class _DigestSet:
    """A set of texts that may outgrow memory: SQLite keeps digests of them in a temporary file of its own."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, text: str) -> bool:
        """Add a text, and tell whether it is new. Raises StoreError where there is no room for it."""
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        try:
            return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1
        except sqlite3.Error as error:
            raise StoreError(
                f"the list cannot be gone through: {error}", TryAgain("free some space for temporary files")
            ) from error

    def close(self) -> None:
        self._database.close()


def source_name(source: str) -> str:
    """Return the canonical name of a list's source, given as list:FILE or list:///FILE; the file need not exist."""
    return f"{SCHEME}//{quote(os.fsencode(_parse_path(source)))}"


def _path_of(address: str) -> str:
    """Return host and path of an address, unquoted, as patterns see them."""
    try:
        parts = urlsplit(address)
    except ValueError:  # it is listed all the same, and reading it tells why
        return address
    return f"{parts.netloc}{unquote(parts.path)}"


def _parse_path(source: str) -> Path:
    named = source.removeprefix(SCHEME)
    return Path(os.path.realpath(unquote(named[2:]) if named.startswith("///") else os.path.expanduser(named)))
