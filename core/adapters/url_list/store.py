"""Pictures on the web that a list names, as a source."""

import hashlib
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from core.adapters.stores.web_address import parse, redact_credentials
from core.adapters.url_list.fetcher import Body, WebFetcher, WebLimits
from core.adapters.url_list.host_throttle import Hosts
from core.adapters.url_list.reader import Row, read_rows
from core.domain.image import UNTOLD_ETAG, ImageRef
from core.errors import ImageUnchanged, LinkDead, SourceNotFound, StoreError
from core.errors.hints import TryAgain
from core.ports.image_store import Fetched
from core.settings import Settings

_log = logging.getLogger(__name__)

SCHEME = "list:"


class ListStore:
    """Every row of a list; an ImageStore whose listing cannot tell whether a picture has changed.

    A picture's key is its address in one spelling, so that rows which name the same one are one picture: rows that
    follow each other give it all of their captions, later ones are counted in `ignored`. What cannot be an address is
    listed too, and fails with its reason when it is read.
    """

    def __init__(self, source: str, settings: Settings) -> None:
        """`source` is list:FILE, or list:///FILE percent-encoded. Nothing is read. Raises SourceNotFound."""
        self._path = _path(source)
        if source == SCHEME or not self._path.is_file():
            raise SourceNotFound(source, "there is no such file; give list:FILE, the list of addresses")
        self.source = source_name(source)
        own = settings.url_list
        self.readers = own.readers
        self.ignored: Counter[str] = Counter()
        self._recheck = own.recheck
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
        self._hosts = Hosts(
            at_once=own.per_host,
            patience_s=own.patience,
            stranger_s=own.host_patience,
        )

    def list(self) -> Iterator[ImageRef]:
        """Every picture, in the order of the list."""
        self.ignored.clear()
        try:
            listed_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        except OSError as error:
            raise SourceNotFound(self.source, error.strerror or str(error)) from error
        with closing(_Seen()) as seen:
            waiting: ImageRef | None = None
            for row in read_rows(self._path):
                key = self._key(row)
                if key is None:
                    continue
                if waiting is not None and waiting.key == key:
                    captions = tuple(dict.fromkeys((*waiting.captions, *row.captions)))
                    waiting = replace(waiting, captions=captions)
                    continue
                if not seen.add(key):
                    self._ignore(row, "rows repeat an address from further up")
                    continue
                if waiting is not None:
                    yield waiting
                captions = tuple(dict.fromkeys(row.captions))
                waiting = ImageRef(
                    self.source, key, key, UNTOLD_ETAG, 0, listed_at, captions=captions, again=self._recheck
                )
            if waiting is not None:
                yield waiting

    def read(self, ref: ImageRef) -> bytes:
        """The picture's bytes as they are now."""
        body = self._get(ref, "")
        assert body is not None
        return body.data

    def fetch(self, ref: ImageRef, etag: str) -> Fetched:
        """The picture as it is now, or ImageUnchanged where it is still the one that had this etag."""
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
        address = str(parse(name))
        return address, address

    def stop(self) -> None:
        self._hosts.stop()

    def _get(self, ref: ImageRef, validator: str) -> Body | None:
        try:
            address = parse(ref.key)
        except ValueError as error:
            raise LinkDead(str(error)) from error
        return self._hosts.call(address.authority, ref.key, lambda: self._fetcher.fetch(address, validator))

    def _key(self, row: Row) -> str | None:
        if not row.address:
            self._ignore(row, "rows have no address")
            return None
        try:
            return str(parse(row.address))
        except ValueError:
            return redact_credentials(row.address)

    def _ignore(self, row: Row, reason: str) -> None:
        self.ignored[reason] += 1
        _log.info("ignored row %d of %s: %s", row.number, self._path, reason)


class _Seen:
    """A set of texts that may outgrow memory: SQLite keeps digests of them in a temporary file of its own."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, text: str) -> bool:
        """Is it new?"""
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
    """What the source of a list is called, given as list:FILE or list:///FILE. The file need not be there."""
    return f"{SCHEME}//{quote(os.fsencode(_path(source)))}"


def _path(source: str) -> Path:
    named = source.removeprefix(SCHEME)
    return Path(os.path.realpath(unquote(named[2:]) if named.startswith("///") else os.path.expanduser(named)))
